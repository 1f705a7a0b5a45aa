"""Journals of the torture test: what each process of the load was told, in the order of its being told.

A journal is a file of JSON lists, one a line. Times are of the monotonic clock, which all processes share.

| written by | entry | meaning |
| --- | --- | --- |
| idempotent | `acked value partition offset` | the broker has acknowledged the record |
| transactional | `begun number size` | a transaction of so many records begins |
| transactional | `committed number`, `aborted number` | the client was told that it ended so |
| transactional | `unknown number` | the producer broke down while it was open |
| reader | `read partition offset value` | the consumer got the record |
| reader | `offset_committed partition offset sent_ns acked_ns` | an offset commit that was acknowledged |
| reader | `fetched partition offset asked_ns` | the group's committed offset, as the broker told it |
| any | `gave_up reason` | a client met what it must not meet |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "LEDGER",
    "MOVED",
    "MOVERS",
    "NEW_READERS",
    "OWN_READERS",
    "PARTITIONS",
    "PLAIN",
    "READERS",
    "Journal",
    "entries",
    "record_name",
]

PARTITIONS = 3
PLAIN = "plain"  # what idempotent producers write, and all groups of readers read
LEDGER = "ledger"  # what transactional producers write
MOVED = "moved"  # what movers copy from the ledger, exactly once
READERS = "readers"  # of the classic protocol
OWN_READERS = "own-readers"  # of our own client
NEW_READERS = "new-readers"  # of the consumer protocol (KIP-848)
MOVERS = "movers"

Fact = str | int


class Journal:
    """Appends to one journal; what was written is in the file after `flush`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def write(self, kind: str, *facts: Fact) -> None:
        self._file.write(json.dumps([kind, *facts]) + "\n")

    def flush(self) -> None:
        self._file.flush()


def entries(path: Path) -> Iterator[tuple[str, list[Fact]]]:
    """Every whole entry: its kind and its facts. A last line that was cut off is left out."""
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):
                kind, *facts = json.loads(line)
                yield kind, facts


def record_name(producer: str, number: int, index: int = 0) -> str:
    """The value of a record: no two of a run are alike."""
    return f"{producer}/{number}/{index}"
