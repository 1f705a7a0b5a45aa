"""Window stores, plain and timestamped: an overlay of rows before a segmented backend.

With duplicates (the buffers of stream joins) every put adds an entry, and a range has them in the order of
start and arrival.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from mypy_extensions import i64

from streamkit.errors import ConfigError
from streamkit.model.windowed import Window, Windowed
from streamkit.serde.base import Serde
from streamkit.state.backends.base import Backend
from streamkit.state.bound_serde import BoundSerde
from streamkit.state.entries import EntryCodec
from streamkit.state.layouts import DuplicatesLayout, WindowLayout, numbered_place
from streamkit.state.marks import OFFSET, read_mark
from streamkit.state.row_overlay import RowOverlay
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreSpec
from streamkit.state.store import (
    SealedGeneration,
    StoreContext,
    TimestampedWindowStore,
    WindowStore,
)

__all__ = ["OverlaidTimestampedWindowStore", "OverlaidWindowStore"]

_FOREVER: Final = 2**63 - 1


class _Parts:
    """What the plain and the timestamped store have in common; each holds one."""

    def __init__(
        self,
        spec: StoreSpec,
        backend: Backend,
        key_serde: Serde[Any],
        value_serde: Serde[Any],
        settings: StoreSettings,
        topic: str,
        timestamped: bool,
    ) -> None:
        visible_ms = spec.visible_ms
        if visible_ms is None or visible_ms < 0:
            raise ConfigError(f"window store '{spec.name}' needs retention_ms, 0 or more")
        if spec.window_size_ms is None or spec.window_size_ms < 0:
            raise ConfigError(f"window store '{spec.name}' needs window_size_ms, 0 or more")
        self.backend = backend
        self.codec = EntryCodec(value_serde, store=spec.name, topic=topic, timestamped=timestamped)
        self.overlay = RowOverlay(
            backend,
            self.codec,
            layout=DuplicatesLayout() if spec.retain_duplicates else WindowLayout(),
            retention_ms=visible_ms,
            max_bytes=settings.overlay_max_bytes,
            clean_bytes=settings.clean_cache_bytes,
        )
        self.context = StoreContext()
        self.keys = BoundSerde(key_serde, spec.name, topic)
        self._window_size_ms: i64 = spec.window_size_ms
        self._duplicates = spec.retain_duplicates
        self._asked_for_commit = False

    def windowed(self, raw_key: bytes, start_ms: i64) -> Windowed[Any]:
        key = self.keys.deserialize(raw_key)
        size = self._window_size_ms
        return Windowed(
            key, Window(start_ms, start_ms + size if start_ms <= _FOREVER - size else _FOREVER)
        )

    def put(self, raw_key: bytes, value: object, start_ms: i64, timestamp: i64) -> None:
        overlay = self.overlay
        if self._duplicates:
            if value is None:
                return  # there is no one entry to delete, as in Kafka Streams
            place = numbered_place(start_ms, overlay.sequence)
            overlay.sequence += 1
            overlay.put(raw_key, place, start_ms, self.codec.entry(value, timestamp))
        else:
            overlay.put(raw_key, start_ms, start_ms, self.codec.entry(value, timestamp))
        if overlay.full and not self._asked_for_commit:
            self._asked_for_commit = True
            self.context.request_commit()

    def fetch(self, raw_key: bytes, start_ms: i64) -> object:
        if self._duplicates:
            found = self.fetch_range(raw_key, start_ms, start_ms, False)
            return found[0][1] if found else None
        return self.codec.decoded(self.overlay.lookup(raw_key, start_ms, start_ms))

    def fetch_range(
        self, raw_key: bytes, from_ms: i64, to_ms: i64, reverse: bool
    ) -> list[tuple[int, tuple[Any, int]]]:
        row = self.overlay.row(raw_key, from_ms, to_ms)
        if reverse:
            row.reverse()
        codec = self.codec
        return [
            (self.start(place), cast("tuple[Any, int]", codec.decoded(entry)))
            for place, entry in row
        ]

    def fetch_keys(
        self, low: object, high: object, from_ms: i64, to_ms: i64, reverse: bool
    ) -> Iterator[tuple[Windowed[Any], tuple[Any, int]]]:
        first = None if low is None else self.keys.serialize(low)
        last = None if high is None else self.keys.serialize(high)
        return self._within(self.overlay.range(from_ms, to_ms, reverse), first, last)

    def seal(self) -> SealedGeneration | None:
        self._asked_for_commit = False
        return self.overlay.seal()

    def wipe(self) -> None:
        self.backend.wipe()
        self.overlay.clear()

    def close(self) -> None:
        self.overlay.forget()
        self.backend.close()

    def start(self, place: int) -> int:
        return self.overlay.time(place) if self._duplicates else place

    def _within(
        self, entries: Iterator[tuple[bytes, int, object]], first: bytes | None, last: bytes | None
    ) -> Iterator[tuple[Windowed[Any], tuple[Any, int]]]:
        for raw_key, place, entry in entries:
            if (first is None or raw_key >= first) and (last is None or raw_key <= last):
                decoded = cast("tuple[Any, int]", self.codec.decoded(entry))
                yield self.windowed(raw_key, self.start(place)), decoded


class OverlaidTimestampedWindowStore(TimestampedWindowStore[Any, Any]):
    """The store behind windowed aggregations. See `open_store` for how to get one."""

    def __init__(
        self,
        spec: StoreSpec,
        backend: Backend,
        key_serde: Serde[Any],
        value_serde: Serde[Any],
        settings: StoreSettings,
        topic: str,
    ) -> None:
        super().__init__(spec)
        self._parts = _Parts(
            spec, backend, key_serde, value_serde, settings, topic, timestamped=True
        )
        self._keys = self._parts.keys

    def raw_key(self, key: object) -> bytes:
        return self._keys.serialize(key)

    def fetch(self, key: object, start_ms: i64) -> tuple[Any, int] | None:
        parts = self._parts
        return cast("tuple[Any, int] | None", parts.fetch(self._keys.serialize(key), start_ms))

    def fetch_raw(self, raw_key: bytes, start_ms: i64) -> tuple[Any, int] | None:
        return cast("tuple[Any, int] | None", self._parts.fetch(raw_key, start_ms))

    def put(self, key: object, value: object, start_ms: i64, timestamp: i64) -> None:
        self._parts.put(self._keys.serialize(key), value, start_ms, timestamp)

    def put_raw(self, raw_key: bytes, value: object, start_ms: i64, timestamp: i64) -> None:
        self._parts.put(raw_key, value, start_ms, timestamp)

    def expired(self, start_ms: i64) -> bool:
        return start_ms < self._parts.overlay.visible_from()

    def fetch_range(
        self, key: object, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[int, tuple[Any, int]]]:
        parts = self._parts
        return iter(parts.fetch_range(self._keys.serialize(key), from_ms, to_ms, reverse))

    def fetch_keys(
        self, low: object, high: object, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[Any], tuple[Any, int]]]:
        return self._parts.fetch_keys(low, high, from_ms, to_ms, reverse)

    def fetch_all(
        self, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[Any], tuple[Any, int]]]:
        return self._parts.fetch_keys(None, None, from_ms, to_ms, reverse)

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Windowed[Any], tuple[Any, int]]]:
        return self._parts.fetch_keys(None, None, 0, _FOREVER, reverse)

    def init(self, context: StoreContext) -> None:
        self._parts.context = context

    def is_full(self) -> bool:
        return self._parts.overlay.full

    def checkpoint(self) -> int:
        return read_mark(self._parts.backend, OFFSET)

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        self._parts.overlay.restore(keys, values, timestamps, next_offset)

    def seal(self) -> SealedGeneration | None:
        return self._parts.seal()

    def discard(self) -> None:
        self._parts.overlay.discard()

    def flush(self) -> None:
        self._parts.backend.flush()

    def wipe(self) -> None:
        self._parts.wipe()

    def close(self) -> None:
        self._parts.close()


class OverlaidWindowStore(WindowStore[Any, Any]):
    """The plain window store of processors: its changelog has the time of the record being processed."""

    def __init__(
        self,
        spec: StoreSpec,
        backend: Backend,
        key_serde: Serde[Any],
        value_serde: Serde[Any],
        settings: StoreSettings,
        topic: str,
    ) -> None:
        super().__init__(spec)
        self._parts = _Parts(
            spec, backend, key_serde, value_serde, settings, topic, timestamped=False
        )
        self._keys = self._parts.keys

    def raw_key(self, key: object) -> bytes:
        return self._keys.serialize(key)

    def fetch(self, key: object, start_ms: i64) -> Any:
        return self.fetch_raw(self._keys.serialize(key), start_ms)

    def fetch_raw(self, raw_key: bytes, start_ms: i64) -> Any:
        decoded = self._parts.fetch(raw_key, start_ms)
        return None if decoded is None else cast("tuple[Any, int]", decoded)[0]

    def put(self, key: object, value: object, start_ms: i64) -> None:
        self.put_raw(self._keys.serialize(key), value, start_ms)

    def put_raw(self, raw_key: bytes, value: object, start_ms: i64) -> None:
        self._parts.put(raw_key, value, start_ms, self._parts.context.timestamp)

    def expired(self, start_ms: i64) -> bool:
        return start_ms < self._parts.overlay.visible_from()

    def fetch_range(
        self, key: object, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[int, Any]]:
        parts = self._parts
        found = parts.fetch_range(self._keys.serialize(key), from_ms, to_ms, reverse)
        return iter([(start, entry[0]) for start, entry in found])

    def fetch_range_raw(self, raw_key: bytes, from_ms: i64, to_ms: i64) -> list[tuple[int, Any]]:
        parts = self._parts
        row = parts.overlay.row(raw_key, from_ms, to_ms)
        if not row:
            return []
        found: list[tuple[int, Any]] = []
        for place, entry in row:
            decoded = cast("tuple[Any, int]", parts.codec.decoded(entry))
            found.append((parts.start(place), decoded[0]))
        return found

    def fetch_keys(
        self, low: object, high: object, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        return _values(self._parts.fetch_keys(low, high, from_ms, to_ms, reverse))

    def fetch_all(
        self, from_ms: i64, to_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        return _values(self._parts.fetch_keys(None, None, from_ms, to_ms, reverse))

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Windowed[Any], Any]]:
        return _values(self._parts.fetch_keys(None, None, 0, _FOREVER, reverse))

    def init(self, context: StoreContext) -> None:
        self._parts.context = context

    def is_full(self) -> bool:
        return self._parts.overlay.full

    def checkpoint(self) -> int:
        return read_mark(self._parts.backend, OFFSET)

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        self._parts.overlay.restore(keys, values, timestamps, next_offset)

    def seal(self) -> SealedGeneration | None:
        return self._parts.seal()

    def discard(self) -> None:
        self._parts.overlay.discard()

    def flush(self) -> None:
        self._parts.backend.flush()

    def wipe(self) -> None:
        self._parts.wipe()

    def close(self) -> None:
        self._parts.close()


def _values(
    entries: Iterator[tuple[Windowed[Any], tuple[Any, int]]],
) -> Iterator[tuple[Windowed[Any], Any]]:
    for windowed, entry in entries:
        yield windowed, entry[0]
