"""Session stores: an overlay of rows before a segmented backend.

The changelog has the time of the record being processed; the store keeps no timestamps, since a session's
time is its end.
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
from streamkit.state.layouts import SessionLayout, session_place
from streamkit.state.marks import OFFSET, read_mark
from streamkit.state.row_overlay import RowOverlay
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreSpec
from streamkit.state.store import SealedGeneration, SessionStore, StoreContext

__all__ = ["OverlaidSessionStore"]

_FOREVER: Final = 2**63 - 1
_TIME_BITS: Final = 64
_MAX_TIME: Final = 2**_TIME_BITS - 1


class OverlaidSessionStore(SessionStore[Any, Any]):
    """The store behind session aggregations. See `open_store` for how to get one."""

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
        if spec.retention_ms is None or spec.retention_ms < 0:
            raise ConfigError(f"session store '{spec.name}' needs retention_ms, 0 or more")
        self._backend = backend
        self._keys = BoundSerde(key_serde, spec.name, topic)
        self._codec = EntryCodec(value_serde, store=spec.name, topic=topic, timestamped=False)
        self._overlay = RowOverlay(
            backend,
            self._codec,
            layout=SessionLayout(),
            retention_ms=spec.retention_ms,
            max_bytes=settings.overlay_max_bytes,
            clean_bytes=settings.clean_cache_bytes,
        )
        self._context = StoreContext()
        self._asked_for_commit = False

    def raw_key(self, key: object) -> bytes:
        return self._keys.serialize(key)

    def find_raw(
        self, raw_key: bytes, earliest_end_ms: i64, latest_start_ms: i64
    ) -> list[tuple[int, int, Any]]:
        found: list[tuple[int, int, Any]] = []
        for place, entry in self._overlay.row(raw_key, max(earliest_end_ms, 0), _FOREVER):
            start = place & _MAX_TIME
            if start <= latest_start_ms:
                found.append((start, place >> _TIME_BITS, self._value(entry)))
        return found

    def find_sessions(
        self, key: object, earliest_end_ms: i64, latest_start_ms: i64, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        found = self.find_raw(self._keys.serialize(key), earliest_end_ms, latest_start_ms)
        if reverse:
            found.reverse()
        return iter([(Windowed(key, Window(start, end)), value) for start, end, value in found])

    def find_sessions_of_keys(
        self,
        low: object,
        high: object,
        earliest_end_ms: i64,
        latest_start_ms: i64,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        first = None if low is None else self._keys.serialize(low)
        last = None if high is None else self._keys.serialize(high)
        entries = self._overlay.range(max(earliest_end_ms, 0), _FOREVER, reverse)
        return self._within(entries, first, last, latest_start_ms)

    def fetch_session(self, key: object, start_ms: i64, end_ms: i64) -> Any:
        entry = self._overlay.lookup(
            self._keys.serialize(key), session_place(start_ms, end_ms), end_ms
        )
        return self._value(entry)

    def fetch(self, key: object, *, reverse: bool = False) -> Iterator[tuple[Windowed[Any], Any]]:
        return self.find_sessions(key, 0, _FOREVER, reverse=reverse)

    def fetch_keys(
        self, low: object, high: object, *, reverse: bool = False
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        return self.find_sessions_of_keys(low, high, 0, _FOREVER, reverse=reverse)

    def ended_between(
        self, earliest_ms: i64, latest_ms: i64
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        found = list(self._overlay.live_range(max(earliest_ms, 0), latest_ms))
        found.sort(key=_by_place)
        return self._decoded(iter(found))

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Windowed[Any], Any]]:
        return self._decoded(self._overlay.range(0, _FOREVER, reverse))

    def put(self, session: Windowed[Any], value: object) -> None:
        window = session.window
        self.put_raw(self._keys.serialize(session.key), value, window.start_ms, window.end_ms)

    def put_raw(self, raw_key: bytes, value: object, start_ms: i64, end_ms: i64) -> None:
        if not 0 <= start_ms <= end_ms:
            raise ConfigError(
                "a session begins at 0 or later and not after its end, unlike "
                f"{Window(start_ms, end_ms)}"
            )
        place = session_place(start_ms, end_ms)
        entry = self._codec.entry(value, self._context.timestamp)
        overlay = self._overlay
        if value is None:
            overlay.remove(raw_key, place, end_ms, entry)
        else:
            overlay.put(raw_key, place, end_ms, entry)
        if overlay.full and not self._asked_for_commit:
            self._asked_for_commit = True
            self._context.request_commit()

    def remove(self, session: Windowed[Any]) -> None:
        self.put(session, None)

    def init(self, context: StoreContext) -> None:
        self._context = context

    def is_full(self) -> bool:
        return self._overlay.full

    def checkpoint(self) -> int:
        return read_mark(self._backend, OFFSET)

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        self._overlay.restore(keys, values, timestamps, next_offset)

    def seal(self) -> SealedGeneration | None:
        self._asked_for_commit = False
        return self._overlay.seal()

    def discard(self) -> None:
        self._overlay.discard()

    def flush(self) -> None:
        self._backend.flush()

    def wipe(self) -> None:
        self._backend.wipe()
        self._overlay.clear()

    def close(self) -> None:
        self._overlay.forget()
        self._backend.close()

    def _value(self, entry: object) -> Any:
        decoded = self._codec.decoded(entry)
        return None if decoded is None else cast("tuple[Any, int]", decoded)[0]

    def _decoded(
        self, entries: Iterator[tuple[bytes, int, object]]
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        for raw_key, place, entry in entries:
            key = self._keys.deserialize(raw_key)
            window = Window(place & _MAX_TIME, place >> _TIME_BITS)
            yield Windowed(key, window), self._value(entry)

    def _within(
        self,
        entries: Iterator[tuple[bytes, int, object]],
        first: bytes | None,
        last: bytes | None,
        latest_start: i64,
    ) -> Iterator[tuple[Windowed[Any], Any]]:
        for raw_key, place, entry in entries:
            start = place & _MAX_TIME
            if (
                start <= latest_start
                and (first is None or raw_key >= first)
                and (last is None or raw_key <= last)
            ):
                window = Window(start, place >> _TIME_BITS)
                yield Windowed(self._keys.deserialize(raw_key), window), self._value(entry)


def _by_place(entry: tuple[bytes, int, object]) -> tuple[int, bytes]:
    return entry[1], entry[0]
