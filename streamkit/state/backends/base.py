"""What a store needs of a backend: a sorted map of bytes, and a few marks beside it.

Backends hold committed state only. Keys are any bytes; order is byte order. Marks (the changelog offset,
a window store's stream time) are written in the same step as entries and never show in ranges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Backend"]

_NO_MARKS: Mapping[bytes, bytes] = {}


class Backend:
    """A sorted map of bytes. One owner thread."""

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`."""
        raise NotImplementedError

    def write(
        self,
        keys: Sequence[bytes],
        values: Sequence[bytes | None],
        marks: Mapping[bytes, bytes] = _NO_MARKS,
    ) -> None:
        """Set entries (a value of None deletes) and marks, in one step and in order."""
        raise NotImplementedError

    def range(
        self, low: bytes, high: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries with low <= key < high (None: to the end), as they are now."""
        raise NotImplementedError

    def delete_range(self, low: bytes, high: bytes | None) -> None:
        """Remove all entries with low <= key < high."""
        raise NotImplementedError

    def mark(self, name: bytes) -> bytes | None:
        """The value of a mark."""
        raise NotImplementedError

    def approximate_entries(self) -> int:
        """Roughly how many entries there are."""
        raise NotImplementedError

    def flush(self) -> None:
        """Make everything written durable. Blocks."""
        raise NotImplementedError

    def wipe(self) -> None:
        """Remove all entries and marks."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush and close. Safe to call twice."""
        raise NotImplementedError
