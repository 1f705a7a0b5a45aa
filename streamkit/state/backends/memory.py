"""A backend in memory: gone with the process, rebuilt from the changelog.

A dict, and a list of its keys that is brought in order when a range is asked for: writes cost a dict's
write, and sorting a nearly sorted list is cheap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from streamkit.state.backends.base import Backend

__all__ = ["MemoryBackend"]

_NO_MARKS: Mapping[bytes, bytes] = {}


class MemoryBackend(Backend):
    """See `Backend`."""

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._unsorted: dict[bytes, None] = {}
        self._removed = False
        self._marks: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self._entries.get(key)

    def write(
        self,
        keys: Sequence[bytes],
        values: Sequence[bytes | None],
        marks: Mapping[bytes, bytes] = _NO_MARKS,
    ) -> None:
        entries = self._entries
        for key, value in zip(keys, values, strict=True):
            if value is None:
                if entries.pop(key, None) is not None:
                    self._removed = True
            else:
                if key not in entries:
                    self._unsorted[key] = None
                entries[key] = value
        self._marks.update(marks)

    def range(
        self, low: bytes, high: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        keys = self._between(low, high)
        if reverse:
            keys.reverse()
        entries = self._entries
        return iter([(key, entries[key]) for key in keys])

    def delete_range(self, low: bytes, high: bytes | None) -> None:
        for key in self._between(low, high):
            del self._entries[key]
            self._removed = True

    def mark(self, name: bytes) -> bytes | None:
        return self._marks.get(name)

    def approximate_entries(self) -> int:
        return len(self._entries)

    def flush(self) -> None:
        pass

    def wipe(self) -> None:
        self._entries.clear()
        self._keys.clear()
        self._unsorted.clear()
        self._marks.clear()
        self._removed = False

    def close(self) -> None:
        pass

    def _between(self, low: bytes, high: bytes | None) -> list[bytes]:
        if self._removed:
            self._keys = [key for key in self._keys if key in self._entries]
            self._unsorted = {key: None for key in self._unsorted if key in self._entries}
            self._removed = False
        if self._unsorted:
            # A key that was removed and came back may stand in both.
            known = set(self._keys) if len(self._keys) else set()
            self._keys.extend(key for key in self._unsorted if key not in known)
            self._keys.sort()
            self._unsorted.clear()
        start = bisect_left(self._keys, low)
        stop = len(self._keys) if high is None else bisect_left(self._keys, high)
        return self._keys[start:stop]
