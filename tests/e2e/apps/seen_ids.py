"""Collects the distinct ids of each key: a table that shows every lost input and forgives repeated ones.

`SEEN_PAUSE` (seconds a record) slows it down, so that a test can kill it in the middle.
"""

from __future__ import annotations

import os
import time

import streamkit as sk

PAUSE = float(os.environ.get("SEEN_PAUSE", "0"))

app = sk.App("seen-ids", commit_interval_ms=100)
inputs = app.topic("inputs", key=str, value=int)


def add(_key: str, value: int, seen: list[int]) -> list[int]:
    if PAUSE:
        time.sleep(PAUSE)
    return seen if value in seen else sorted([*seen, value])


@app.stream(inputs)
def collect(stream: sk.KStream[str, int]) -> None:
    seen = stream.group_by_key().aggregate(list, add, store="seen", value=list[int])
    seen.to_stream().to("outputs", key=str, value=list[int])
