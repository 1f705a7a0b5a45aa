"""Counts words: each update of a count goes to `word-counts`.

Three commands, in three terminals or one after the other:

    python -m examples.word_count.text | streamkit produce lines
    streamkit worker examples/word_count/app.py
    streamkit consume word-counts --value int --from-beginning
"""

from __future__ import annotations

import re

import streamkit as sk

__all__ = ["app", "count_words"]

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")

app = sk.App("word-count")
lines = app.topic("lines", key=str, value=str)


@app.stream(lines)
def count_words(lines: sk.KStream[str, str]) -> None:
    """Lines in, (word, count so far) out."""
    (
        lines.flat_map_values(lambda line: WORD.findall(line.lower()), value=str, name="split")
        .group_by(lambda _, word: word, key=str, name="by-word")
        .count(store="counts")
        .to_stream()
        .to("word-counts")
    )
