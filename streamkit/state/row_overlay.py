"""The overlay of stores that keep several entries a key, in time: windows, sessions, join buffers.

Layers as in `overlay`, each a dict of rows: key bytes to a dict of place to entry. A place is a number whose
order is that of the bytes that follow the key; `layouts` tells what it stands for. In the backend an entry
lies under segment id, key and place, so the entries of a span of time lie together and expire in one
`delete_range`.

Time: `observed` is the highest time ever put, kept over restarts. Entries with a time of
`observed - retention_ms` or less are invisible at once, whatever the segments still hold. They can
still be written while their segment lives: `live_range` finds them.

Owned by the processing thread.
"""

from __future__ import annotations

from collections.abc import Iterator

from mypy_extensions import i64

from streamkit.errors import ConfigError, StorageError
from streamkit.state.backends.base import Backend
from streamkit.state.entries import EntryCodec, Tombstone
from streamkit.state.keys import SEGMENT_BYTES, long_bytes
from streamkit.state.layouts import RowLayout, sequence_of
from streamkit.state.marks import OBSERVED, OFFSET, SEQUENCE, read_mark
from streamkit.state.overlay import ENTRY_BYTES, merged
from streamkit.state.segments import Segments
from streamkit.state.store import ChangelogWriter, SealedGeneration

__all__ = ["RowOverlay", "SealedRows"]


class RowOverlay:
    """See the module.

    Attributes:
        full: True when active holds more than its bound.
        observed: highest time ever put in milliseconds; -1 before the first.
        sequence: next sequence number, for layouts with numbers.
    """

    full: bool
    observed: i64
    sequence: i64

    def __init__(
        self,
        backend: Backend,
        codec: EntryCodec,
        *,
        layout: RowLayout,
        retention_ms: i64,
        max_bytes: i64,
        clean_bytes: i64,
    ) -> None:
        self._backend = backend
        self._layout = layout
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
        self.sequence = max(read_mark(backend, SEQUENCE), 1)  # Kafka Streams' first is 1
        self._segments = Segments(backend, retention_ms)

    def visible_from(self) -> i64:
        """Lowest time that is visible."""
        start = self.observed - self._retention_ms + 1
        return start if start > 0 else 0

    def lookup(self, raw_key: bytes, place: int, time_ms: i64) -> object:
        """The entry at a place: a tuple, `Encoded`, `Tombstone`, or None if there is nothing.

        Args:
            raw_key: the key.
            place: where in the row.
            time_ms: the place's time.
        """
        if time_ms > self.observed or time_ms <= self.observed - self._retention_ms:
            return None
        row = self._active.get(raw_key)
        if row is not None:
            entry = row.get(place)
            if entry is not None:
                return entry
        return self._lookup_behind(raw_key, place, time_ms)

    def put(self, raw_key: bytes, place: int, time_ms: i64, entry: object) -> None:
        """Set the entry at a place in the active generation; ignored if its segment has expired.

        Args:
            raw_key: the key.
            place: where in the row.
            time_ms: the place's time.
            entry: what the codec made.
        """
        if time_ms < 0:
            raise ConfigError(f"windows and sessions begin at 0 or later, not at {time_ms}")
        if time_ms > self.observed:
            self.observed = time_ms
        elif time_ms < self._segments.live_from(self.observed):
            return
        row = self._active.get(raw_key)
        if row is None:
            row = {}
            self._active[raw_key] = row
        if place not in row:
            self._grow(len(raw_key) + ENTRY_BYTES + self._codec.size(entry))
        elif not isinstance(entry, tuple):
            self._grow(self._codec.size(entry) - self._codec.size(row[place]))
        row[place] = entry

    def row(self, raw_key: bytes, from_ms: i64, to_ms: i64) -> dict[int, object]:
        """The entries of a key with a time in [from_ms, to_ms], in no order, without tombstones."""
        low = max(from_ms, self.visible_from())
        high = min(to_ms, self.observed)
        found: dict[int, object] = {}
        if low > high:
            return found
        suffix_bytes = self._layout.suffix_bytes
        for prefix in self._segments.prefixes(low, high):
            prefix += raw_key
            size = len(prefix) + suffix_bytes
            for key, data in self._backend.range(
                prefix + long_bytes(low), prefix + long_bytes(high + 1)
            ):
                if len(key) == size:
                    found[self._layout.place(key)] = self._codec.from_backend(data)
        sealed = self._sealed
        if sealed is not None:
            self._overlay_row(found, sealed.get(raw_key), low, high)
        self._overlay_row(found, self._active.get(raw_key), low, high)
        return found

    def live_range(self, from_ms: i64, to_ms: i64) -> Iterator[tuple[bytes, int, object]]:
        """As `range`, with what isn't visible any more but whose segment still lives."""
        return self._range(max(from_ms, self._segments.live_from(self.observed)), to_ms)

    def range(self, from_ms: i64, to_ms: i64) -> Iterator[tuple[bytes, int, object]]:
        """(key, place, entry) of all keys with a time in [from_ms, to_ms], by segment, key and place."""
        return self._range(max(from_ms, self.visible_from()), to_ms)

    def _range(self, low: i64, to_ms: i64) -> Iterator[tuple[bytes, int, object]]:
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
        return _in_time(merged(items, committed, self._codec, False), self._layout, low, high)

    def entries(self) -> i64:
        """How many entries wait for a commit."""
        count = _count(self._active)
        return count if self._sealed is None else count + _count(self._sealed)

    def seal(self) -> SealedRows | None:
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
        return SealedRows(self, self._sealed, self.observed, self._codec)

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
        layout = self._layout
        for key, value, timestamp in zip(keys, values, timestamps, strict=True):
            if key is None:
                continue
            if len(key) < layout.suffix_bytes:
                raise StorageError(
                    f"a changelog key of this store has at least {layout.suffix_bytes} bytes, "
                    f"not {len(key)}"
                )
            place = layout.place(key)
            if layout.numbered:
                self.sequence = max(self.sequence, sequence_of(place) + 1)
            time_ms = layout.time(place)
            if time_ms > self.observed:
                self.observed = time_ms
            elif time_ms < self._segments.live_from(self.observed):
                continue
            batch[self._segments.key(key, time_ms)] = codec.record_to_backend(value, timestamp)
        self._young.clear()
        self._old.clear()
        self._young_bytes = 0
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
            if self._layout.numbered:
                marks[SEQUENCE] = long_bytes(self.sequence)
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

    def time(self, place: int) -> i64:
        """The time of a place."""
        return self._layout.time(place)

    def key(self, raw_key: bytes, place: int) -> bytes:
        """Key and place as the changelog has them."""
        return raw_key + self._layout.suffix(place)

    def backend_key(self, raw_key: bytes, place: int) -> bytes:
        """Where an entry lies in the backend."""
        layout = self._layout
        return self._segments.key(raw_key + layout.suffix(place), layout.time(place))

    def _grow(self, size: i64) -> None:
        self._active_bytes += size
        if self._active_bytes > self._max_bytes:
            self.full = True

    def _lookup_behind(self, raw_key: bytes, place: int, time_ms: i64) -> object:
        entry: object = None
        sealed = self._sealed
        if sealed is not None:
            entry = _in_row(sealed, raw_key, place)
            if entry is not None:
                return entry
        entry = _in_row(self._young, raw_key, place)
        if entry is not None:
            return entry
        entry = _in_row(self._old, raw_key, place)
        if entry is None:
            if not self._segments.holds(time_ms):
                return None
            data = self._backend.get(self.backend_key(raw_key, place))
            if data is None:
                return None
            entry = self._codec.from_backend(data)
        if self._clean_bytes > 0:
            row = self._young.get(raw_key)
            if row is None:
                row = {}
                self._young[raw_key] = row
            row[place] = entry
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
            for place, entry in row.items():
                if low <= self._layout.time(place) <= high:
                    found[self.backend_key(raw_key, place)] = entry

    def _overlay_row(
        self, found: dict[int, object], row: dict[int, object] | None, low: i64, high: i64
    ) -> None:
        if row is None:
            return
        for place, entry in row.items():
            if low <= self._layout.time(place) <= high:
                if isinstance(entry, Tombstone):
                    found.pop(place, None)
                else:
                    found[place] = entry


class SealedRows(SealedGeneration):
    """A sealed generation of a row overlay."""

    def __init__(
        self,
        overlay: RowOverlay,
        entries: dict[bytes, dict[int, object]],
        observed: i64,
        codec: EntryCodec,
    ) -> None:
        self._overlay = overlay
        self._entries = entries
        self._observed = observed
        self._codec = codec
        self._items: list[tuple[bytes, int, object]] = [
            (raw_key, place, entry)
            for raw_key, row in entries.items()
            for place, entry in row.items()
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
        for raw_key, place, entry in self._items[start:stop]:
            value, timestamp = codec.to_changelog(entry)
            writer.write(self._overlay.key(raw_key, place), value, timestamp)
        self._written = stop
        return stop == size

    def persist(self, next_offset: i64, limit: i64 = 0) -> bool:
        overlay = self._overlay
        start = self._persisted
        size: i64 = len(self._items)
        if start == size:
            return True
        if not overlay.is_sealed(self._entries):
            raise RuntimeError("the sealed generation was discarded before it was persisted")
        stop = size if limit <= 0 or start + limit > size else start + limit
        codec = self._codec
        keys: list[bytes] = []
        values: list[bytes | None] = []
        for raw_key, place, entry in self._items[start:stop]:
            keys.append(overlay.backend_key(raw_key, place))
            values.append(codec.to_backend(entry))
        self._persisted = stop
        if stop < size:
            overlay.write(keys, values, -1, -1)
            return False
        overlay.write(keys, values, self._observed, next_offset)
        overlay.persisted(self._entries)
        return True


def _in_row(rows: dict[bytes, dict[int, object]], raw_key: bytes, place: int) -> object:
    row = rows.get(raw_key)
    return None if row is None else row.get(place)


def _count(rows: dict[bytes, dict[int, object]]) -> i64:
    count: i64 = 0
    for row in rows.values():
        count += len(row)
    return count


def _first(item: tuple[bytes, object]) -> bytes:
    return item[0]


def _in_time(
    entries: Iterator[tuple[bytes, object]], layout: RowLayout, low: i64, high: i64
) -> Iterator[tuple[bytes, int, object]]:
    for key, entry in entries:
        place = layout.place(key)
        if low <= layout.time(place) <= high:
            yield key[SEGMENT_BYTES : -layout.suffix_bytes], place, entry
