"""Real text of any machine: the documentation that comes with Python, and its licence."""

from __future__ import annotations

import pydoc_data.topics
from collections.abc import Iterator
from site import __doc__ as site_text

__all__ = ["text"]


def text() -> Iterator[str]:
    """Lines that aren't blank, in an order that is always the same."""
    for _, topic in sorted(pydoc_data.topics.topics.items()):
        yield from filter(str.strip, topic.splitlines())
    yield from filter(str.strip, (site_text or "").splitlines())


if __name__ == "__main__":
    for line in text():
        print(line)
