"""Versioned key-value stores: a key's whole history is one entry of a key-value overlay.

| where | bytes |
| --- | --- |
| changelog | each put: key, value, the put's timestamp as the record's; a put of None is a tombstone |
| backend | key to history: for each version, the newest first, from (8), length (4, -1: none), value |

Every put goes to the changelog, unlike in other stores, where the last of a commit stands for the key:
restoring repeats the puts. A deletion at the very time of a key's only version takes it back, as if it
had never been. A version that ended `history_retention_ms` before the store's time or
earlier can't be asked for any more; it leaves with the next put to its key.

Source: KIP-889, org.apache.kafka.streams.state.internals.RocksDBVersionedStore.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, Final, TypeAlias, cast

from mypy_extensions import i64

from streamkit.errors import ConfigError
from streamkit.serde.base import Serde
from streamkit.state.backends.base import Backend
from streamkit.state.bound_serde import BoundSerde, as_the_source_reads
from streamkit.state.entries import EntryCodec
from streamkit.state.keys import long_bytes
from streamkit.state.marks import OBSERVED, OFFSET, read_mark
from streamkit.state.overlay import Overlay, SealedEntries
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreSpec
from streamkit.state.store import (
    ChangelogWriter,
    SealedGeneration,
    StoreContext,
    VersionedKeyValueStore,
)
from streamkit.state.version import Version

__all__ = ["OverlaidVersionedStore"]

_HEAD: Final = Struct(">qi")

History: TypeAlias = tuple[tuple[int, bytes | None], ...]
"""(from, value) of each version, the newest first; no value: none from then on."""


class _HistorySerde(Serde[Any]):
    """A history as the backend keeps it."""

    def __init__(self) -> None:
        super().__init__("history", immutable=True)

    def serialize(self, topic: str, value: object) -> bytes:  # noqa: ARG002
        parts: list[bytes] = []
        for from_ms, data in cast("History", value):
            parts.append(_HEAD.pack(from_ms, -1 if data is None else len(data)))
            if data is not None:
                parts.append(data)
        return b"".join(parts)

    def deserialize(self, topic: str, data: bytes) -> Any:  # noqa: ARG002
        history: list[tuple[int, bytes | None]] = []
        position = 0
        while position < len(data):
            from_ms, size = _HEAD.unpack_from(data, position)
            position += _HEAD.size
            if size < 0:
                history.append((from_ms, None))
            else:
                history.append((from_ms, data[position : position + size]))
                position += size
        return tuple(history)

    def fits(self, value: object) -> bool:
        return isinstance(value, tuple)


class OverlaidVersionedStore(VersionedKeyValueStore[Any, Any]):
    """See `open_store` for how to get one."""

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
        if spec.history_retention_ms is None or spec.history_retention_ms < 0:
            raise ConfigError(
                f"versioned store '{spec.name}' needs history_retention_ms, 0 or more"
            )
        self._history_ms: i64 = spec.history_retention_ms
        self._backend = backend
        self._keys = BoundSerde(key_serde, spec.name, topic)
        self._values = BoundSerde(value_serde, spec.name, topic)
        self._from_source = spec.source_changelog is not None
        self._codec = EntryCodec(_HistorySerde(), store=spec.name, topic=topic, timestamped=False)
        self._overlay = Overlay(
            backend,
            self._codec,
            max_bytes=settings.overlay_max_bytes,
            clean_bytes=settings.clean_cache_bytes,
        )
        self._puts: list[tuple[bytes, bytes | None, int]] = []
        self._observed: i64 = read_mark(backend, OBSERVED)
        self._max_puts: i64 = settings.overlay_max_bytes // 200
        self._context = StoreContext()
        self._asked_for_commit = False

    def get(self, key: object, as_of_ms: i64 | None = None) -> Version | None:
        history = self._history(self._keys.serialize(key))
        if not history:
            return None
        if as_of_ms is None:
            return self._version(history, 0)
        for index, version in enumerate(history):
            if version[0] <= as_of_ms:
                if index > 0 and as_of_ms < self._observed - self._history_ms:
                    return None
                return self._version(history, index)
        return None

    def raw_key(self, key: object) -> bytes:
        return self._keys.serialize(key)

    def get_raw(self, raw_key: bytes) -> Version | None:
        history = self._history(raw_key)
        return self._version(history, 0) if history else None

    def put(self, key: object, value: object, timestamp: i64) -> bool:
        return self.put_raw(self._keys.serialize(key), value, timestamp)

    def put_raw(self, raw_key: bytes, value: object, timestamp: i64) -> bool:
        data = None if value is None else self._values.serialize(value)
        if timestamp < self._observed - self._history_ms:
            return False
        if timestamp > self._observed:
            self._observed = timestamp
        history = self._with(self._history(raw_key), data, timestamp)
        self._overlay.put(raw_key, self._codec.entry(history or None, timestamp))
        self._puts.append((raw_key, data, timestamp))
        if self.is_full() and not self._asked_for_commit:
            self._asked_for_commit = True
            self._context.request_commit()
        return True

    def delete(self, key: object, timestamp: i64) -> Version | None:
        before = self.get(key, timestamp)
        self.put(key, None, timestamp)
        return before

    def versions(self, key: object) -> list[Version]:
        return self._versions(self._history(self._keys.serialize(key)))

    def all(self) -> Iterator[tuple[Any, Version]]:
        for raw_key, entry in self._overlay.range(b"", None, False):
            key = self._keys.deserialize(raw_key)
            for version in self._versions(self._of(entry)):
                yield key, version

    def is_latest(self, key: object, timestamp: i64) -> bool:
        return self.is_latest_raw(self._keys.serialize(key), timestamp)

    def is_latest_raw(self, raw_key: bytes, timestamp: i64) -> bool:
        history = self._history(raw_key)
        return not history or history[0][0] <= timestamp

    def init(self, context: StoreContext) -> None:
        self._context = context

    def is_full(self) -> bool:
        return self._overlay.full or len(self._puts) > self._max_puts

    def checkpoint(self) -> int:
        return read_mark(self._backend, OFFSET)

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],
        next_offset: i64,
    ) -> None:
        batch: dict[bytes, History] = {}
        for raw_key, value, timestamp in zip(keys, values, timestamps, strict=True):
            if raw_key is None or timestamp < self._observed - self._history_ms:
                continue
            if self._from_source:
                taken = as_the_source_reads(self._keys, self._values, raw_key, value)
                if taken is None:
                    continue
                raw_key, value = taken
            if timestamp > self._observed:
                self._observed = timestamp
            history = batch[raw_key] if raw_key in batch else self._history(raw_key)
            batch[raw_key] = self._with(history, value, timestamp)
        rows: list[bytes | None] = []
        for raw_key, history in batch.items():
            self._overlay.forget(raw_key)
            rows.append(self._codec.to_backend((history, 0)) if history else None)
        marks = self._marks()
        if next_offset >= 0:
            marks[OFFSET] = long_bytes(next_offset)
        self._backend.write(list(batch), rows, marks)

    def seal(self) -> SealedGeneration | None:
        self._asked_for_commit = False
        sealed = self._overlay.seal(self._marks())
        if sealed is None:
            return None
        puts = self._puts
        self._puts = []
        return _SealedVersions(sealed, puts)

    def discard(self) -> None:
        self._overlay.discard()
        self._puts = []
        self._observed = read_mark(self._backend, OBSERVED)

    def flush(self) -> None:
        self._backend.flush()

    def wipe(self) -> None:
        self._backend.wipe()
        self._overlay.clear()
        self._puts = []
        self._observed = -1

    def close(self) -> None:
        self._overlay.clear()
        self._puts = []
        self._backend.close()

    def _marks(self) -> dict[bytes, bytes]:
        return {OBSERVED: long_bytes(self._observed)} if self._observed >= 0 else {}

    def _history(self, raw_key: bytes) -> History:
        return self._of(self._overlay.lookup(raw_key))

    def _of(self, entry: object) -> History:
        decoded = self._codec.decoded(entry)
        return () if decoded is None else cast("History", cast("tuple[Any, int]", decoded)[0])

    def _with(self, history: History, value: bytes | None, timestamp: i64) -> History:
        """`history` with one more version, without those that nobody can ask for any more."""
        begin = self._observed - self._history_ms
        history = _since(history, begin)
        index = 0
        while index < len(history) and history[index][0] > timestamp:
            index += 1
        rest = index + 1 if index < len(history) and history[index][0] == timestamp else index
        if value is None and rest == 1 and index == 0 and len(history) == 1:
            # The only version is taken back: Kafka Streams keeps no trace of it.
            return history if history[0][1] is None else ()
        versions: list[tuple[int, bytes | None]] = []
        versions.extend(history[:index])
        # As in Kafka Streams, deleting the latest version at its own time leaves no trace, unless an older
        # version ended then: what comes out of order afterwards is the latest again.
        leaves_no_trace = (
            value is None
            and index == 0
            and rest == 1
            and history[0][1] is not None
            and (len(history) == 1 or history[1][1] is None)
        )
        if not leaves_no_trace:
            versions.append((timestamp, value))
        versions.extend(history[rest:])
        if not versions:
            return ()
        oldest = versions[len(versions) - 1]
        if oldest[1] is None and oldest[0] < begin:
            versions.pop()  # no put can come before it any more, so it says what nothing says
        return _since(tuple(versions), begin)

    def _versions(self, history: History) -> list[Version]:
        begin = self._observed - self._history_ms
        found: list[Version] = []
        for index in range(len(history) - 1, -1, -1):
            if index > 0 and history[index - 1][0] <= begin:
                continue
            version = self._version(history, index)
            if version is not None:
                found.append(version)
        return found

    def _version(self, history: History, index: int) -> Version | None:
        from_ms, data = history[index]
        if data is None:
            return None
        to_ms = history[index - 1][0] if index > 0 else None
        return Version(self._values.deserialize(data), from_ms, to_ms)


def _since(history: History, begin: i64) -> History:
    """`history` without the versions that ended at `begin` or earlier."""
    kept = len(history)
    while kept > 1 and history[kept - 2][0] <= begin:
        kept -= 1
    return history[:kept]


class _SealedVersions(SealedGeneration):
    """A sealed generation: the puts for the changelog, the histories for the backend."""

    def __init__(self, sealed: SealedEntries, puts: list[tuple[bytes, bytes | None, int]]) -> None:
        self._sealed = sealed
        self._puts = puts
        self._written: i64 = 0

    def entries(self) -> int:
        return len(self._puts)

    def write_changelog(self, writer: ChangelogWriter, limit: i64 = 0) -> bool:
        size: i64 = len(self._puts)
        start = self._written
        stop = size if limit <= 0 or start + limit > size else start + limit
        for raw_key, value, timestamp in self._puts[start:stop]:
            writer.write(raw_key, value, timestamp)
        self._written = stop
        return stop == size

    def persist(self, next_offset: i64, limit: i64 = 0) -> bool:
        return self._sealed.persist(next_offset, limit)
