"""Aborted transactions of one segment: `.txnindex`.

A reader with read_committed gets, with its batches, the aborted transactions that overlap them. The
file exists only when the segment holds an abort marker.

| bytes | field |
| --- | --- |
| 2 | version, 0 |
| 8 | producer id |
| 8 | first offset of the transaction |
| 8 | offset of its abort marker |
| 8 | last stable offset when the marker was written |

Source: org.apache.kafka.storage.internals.log.AbortedTxn.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from streamkit.errors import CorruptRecordError
from streamkit.log.storage.files import OpenFiles

__all__ = ["AbortedTransaction", "TransactionIndex"]

_ENTRY = struct.Struct(">hqqqq")


class AbortedTransaction(NamedTuple):
    """One aborted transaction: records of `producer_id` in `[first_offset, last_offset]` are void."""

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class TransactionIndex:
    """The aborted transactions of one segment, in the order of their markers.

    Args:
        path: the file; it need not exist.
        files: opens it.
    """

    __slots__ = ("_entries", "_files", "_saved", "path")

    def __init__(self, path: str, files: OpenFiles) -> None:
        self.path = path
        self._files = files
        self._entries: list[AbortedTransaction] | None = None
        self._saved = 0

    def entries(self) -> list[AbortedTransaction]:
        """All entries; read from the file once. The list is the index's own.

        Raises:
            CorruptRecordError: the file isn't a transaction index.
        """
        if self._entries is None:
            data = self._files.read_all(self.path) or b""
            self._entries = _parse(data, self.path)
            self._saved = len(self._entries)
        return self._entries

    def is_sound(self) -> bool:
        """Whether the file, if there is one, can be read; a crash of the machine may have torn its end."""
        try:
            if self._entries is None:
                # Not kept: most segments' entries are never asked for.
                _parse(self._files.read_all(self.path) or b"", self.path)
        except CorruptRecordError:
            return False
        return True

    def append(self, transaction: AbortedTransaction) -> None:
        """Add a transaction whose marker was just written; `save` puts it into the file."""
        self.entries().append(transaction)

    def save(self) -> bool:
        """Write the entries that aren't in the file yet; True if there is a file now."""
        entries = self._entries
        if entries is None:
            return False
        if self._saved < len(entries):
            data = b"".join(_ENTRY.pack(0, *entry) for entry in entries[self._saved :])
            self._files.write(self.path, data, self._saved * _ENTRY.size)
            self._saved = len(entries)
        return bool(entries)

    def collect(self, from_offset: int, to_offset: int, into: list[AbortedTransaction]) -> bool:
        """Add to `into` the transactions that overlap `[from_offset, to_offset)`.

        Returns:
            Whether the search is complete: no later segment can hold more of them.
        """
        for entry in self.entries():
            if entry.last_offset >= from_offset and entry.first_offset < to_offset:
                into.append(entry)
            if entry.last_stable_offset >= to_offset:
                return True
        return False

    def truncate_to(self, offset: int) -> None:
        """Forget transactions whose marker is at or after `offset`."""
        entries = self.entries()
        kept = [entry for entry in entries if entry.last_offset < offset]
        if len(kept) < self._saved:
            self._files.truncate(self.path, len(kept) * _ENTRY.size)
            self._saved = len(kept)
        self._entries = kept

    def reset(self) -> None:
        """Forget everything, before a rebuild."""
        self._files.remove(self.path)
        self._entries = []
        self._saved = 0


def _parse(data: bytes, path: str) -> list[AbortedTransaction]:
    if len(data) % _ENTRY.size:
        raise CorruptRecordError(
            f"transaction index {path} has {len(data)} bytes, no multiple of {_ENTRY.size}",
            path=path,
        )
    entries: list[AbortedTransaction] = []
    last = -1
    for version, *fields in _ENTRY.iter_unpack(data):
        entry = AbortedTransaction(*fields)
        if version != 0 or entry.first_offset > entry.last_offset or entry.last_offset <= last:
            raise CorruptRecordError(
                f"transaction index {path} is damaged at entry {len(entries)}",
                path=path,
                position=len(entries) * _ENTRY.size,
            )
        last = entry.last_offset
        entries.append(entry)
    return entries
