"""The overlay of a window store: rows of uncommitted windows in memory, in front of a backend.

Layers as in `overlay`, each a dict of rows: key bytes to a dict of start to entry. In the backend a
window lies under segment id, key, start and sequence (see `keys`), so the windows of a span of time lie
together and expire in one `delete_range`.

Time: `observed` is the highest start ever put, kept over restarts. Windows with a start of
`observed - retention_ms` or less are invisible at once, whatever the segments still hold, and writing
them is ignored.

Owned by the processing thread.
"""

from __future__ import annotations

from collections.abc import Iterator

from mypy_extensions import i64

from streamkit.errors import ConfigError
from streamkit.state.backends.base import Backend
from streamkit.state.entries import EntryCodec, Tombstone
from streamkit.state.keys import (
    SEGMENT_BYTES,
    WINDOW_SUFFIX_BYTES,
    long_bytes,
    long_from,
    split_window_key,
    window_key,
)
from streamkit.state.marks import OBSERVED, OFFSET, read_mark
from streamkit.state.overlay import ENTRY_BYTES, merged
from streamkit.state.segments import Segments
from streamkit.state.store import ChangelogWriter, SealedGeneration

__all__ = ["SealedWindows", "WindowOverlay"]


class WindowOverlay:
    """See the module.

    Attributes:
        full: True when active holds more than its bound.
        observed: highest start ever put in milliseconds; -1 before the first.
    """

    full: bool
    observed: i64

    def __init__(
        self,
        backend: Backend,
        codec: EntryCodec,
        *,
        retention_ms: i64,
        max_bytes: i64,
        clean_bytes: i64,
    ) -> None:
        self._backend = backend
        self._codec = codec
        self._retention_ms = retention_ms
        self._max_bytes = max_bytes
        self._clean_bytes = clean_bytes
        self._active: dict[bytes, dict[int, object]] = {}
        self._active_bytes: i64 = 0
        self._sealed: dict[bytes, dict[int, object]] | None = None
        self._sealed_bytes: i64 = 0
        self._young: dict[bytes, dict[int, object]] = {}
        self._old: dict[bytes, dict[int, object]] = {}
        self._young_bytes: i64 = 0
        self.full = False
        self.observed = read_mark(backend, OBSERVED)
        self._segments = Segments(backend, retention_ms)

    def visible_from(self) -> i64:
        """Lowest start that is visible."""
        start = self.observed - self._retention_ms + 1
        return start if start > 0 else 0

    def lookup(self, raw_key: bytes, start_ms: i64) -> object:
        """The entry of a window: a tuple, `Encoded`, `Tombstone`, or None if there is nothing."""
        if start_ms > self.observed or start_ms <= self.observed - self._retention_ms:
            return None
        row = self._active.get(raw_key)
        if row is not None:
            entry = row.get(start_ms)
            if entry is not None:
                return entry
        return self._lookup_behind(raw_key, start_ms)

    def put(self, raw_key: bytes, start_ms: i64, entry: object) -> None:
        """Set the entry of a window in the active generation; ignored if it isn't visible any more."""
        if start_ms < 0:
            raise ConfigError(f"a window starts at 0 or later, not at {start_ms}")
        if start_ms > self.observed:
            self.observed = start_ms
        elif start_ms <= self.observed - self._retention_ms:
            return
        row = self._active.get(raw_key)
        if row is None:
            row = {}
            self._active[raw_key] = row
        if start_ms not in row:
            self._grow(len(raw_key) + ENTRY_BYTES + self._codec.size(entry))
        elif not isinstance(entry, tuple):
            self._grow(self._codec.size(entry) - self._codec.size(row[start_ms]))
        row[start_ms] = entry

    def row(self, raw_key: bytes, from_ms: i64, to_ms: i64) -> dict[int, object]:
        """The windows of a key that start in [from_ms, to_ms], in no order, without tombstones."""
        low = max(from_ms, self.visible_from())
        high = min(to_ms, self.observed)
        found: dict[int, object] = {}
        if low > high:
            return found
        for prefix in self._segments.prefixes(low, high):
            prefix += raw_key
            size = len(prefix) + WINDOW_SUFFIX_BYTES
            for key, data in self._backend.range(
                prefix + long_bytes(low), prefix + long_bytes(high + 1)
            ):
                if len(key) == size:
                    start = long_from(key, size - WINDOW_SUFFIX_BYTES)
                    found[start] = self._codec.from_backend(data)
        sealed = self._sealed
        if sealed is not None:
            _overlay_row(found, sealed.get(raw_key), low, high)
        _overlay_row(found, self._active.get(raw_key), low, high)
        return found

    def range(self, from_ms: i64, to_ms: i64) -> Iterator[tuple[bytes, i64, object]]:
        """Windows of all keys that start in [from_ms, to_ms], by segment, key bytes and start."""
        low = max(from_ms, self.visible_from())
        high = min(to_ms, self.observed)
        if low > high:
            return iter([])
        uncommitted: dict[bytes, object] = {}
        if self._sealed is not None:
            self._collect(uncommitted, self._sealed, low, high)
        self._collect(uncommitted, self._active, low, high)
        items = list(uncommitted.items())
        items.sort(key=_first)
        bottom, top = self._segments.bounds(low, high)
        committed = self._backend.range(bottom, top)
        return _in_time(merged(items, committed, self._codec, False), low, high)

    def entries(self) -> i64:
        """How many windows wait for a commit."""
        count = _count(self._active)
        return count if self._sealed is None else count + _count(self._sealed)

    def seal(self) -> SealedWindows | None:
        """Close the active generation; None if it is empty."""
        if not self._active:
            return None
        if self._sealed is not None:
            raise RuntimeError("the sealed generation is neither persisted nor discarded")
        self._sealed = self._active
        self._sealed_bytes = self._active_bytes
        self._active = {}
        self._active_bytes = 0
        self.full = False
        return SealedWindows(self, self._sealed, self.observed, self._codec)

    def discard(self) -> None:
        """Forget both generations, and go back to the stream time of the backend."""
        self._active = {}
        self._active_bytes = 0
        self._sealed = None
        self.full = False
        self.observed = read_mark(self._backend, OBSERVED)

    def clear(self) -> None:
        """Drop everything, the clean copies too."""
        self._young = {}
        self._old = {}
        self._young_bytes = 0
        self.discard()
        self._segments.reload()

    def forget(self) -> None:
        """Drop everything in memory; the backend may be closed."""
        self._active = {}
        self._sealed = None
        self._young = {}
        self._old = {}

    def restore(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        """Write changelog records to the backend; what has expired is left out."""
        batch: dict[bytes, bytes | None] = {}
        codec = self._codec
        for key, value, timestamp in zip(keys, values, timestamps, strict=True):
            if key is None:
                continue
            _, start, _ = split_window_key(key)
            if start > self.observed:
                self.observed = start
            elif start <= self.observed - self._retention_ms:
                continue
            batch[self._segments.key(key, start)] = codec.record_to_backend(value, timestamp)
        self._young.clear()
        self._old.clear()
        self.write(list(batch), list(batch.values()), self.observed, next_offset)

    def write(
        self, keys: list[bytes], values: list[bytes | None], observed: i64, next_offset: i64
    ) -> None:
        """Write to the backend, with the marks, and drop the segments that have expired.

        Args:
            observed: stream time of what is written; negative: write no marks.
            next_offset: changelog offset for the mark; negative: leave it.
        """
        self._segments.written(keys)
        marks: dict[bytes, bytes] = {}
        if observed >= 0:
            marks[OBSERVED] = long_bytes(observed)
        if next_offset >= 0:
            marks[OFFSET] = long_bytes(next_offset)
        self._backend.write(keys, values, marks)
        if observed >= 0:
            self._segments.expire(observed)

    def persisted(self, entries: dict[bytes, dict[int, object]]) -> None:
        """Take note that the sealed generation is in the backend."""
        if self._sealed is not entries:
            return
        self._sealed = None
        if self._clean_bytes > 0:
            young = self._young
            for raw_key, row in entries.items():
                known = young.get(raw_key)
                if known is None:
                    young[raw_key] = row
                else:
                    known.update(row)
            self._young_bytes += self._sealed_bytes
            self._age()

    def is_sealed(self, entries: dict[bytes, dict[int, object]]) -> bool:
        """Whether `entries` is still the sealed generation: not once it was discarded."""
        return self._sealed is entries

    def backend_key(self, raw_key: bytes, start_ms: i64) -> bytes:
        """Where a window lies in the backend."""
        return self._segments.key(window_key(raw_key, start_ms), start_ms)

    def _grow(self, size: i64) -> None:
        self._active_bytes += size
        if self._active_bytes > self._max_bytes:
            self.full = True

    def _lookup_behind(self, raw_key: bytes, start_ms: i64) -> object:
        entry: object = None
        sealed = self._sealed
        if sealed is not None:
            entry = _in_row(sealed, raw_key, start_ms)
            if entry is not None:
                return entry
        entry = _in_row(self._young, raw_key, start_ms)
        if entry is not None:
            return entry
        entry = _in_row(self._old, raw_key, start_ms)
        if entry is None:
            if not self._segments.holds(start_ms):
                return None
            data = self._backend.get(self.backend_key(raw_key, start_ms))
            if data is None:
                return None
            entry = self._codec.from_backend(data)
        if self._clean_bytes > 0:
            row = self._young.get(raw_key)
            if row is None:
                row = {}
                self._young[raw_key] = row
            row[start_ms] = entry
            self._young_bytes += len(raw_key) + ENTRY_BYTES + self._codec.size(entry)
            self._age()
        return entry

    def _age(self) -> None:
        if self._young_bytes > self._clean_bytes // 2:
            self._old = self._young if self._young_bytes <= self._clean_bytes else {}
            self._young = {}
            self._young_bytes = 0

    def _collect(
        self,
        found: dict[bytes, object],
        rows: dict[bytes, dict[int, object]],
        low: i64,
        high: i64,
    ) -> None:
        for raw_key, row in rows.items():
            for start, entry in row.items():
                if low <= start <= high:
                    found[self.backend_key(raw_key, start)] = entry


class SealedWindows(SealedGeneration):
    """A sealed generation of a window overlay."""

    def __init__(
        self,
        overlay: WindowOverlay,
        entries: dict[bytes, dict[int, object]],
        observed: i64,
        codec: EntryCodec,
    ) -> None:
        self._overlay = overlay
        self._entries = entries
        self._observed = observed
        self._codec = codec
        self._items: list[tuple[bytes, int, object]] = [
            (raw_key, start, entry)
            for raw_key, row in entries.items()
            for start, entry in row.items()
        ]
        self._written: i64 = 0
        self._persisted: i64 = 0

    def entries(self) -> int:
        return len(self._items)

    def write_changelog(self, writer: ChangelogWriter, limit: i64 = 0) -> bool:
        start = self._written
        size: i64 = len(self._items)
        stop = size if limit <= 0 or start + limit > size else start + limit
        codec = self._codec
        for raw_key, window_start, entry in self._items[start:stop]:
            value, timestamp = codec.to_changelog(entry)
            writer.write(window_key(raw_key, window_start), value, timestamp)
        self._written = stop
        return stop == size

    def persist(self, next_offset: i64, limit: i64 = 0) -> bool:
        overlay = self._overlay
        if not overlay.is_sealed(self._entries):
            raise RuntimeError("the sealed generation was persisted or discarded before")
        start = self._persisted
        size: i64 = len(self._items)
        stop = size if limit <= 0 or start + limit > size else start + limit
        codec = self._codec
        keys: list[bytes] = []
        values: list[bytes | None] = []
        for raw_key, window_start, entry in self._items[start:stop]:
            keys.append(overlay.backend_key(raw_key, window_start))
            values.append(codec.to_backend(entry))
        self._persisted = stop
        if stop < size:
            overlay.write(keys, values, -1, -1)
            return False
        overlay.write(keys, values, self._observed, next_offset)
        overlay.persisted(self._entries)
        return True


def _in_row(rows: dict[bytes, dict[int, object]], raw_key: bytes, start_ms: i64) -> object:
    row = rows.get(raw_key)
    return None if row is None else row.get(start_ms)


def _overlay_row(
    found: dict[int, object], row: dict[int, object] | None, low: i64, high: i64
) -> None:
    if row is None:
        return
    for start, entry in row.items():
        if low <= start <= high:
            if isinstance(entry, Tombstone):
                found.pop(start, None)
            else:
                found[start] = entry


def _count(rows: dict[bytes, dict[int, object]]) -> i64:
    count: i64 = 0
    for row in rows.values():
        count += len(row)
    return count


def _first(item: tuple[bytes, object]) -> bytes:
    return item[0]


def _in_time(
    entries: Iterator[tuple[bytes, object]], low: i64, high: i64
) -> Iterator[tuple[bytes, i64, object]]:
    for key, entry in entries:
        raw_key, start, _ = split_window_key(key[SEGMENT_BYTES:])
        if low <= start <= high:
            yield raw_key, start, entry
