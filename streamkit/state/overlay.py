"""The overlay of a key-value store: uncommitted writes in memory, in front of a backend.

Three layers answer a read, newest first, before the backend is asked:

| layer | holds | bound |
| --- | --- | --- |
| active | writes since the last seal | `overlay_max_bytes`; beyond it `full` is True and the owner commits |
| sealed | writes of the commit that is under way | what active was |
| clean | copies of what the backend has, two generations: hits move to the young one | `clean_cache_bytes` |

A write goes to active alone. Persisting moves sealed to the backend and then to clean, so a hot key stays
in memory over a commit. Sizes are estimates: bytes of keys and values and a constant an entry.

Keys are sorted when a range is asked for. Owned by the processing thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from mypy_extensions import i64

from streamkit.state.backends.base import Backend
from streamkit.state.entries import EntryCodec, Tombstone
from streamkit.state.keys import long_bytes
from streamkit.state.marks import OFFSET
from streamkit.state.store import ChangelogWriter, SealedGeneration

__all__ = ["ENTRY_BYTES", "Overlay", "SealedEntries", "merged"]

ENTRY_BYTES: Final = 160
"""A dict slot, the key object, the tuple and the boxed numbers, as measured with sys.getsizeof."""


class Overlay:
    """See the module.

    Attributes:
        full: True when active holds more than its bound.
    """

    full: bool

    def __init__(
        self, backend: Backend, codec: EntryCodec, *, max_bytes: i64, clean_bytes: i64
    ) -> None:
        self._backend = backend
        self._codec = codec
        self._max_bytes = max_bytes
        self._clean_bytes = clean_bytes
        self._active: dict[bytes, object] = {}
        self._active_bytes: i64 = 0
        self._sealed: dict[bytes, object] | None = None
        self._sealed_bytes: i64 = 0
        self._young: dict[bytes, object] = {}
        self._old: dict[bytes, object] = {}
        self._young_bytes: i64 = 0
        self._sorted: list[bytes] = []
        self._sealed_sorted: list[bytes] = []
        self.full = False

    def lookup(self, raw_key: bytes) -> object:
        """The entry of a key: a tuple, `Encoded`, `Tombstone`, or None if there is nothing."""
        entry = self._active.get(raw_key)
        if entry is not None:
            return entry
        return self._lookup_behind(raw_key)

    def put(self, raw_key: bytes, entry: object) -> None:
        """Set the entry of a key in the active generation."""
        active = self._active
        before = active.get(raw_key)
        if before is None:
            self._active_bytes += len(raw_key) + ENTRY_BYTES + self._codec.size(entry)
            if self._active_bytes > self._max_bytes:
                self.full = True
        elif not isinstance(entry, tuple):
            self._active_bytes += self._codec.size(entry) - self._codec.size(before)
            if self._active_bytes > self._max_bytes:
                self.full = True
        active[raw_key] = entry

    def range(
        self, low: bytes, high: bytes | None, reverse: bool
    ) -> Iterator[tuple[bytes, object]]:
        """Entries without tombstones with low <= key < high, as they are now, by key bytes."""
        uncommitted = self._uncommitted(low, high)
        if reverse:
            uncommitted.reverse()
        committed = self._backend.range(low, high, reverse=reverse)
        return merged(uncommitted, committed, self._codec, reverse)

    def entries(self) -> i64:
        """How many keys wait for a commit."""
        sealed = self._sealed
        return len(self._active) + (0 if sealed is None else len(sealed))

    def seal(self, marks: dict[bytes, bytes] | None = None) -> SealedEntries | None:
        """Close the active generation; None if it is empty. `marks` go to the backend with its end."""
        if not self._active:
            return None
        if self._sealed is not None:
            raise RuntimeError("the sealed generation is neither persisted nor discarded")
        self._sealed = self._active
        self._sealed_bytes = self._active_bytes
        self._sealed_sorted = self._sorted
        self._active = {}
        self._active_bytes = 0
        self._sorted = []
        self.full = False
        return SealedEntries(self, self._sealed, self._backend, self._codec, marks or {})

    def discard(self) -> None:
        """Forget both generations."""
        self._active = {}
        self._active_bytes = 0
        self._sealed = None
        self._sealed_sorted = []
        self._sorted = []
        self.full = False

    def forget(self, raw_key: bytes) -> None:
        """Drop the clean copy of a key: the backend was written past the overlay."""
        self._young.pop(raw_key, None)
        self._old.pop(raw_key, None)

    def clear(self) -> None:
        """Drop everything, the clean copies too."""
        self.discard()
        self._young = {}
        self._old = {}
        self._young_bytes = 0

    def persisted(self, entries: dict[bytes, object]) -> None:
        """Take note that the sealed generation is in the backend."""
        if self._sealed is not entries:
            return
        self._sealed = None
        self._sealed_sorted = []
        if self._clean_bytes > 0:
            self._young.update(entries)
            self._young_bytes += self._sealed_bytes
            self._age()

    def is_sealed(self, entries: dict[bytes, object]) -> bool:
        """Whether `entries` is still the sealed generation: not once it was discarded."""
        return self._sealed is entries

    def _lookup_behind(self, raw_key: bytes) -> object:
        sealed = self._sealed
        if sealed is not None:
            entry = sealed.get(raw_key)
            if entry is not None:
                return entry
        entry = self._young.get(raw_key)
        if entry is not None:
            return entry
        entry = self._old.get(raw_key)
        if entry is None:
            data = self._backend.get(raw_key)
            if data is None:
                return None
            entry = self._codec.from_backend(data)
        if self._clean_bytes > 0:
            self._young[raw_key] = entry
            self._young_bytes += len(raw_key) + ENTRY_BYTES + self._codec.size(entry)
            self._age()
        return entry

    def _age(self) -> None:
        # The young generation takes half of the room; then it becomes the old one, whose entries
        # that nobody read since are gone.
        if self._young_bytes > self._clean_bytes // 2:
            self._old = self._young if self._young_bytes <= self._clean_bytes else {}
            self._young = {}
            self._young_bytes = 0

    def _uncommitted(self, low: bytes, high: bytes | None) -> list[tuple[bytes, object]]:
        active = self._active
        _complete(self._sorted, active)
        result = [(key, active[key]) for key in _between(self._sorted, low, high)]
        sealed = self._sealed
        if sealed is None:
            return result
        _complete(self._sealed_sorted, sealed)
        behind = [
            (key, sealed[key])
            for key in _between(self._sealed_sorted, low, high)
            if key not in active
        ]
        if behind:
            result.extend(behind)
            result.sort(key=_first)
        return result


class SealedEntries(SealedGeneration):
    """A sealed generation of a key-value overlay."""

    def __init__(
        self,
        overlay: Overlay,
        entries: dict[bytes, object],
        backend: Backend,
        codec: EntryCodec,
        marks: dict[bytes, bytes],
    ) -> None:
        self._overlay = overlay
        self._marks = marks
        self._entries = entries
        self._items = list(entries.items())
        self._backend = backend
        self._codec = codec
        self._written: i64 = 0
        self._persisted: i64 = 0

    def entries(self) -> int:
        return len(self._items)

    def write_changelog(self, writer: ChangelogWriter, limit: i64 = 0) -> bool:
        start = self._written
        stop = _step(start, len(self._items), limit)
        codec = self._codec
        for raw_key, entry in self._items[start:stop]:
            value, timestamp = codec.to_changelog(entry)
            writer.write(raw_key, value, timestamp)
        self._written = stop
        return stop == len(self._items)

    def persist(self, next_offset: i64, limit: i64 = 0) -> bool:
        start = self._persisted
        size: i64 = len(self._items)
        if start == size:
            return True
        if not self._overlay.is_sealed(self._entries):
            raise RuntimeError("the sealed generation was discarded before it was persisted")
        stop = _step(start, size, limit)
        codec = self._codec
        keys: list[bytes] = []
        values: list[bytes | None] = []
        for raw_key, entry in self._items[start:stop]:
            keys.append(raw_key)
            values.append(codec.to_backend(entry))
        marks: dict[bytes, bytes] = {}
        if stop == size:
            marks.update(self._marks)
            if next_offset >= 0:
                marks[OFFSET] = long_bytes(next_offset)
        self._backend.write(keys, values, marks)
        self._persisted = stop
        if stop < size:
            return False
        self._overlay.persisted(self._entries)
        return True


def _step(start: i64, size: i64, limit: i64) -> i64:
    if limit <= 0 or start + limit > size:
        return size
    return start + limit


def _complete(keys: list[bytes], entries: dict[bytes, object]) -> None:
    """Bring `keys` up to the keys of `entries`, sorted."""
    if len(keys) != len(entries):
        # Keys are only ever added to a generation, at the end of the dict.
        keys.extend(list(entries)[len(keys) :])
        keys.sort()


def _between(keys: list[bytes], low: bytes, high: bytes | None) -> list[bytes]:
    start = bisect_left(keys, low)
    stop = len(keys) if high is None else bisect_left(keys, high)
    return keys[start:stop]


def _first(item: tuple[bytes, object]) -> bytes:
    return item[0]


def merged(
    uncommitted: list[tuple[bytes, object]],
    committed: Iterator[tuple[bytes, bytes]],
    codec: EntryCodec,
    reverse: bool,
) -> Iterator[tuple[bytes, object]]:
    """Both in order; an uncommitted entry hides the committed one of the same key."""
    position = 0
    size = len(uncommitted)
    for key, data in committed:
        hidden = False
        while position < size:
            next_key, entry = uncommitted[position]
            if next_key == key:
                hidden = True
            elif (next_key < key) == reverse:
                break
            position += 1
            if not isinstance(entry, Tombstone):
                yield next_key, entry
            if hidden:
                break
        if not hidden:
            yield key, codec.from_backend(data)
    for next_key, entry in uncommitted[position:]:
        if not isinstance(entry, Tombstone):
            yield next_key, entry
