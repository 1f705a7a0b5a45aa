"""The overlay of stores that keep several entries a key, in time: windows, sessions, join buffers.

Layers as in `overlay`, each a dict of key bytes to the key's `Row`: place to entry, sorted. A place is a number whose
order is that of the bytes that follow the key; `layouts` tells what it stands for. In the backend an entry
lies under segment id, key and place, so the entries of a span of time lie together and expire in one
`delete_range`.

A range of the backend costs more than all else that a record needs (`bench.micro_operators`), so it is asked only when it
may know more than the memory:

- it has nothing later than `_stored_to`, and most records ask for the time behind that;
- a clean row says from which time on it is complete. One made of a generation just written is so from where the
  backend ended before; one made of a range is so from where that range began.

Time: `observed` is the highest time ever put, kept over restarts. Entries with a time of
`observed - retention_ms` or less are invisible at once, whatever the segments still hold. They can
still be written while their segment lives: `live_range` finds them. Those of join buffers, which nobody looks at
again, are forgotten as they become invisible, unwritten if no commit came in between.

Owned by the processing thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from mypy_extensions import i64

from streamkit.errors import ConfigError, StorageError
from streamkit.state.backends.base import Backend
from streamkit.state.entries import EntryCodec, Tombstone
from streamkit.state.keys import SEGMENT_BYTES, long_bytes
from streamkit.state.layouts import RowLayout, sequence_of
from streamkit.state.marks import OBSERVED, OFFSET, SEQUENCE, read_mark
from streamkit.state.overlay import ENTRY_BYTES, merged
from streamkit.state.rows import Row
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
        self._active: dict[bytes, Row] = {}
        self._active_bytes: i64 = 0
        # Keys of a join buffer's active entries, in the order of their arrival.
        self._arrivals: deque[bytes] = deque()
        self._forgets = layout.numbered and retention_ms > 0
        self._sealed: dict[bytes, Row] | None = None
        self._young: dict[bytes, Row] = {}
        self._old: dict[bytes, Row] = {}
        self._young_bytes: i64 = 0
        self.full = False
        self.observed = read_mark(backend, OBSERVED)
        self.sequence = max(read_mark(backend, SEQUENCE), 1)  # Kafka Streams' first is 1
        self._segments = Segments(backend, retention_ms)
        self._stored_to: i64 = self._segments.end()

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
            if self._forgets:
                self._forget_invisible()
        elif time_ms < self._segments.live_from(self.observed):
            return
        row = self._active.get(raw_key)
        if row is None:
            row = Row()
            self._active[raw_key] = row
        before = row.put(place, entry)
        if before is None:
            self._grow(len(raw_key) + ENTRY_BYTES + self._codec.size(entry))
            if self._forgets:
                self._arrivals.append(raw_key)
        elif not isinstance(entry, tuple):
            self._grow(self._codec.size(entry) - self._codec.size(before))

    def remove(self, raw_key: bytes, place: int, time_ms: i64, tombstone: object) -> None:
        """Delete the entry at a place.

        Of an entry that only the active generation has nothing is left, no tombstone either: a session that
        grows with each record would leave one a record.
        """
        row = self._active.get(raw_key)
        if row is not None and not self._may_be_behind(raw_key, place, time_ms):
            before = row.drop(place)
            if before is not None:
                self._active_bytes -= len(raw_key) + ENTRY_BYTES + self._codec.size(before)
                return
        self.put(raw_key, place, time_ms, tombstone)

    def row(self, raw_key: bytes, from_ms: i64, to_ms: i64) -> list[tuple[int, object]]:
        """(place, entry) of a key with a time in [from_ms, to_ms], by place, without tombstones."""
        low = max(from_ms, self.visible_from())
        high = min(to_ms, self.observed)
        if low > high:
            return []
        bottom = self._layout.first(low)
        top = self._layout.first(high + 1)
        found = self._committed(raw_key, low, high, bottom, top)
        sealed = self._sealed
        if sealed is not None:
            row = sealed.get(raw_key)
            if row is not None:
                found = row.over(found, bottom, top)
        row = self._active.get(raw_key)
        if row is not None:
            found = row.over(found, bottom, top)
        return found

    def live_range(self, from_ms: i64, to_ms: i64) -> Iterator[tuple[bytes, int, object]]:
        """As `range`, with what isn't visible any more but whose segment still lives."""
        return self._range(max(from_ms, self._segments.live_from(self.observed)), to_ms, False)

    def range(
        self, from_ms: i64, to_ms: i64, reverse: bool = False
    ) -> Iterator[tuple[bytes, int, object]]:
        """(key, place, entry) of all keys with a time in [from_ms, to_ms], by segment, key and place."""
        return self._range(max(from_ms, self.visible_from()), to_ms, reverse)

    def _range(self, low: i64, to_ms: i64, reverse: bool) -> Iterator[tuple[bytes, int, object]]:
        high = min(to_ms, self.observed)
        if low > high:
            return iter([])
        uncommitted: dict[bytes, object] = {}
        if self._sealed is not None:
            self._collect(uncommitted, self._sealed, low, high)
        self._collect(uncommitted, self._active, low, high)
        items = list(uncommitted.items())
        items.sort(key=_first, reverse=reverse)
        bottom, top = self._segments.bounds(low, high)
        committed = self._backend.range(bottom, top, reverse=reverse)
        return _in_time(merged(items, committed, self._codec, reverse), self._layout, low, high)

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
        rows = self._active
        self._forget_active()
        if _count(rows) == 0:
            return None
        self._sealed = rows
        return SealedRows(self, rows, self.observed, self._codec)

    def discard(self) -> None:
        """Forget both generations, and go back to the stream time of the backend."""
        self._forget_active()
        self._sealed = None
        self.observed = read_mark(self._backend, OBSERVED)

    def clear(self) -> None:
        """Drop everything, the clean copies too."""
        self._forget_clean()
        self.discard()
        self._segments.reload()
        self._stored_to = self._segments.end()

    def forget(self) -> None:
        """Drop everything in memory; the backend may be closed."""
        self._forget_active()
        self._sealed = None
        self._forget_clean()

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
        self._forget_clean()
        self.write(list(batch), list(batch.values()), self.observed, next_offset)
        self._stored_to = max(self._stored_to, self.observed)

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

    def begin_writing(self, observed: i64) -> i64:
        """The backend is about to get entries up to `observed`; up to where it has some already."""
        before = self._stored_to
        self._stored_to = max(before, observed)
        return before

    def keep(self, raw_key: bytes, row: Row, stored_to: i64) -> None:
        """Bring the clean copy of a row up to what was written.

        Args:
            raw_key: its key.
            row: all that was written of it.
            stored_to: up to where the backend had entries before.
        """
        if self._clean_bytes <= 0:
            return
        known = self._clean_row(raw_key)
        if known is None and not row.has_tombstones():
            # No copy, this row goes on as one: nobody writes to it any more.
            visible_from = self.visible_from()
            row.prune(self._layout.first(visible_from))
            if row.entries:
                row.complete_from = max(stored_to + 1, visible_from)
                self._add_clean(raw_key, row)
                last = ENTRY_BYTES + self._codec.size(row.entries[-1])
                self._resize(row, len(row.entries) * last)
            return
        if known is None:
            known = self._add_clean(raw_key, Row(stored_to + 1))
        size: i64 = 0
        for place, entry in zip(row.places, row.entries, strict=True):
            if isinstance(entry, Tombstone):
                before = known.drop(place)
            else:
                before = known.put(place, entry)
                size += ENTRY_BYTES + self._codec.size(entry)
            if before is not None:
                size -= ENTRY_BYTES + self._codec.size(before)
        self._resize(known, size)

    def persisted(self, entries: dict[bytes, Row]) -> None:
        """Take note that the sealed generation is in the backend."""
        if self._sealed is entries:
            self._sealed = None

    def is_sealed(self, entries: dict[bytes, Row]) -> bool:
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

    def _forget_active(self) -> None:
        self._active = {}
        self._active_bytes = 0
        self._arrivals = deque()
        self.full = False

    def _forget_invisible(self) -> None:
        """Drop active entries that nobody will see, the oldest arrivals first; one arrival stands for one entry."""
        arrivals = self._arrivals
        visible_from = self.visible_from()
        while arrivals:
            raw_key = arrivals[0]
            row = self._active[raw_key]
            place = row.places[0]
            if self._layout.time(place) >= visible_from:
                return
            arrivals.popleft()
            entry = row.drop(place)
            self._active_bytes -= len(raw_key) + ENTRY_BYTES + self._codec.size(entry)
            if not row.places:
                del self._active[raw_key]

    def _lookup_behind(self, raw_key: bytes, place: int, time_ms: i64) -> object:
        entry: object = None
        sealed = self._sealed
        if sealed is not None:
            row = sealed.get(raw_key)
            if row is not None:
                entry = row.get(place)
                if entry is not None:
                    return entry
        if time_ms > self._stored_to:
            return None
        known = self._clean_row(raw_key)
        if known is not None:
            entry = known.get(place)
            if entry is not None or time_ms >= known.complete_from:
                return entry
        if not self._segments.holds(time_ms):
            return None
        data = self._backend.get(self.backend_key(raw_key, place))
        if data is None:
            return None
        entry = self._codec.from_backend(data)
        if self._clean_bytes > 0:
            if known is None:
                known = self._add_clean(raw_key, Row())
            known.put(place, entry)
            self._resize(known, ENTRY_BYTES + self._codec.size(entry))
        return entry

    def _may_be_behind(self, raw_key: bytes, place: int, time_ms: i64) -> bool:
        """Whether the sealed generation or the backend has, or may have, something at a place."""
        sealed = self._sealed
        if sealed is not None:
            row = sealed.get(raw_key)
            if row is not None and row.get(place) is not None:
                return True
        if time_ms > self._stored_to:
            return False
        known = self._clean_row(raw_key)
        return known is None or time_ms < known.complete_from or known.get(place) is not None

    # -- what the backend has ----------------------------------------------------------------------

    def _committed(
        self, raw_key: bytes, low: i64, high: i64, bottom: int, top: int
    ) -> list[tuple[int, object]]:
        """What the backend has of a key between two times, by place."""
        if low > self._stored_to:
            return []
        known = self._clean_row(raw_key)
        if known is not None and low >= known.complete_from:
            return known.between(bottom, top)
        if self._clean_bytes <= 0 or self._stored_to - high > high - low:
            # Reading on to the end would be more than what is asked for.
            return self._scan(raw_key, low, high)
        if known is not None:
            self._young_bytes -= known.size
        known = self._add_clean(raw_key, Row(low))
        size: i64 = 0
        for place, entry in self._scan(raw_key, low, self._stored_to):
            known.put(place, entry)
            size += ENTRY_BYTES + self._codec.size(entry)
        self._resize(known, size)
        return known.between(bottom, top)

    def _scan(self, raw_key: bytes, low: i64, high: i64) -> list[tuple[int, object]]:
        found: list[tuple[int, object]] = []
        layout = self._layout
        suffix_bytes = layout.suffix_bytes
        for prefix in self._segments.prefixes(low, high):
            prefix += raw_key
            size = len(prefix) + suffix_bytes
            for key, data in self._backend.range(
                prefix + long_bytes(low), prefix + long_bytes(high + 1)
            ):
                if len(key) == size:
                    found.append((layout.place(key), self._codec.from_backend(data)))
        return found

    def _clean_row(self, raw_key: bytes) -> Row | None:
        """The clean copy of a row, if there is one; it counts as young again."""
        known = self._young.get(raw_key)
        if known is None and self._old:
            known = self._old.pop(raw_key, None)
            if known is not None:
                visible_from = self.visible_from()
                if visible_from > known.complete_from:
                    known.complete_from = visible_from
                known.size -= known.prune(self._layout.first(visible_from)) * ENTRY_BYTES
                self._young[raw_key] = known
                self._young_bytes += known.size
        return known

    def _add_clean(self, raw_key: bytes, row: Row) -> Row:
        self._young[raw_key] = row
        row.size = len(raw_key) + ENTRY_BYTES
        self._young_bytes += row.size
        return row

    def _resize(self, row: Row, size: i64) -> None:
        """A young row has grown; it may be an old one after that."""
        row.size += size
        self._young_bytes += size
        if self._young_bytes > self._clean_bytes // 2:
            self._old = self._young if self._young_bytes <= self._clean_bytes else {}
            self._young = {}
            self._young_bytes = 0

    def _forget_clean(self) -> None:
        self._young = {}
        self._old = {}
        self._young_bytes = 0

    def _grow(self, size: i64) -> None:
        self._active_bytes += size
        if self._active_bytes > self._max_bytes:
            self.full = True

    def _collect(
        self, found: dict[bytes, object], rows: dict[bytes, Row], low: i64, high: i64
    ) -> None:
        bottom = self._layout.first(low)
        top = self._layout.first(high + 1)
        for raw_key, row in rows.items():
            for place, entry in row.between(bottom, top):
                found[self.backend_key(raw_key, place)] = entry


class SealedRows(SealedGeneration):
    """A sealed generation of a row overlay.

    It is persisted in two passes: all entries into the backend, then the clean copies, row by row.
    """

    def __init__(
        self, overlay: RowOverlay, rows: dict[bytes, Row], observed: i64, codec: EntryCodec
    ) -> None:
        self._overlay = overlay
        self._rows = rows
        self._observed = observed
        self._codec = codec
        self._items: list[tuple[bytes, int, object]] = [
            (raw_key, place, entry)
            for raw_key, row in rows.items()
            for place, entry in zip(row.places, row.entries, strict=True)
        ]
        self._unkept: list[tuple[bytes, Row]] = list(rows.items())
        self._stored_to: i64 = 0
        self._written: i64 = 0
        self._persisted: i64 = 0
        self._kept: i64 = 0

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
        if start < size:
            if not overlay.is_sealed(self._rows):
                raise RuntimeError("the sealed generation was discarded before it was persisted")
            if start == 0:
                self._stored_to = overlay.begin_writing(self._observed)
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
            if limit > 0:
                return False
        return self._keep(limit)

    def _keep(self, limit: i64) -> bool:
        overlay = self._overlay
        start = self._kept
        size: i64 = len(self._unkept)
        stop = size if limit <= 0 or start + limit > size else start + limit
        for raw_key, row in self._unkept[start:stop]:
            overlay.keep(raw_key, row, self._stored_to)
        self._kept = stop
        if stop < size:
            return False
        overlay.persisted(self._rows)
        return True


def _count(rows: dict[bytes, Row]) -> i64:
    count: i64 = 0
    for row in rows.values():
        count += len(row.entries)
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
