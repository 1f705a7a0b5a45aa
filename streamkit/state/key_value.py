"""Key-value stores, plain and timestamped: an overlay before a backend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from mypy_extensions import i64

from streamkit.serde.base import Serde
from streamkit.state.backends.base import Backend
from streamkit.state.bound_serde import BoundSerde, as_the_source_reads
from streamkit.state.entries import EntryCodec
from streamkit.state.keys import after_prefix, long_bytes
from streamkit.state.marks import OFFSET, read_mark
from streamkit.state.overlay import Overlay
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreSpec
from streamkit.state.store import (
    KeyValueStore,
    SealedGeneration,
    StoreContext,
    TimestampedKeyValueStore,
)

__all__ = ["OverlaidKeyValueStore", "OverlaidTimestampedKeyValueStore"]


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
        self.backend = backend
        self.codec = EntryCodec(value_serde, store=spec.name, topic=topic, timestamped=timestamped)
        self.overlay = Overlay(
            backend,
            self.codec,
            max_bytes=settings.overlay_max_bytes,
            clean_bytes=settings.clean_cache_bytes,
        )
        self.context = StoreContext()
        self.keys = BoundSerde(key_serde, spec.name, topic)
        self._values = BoundSerde(value_serde, spec.name, topic)
        self._from_source = spec.source_changelog is not None
        self._asked_for_commit = False

    def put(self, raw_key: bytes, value: object, timestamp: i64) -> None:
        overlay = self.overlay
        overlay.put(raw_key, self.codec.entry(value, timestamp))
        if overlay.full and not self._asked_for_commit:
            self._asked_for_commit = True
            self.context.request_commit()

    def range(self, low: object, high: object, reverse: bool) -> Iterator[tuple[bytes, object]]:
        first = b"" if low is None else self.keys.serialize(low)
        after = None if high is None else self.keys.serialize(high) + b"\x00"
        return self.overlay.range(first, after, reverse)

    def prefix(self, prefix: bytes) -> Iterator[tuple[bytes, object]]:
        return self.overlay.range(prefix, after_prefix(prefix), False)

    def seal(self) -> SealedGeneration | None:
        self._asked_for_commit = False
        return self.overlay.seal()

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        # One entry a key: the last one stands.
        batch: dict[bytes, bytes | None] = {}
        codec = self.codec
        overlay = self.overlay
        for raw_key, value, timestamp in zip(keys, values, timestamps, strict=True):
            if raw_key is None:
                continue
            if self._from_source:
                taken = as_the_source_reads(self.keys, self._values, raw_key, value)
                if taken is None:
                    continue
                raw_key, value = taken
            batch[raw_key] = codec.record_to_backend(value, timestamp)
            overlay.forget(raw_key)
        marks = {OFFSET: long_bytes(next_offset)} if next_offset >= 0 else {}
        self.backend.write(list(batch), list(batch.values()), marks)

    def wipe(self) -> None:
        self.overlay.clear()
        self.backend.wipe()

    def close(self) -> None:
        self.overlay.clear()
        self.backend.close()

    def approximate_entries(self) -> int:
        return self.backend.approximate_entries() + self.overlay.entries()


class OverlaidTimestampedKeyValueStore(TimestampedKeyValueStore[Any, Any]):
    """The store behind tables and aggregations. See `open_store` for how to get one."""

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
        self._overlay = self._parts.overlay
        self._codec = self._parts.codec

    def raw_key(self, key: object) -> bytes:
        return self._keys.serialize(key)

    def get(self, key: object) -> tuple[Any, int] | None:
        return self.get_raw(self._keys.serialize(key))

    def get_raw(self, raw_key: bytes) -> tuple[Any, int] | None:
        return cast("tuple[Any, int] | None", self._codec.decoded(self._overlay.lookup(raw_key)))

    def put(self, key: object, value: object, timestamp: i64) -> None:
        self._parts.put(self._keys.serialize(key), value, timestamp)

    def put_raw(self, raw_key: bytes, value: object, timestamp: i64) -> None:
        self._parts.put(raw_key, value, timestamp)

    def put_all(self, entries: Iterable[tuple[Any, Any, int]]) -> None:
        for key, value, timestamp in entries:
            self._parts.put(self._keys.serialize(key), value, timestamp)

    def put_if_absent(self, key: object, value: object, timestamp: i64) -> tuple[Any, int] | None:
        raw_key = self._keys.serialize(key)
        before = self.get_raw(raw_key)
        if before is None:
            self._parts.put(raw_key, value, timestamp)
        return before

    def delete(self, key: object, timestamp: i64) -> tuple[Any, int] | None:
        raw_key = self._keys.serialize(key)
        before = self.get_raw(raw_key)
        self._parts.put(raw_key, None, timestamp)
        return before

    def range(
        self, low: object = None, high: object = None, *, reverse: bool = False
    ) -> Iterator[tuple[Any, tuple[Any, int]]]:
        return self._decoded(self._parts.range(low, high, reverse))

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Any, tuple[Any, int]]]:
        return self._decoded(self._parts.range(None, None, reverse))

    def prefix_scan(self, prefix: bytes) -> Iterator[tuple[Any, tuple[Any, int]]]:
        return self._decoded(self._parts.prefix(prefix))

    def approximate_entries(self) -> int:
        return self._parts.approximate_entries()

    def init(self, context: StoreContext) -> None:
        self._parts.context = context

    def is_full(self) -> bool:
        return self._overlay.full

    def checkpoint(self) -> int:
        return read_mark(self._parts.backend, OFFSET)

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        self._parts.restore_batch(keys, values, timestamps, next_offset)

    def seal(self) -> SealedGeneration | None:
        return self._parts.seal()

    def discard(self) -> None:
        self._overlay.discard()

    def flush(self) -> None:
        self._parts.backend.flush()

    def wipe(self) -> None:
        self._parts.wipe()

    def close(self) -> None:
        self._parts.close()

    def _decoded(
        self, entries: Iterator[tuple[bytes, object]]
    ) -> Iterator[tuple[Any, tuple[Any, int]]]:
        for raw_key, entry in entries:
            decoded = cast("tuple[Any, int]", self._codec.decoded(entry))
            yield self._keys.deserialize(raw_key), decoded


class OverlaidKeyValueStore(KeyValueStore[Any, Any]):
    """The plain store of processors: its changelog has the time of the record being processed."""

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
        self._overlay = self._parts.overlay
        self._codec = self._parts.codec

    def raw_key(self, key: object) -> bytes:
        return self._keys.serialize(key)

    def get(self, key: object) -> Any:
        return self.get_raw(self._keys.serialize(key))

    def get_raw(self, raw_key: bytes) -> Any:
        decoded = self._codec.decoded(self._overlay.lookup(raw_key))
        if decoded is None:
            return None
        return cast("tuple[Any, int]", decoded)[0]

    def put(self, key: object, value: object) -> None:
        self.put_raw(self._keys.serialize(key), value)

    def put_raw(self, raw_key: bytes, value: object) -> None:
        self._parts.put(raw_key, value, self._parts.context.timestamp)

    def put_all(self, entries: Iterable[tuple[Any, Any]]) -> None:
        for key, value in entries:
            self.put_raw(self._keys.serialize(key), value)

    def put_if_absent(self, key: object, value: object) -> Any:
        raw_key = self._keys.serialize(key)
        before = self.get_raw(raw_key)
        if before is None:
            self.put_raw(raw_key, value)
        return before

    def delete(self, key: object) -> Any:
        raw_key = self._keys.serialize(key)
        before = self.get_raw(raw_key)
        self.put_raw(raw_key, None)
        return before

    def range(
        self, low: object = None, high: object = None, *, reverse: bool = False
    ) -> Iterator[tuple[Any, Any]]:
        return self._decoded(self._parts.range(low, high, reverse))

    def all(self, *, reverse: bool = False) -> Iterator[tuple[Any, Any]]:
        return self._decoded(self._parts.range(None, None, reverse))

    def prefix_scan(self, prefix: bytes) -> Iterator[tuple[Any, Any]]:
        return self._decoded(self._parts.prefix(prefix))

    def approximate_entries(self) -> int:
        return self._parts.approximate_entries()

    def init(self, context: StoreContext) -> None:
        self._parts.context = context

    def is_full(self) -> bool:
        return self._overlay.full

    def checkpoint(self) -> int:
        return read_mark(self._parts.backend, OFFSET)

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        self._parts.restore_batch(keys, values, timestamps, next_offset)

    def seal(self) -> SealedGeneration | None:
        return self._parts.seal()

    def discard(self) -> None:
        self._overlay.discard()

    def flush(self) -> None:
        self._parts.backend.flush()

    def wipe(self) -> None:
        self._parts.wipe()

    def close(self) -> None:
        self._parts.close()

    def _decoded(self, entries: Iterator[tuple[bytes, object]]) -> Iterator[tuple[Any, Any]]:
        for raw_key, entry in entries:
            decoded = cast("tuple[Any, int]", self._codec.decoded(entry))
            yield self._keys.deserialize(raw_key), decoded[0]
