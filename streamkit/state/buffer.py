"""Buffers of records that wait for their time: suppress, and stream-table joins with grace.

In memory, ordered by (buffer time, key bytes, arrival); the changelog alone survives a restart, so the
whole of it is read at the start, as in Kafka Streams.

| kind | a key has | changelog key |
| --- | --- | --- |
| `SUPPRESS_BUFFER` | one record: a later one replaces it and keeps its place | the key |
| `JOIN_BUFFER` | any number of records | 0 (1), buffer time (8), key, sequence (4) |

The changelog's value is told in `buffered`; a record that has left the buffer is a tombstone. A join buffer's
sequence begins at 1, and its values have 0 for the buffer time, which stands in the key. What happened since
the last commit is undone by `discard`.

Source: org.apache.kafka.streams.state.internals.InMemoryTimeOrderedKeyValueChangeBuffer,
RocksDBTimeOrderedKeyValueBuffer.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from struct import Struct
from typing import Any, Final, Generic, TypeVar

from mypy_extensions import i64, mypyc_attr

from streamkit.errors import StorageError
from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.serde.base import Serde
from streamkit.state.backends.base import Backend
from streamkit.state.bound_serde import BoundSerde
from streamkit.state.buffered import Buffered
from streamkit.state.keys import long_bytes
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.state.store import ChangelogWriter, SealedGeneration, StateStore, StoreContext

__all__ = ["NEVER", "RecordBuffer"]

K = TypeVar("K")
V = TypeVar("V")

NEVER: Final = 2**63 - 1
"""The first time of an empty buffer."""

_JOIN_PREFIX: Final = b"\x00"
_SEQUENCE: Final = Struct(">i")
_VERSION: Final[Headers] = (("v", b"\x03"),)
_ENTRY_OVERHEAD_BYTES: Final = 8
_CHANGE_BYTES: Final = 64
"""What a place that has changed since the last commit takes, roughly."""


@mypyc_attr(allow_interpreted_subclasses=True)
class RecordBuffer(StateStore, Generic[K, V]):
    """See the module. `open_store` makes it; the backend is not used.

    A place in the buffer is one piece of bytes: buffer time, key, and for a join buffer the sequence.
    """

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
        self._backend = backend
        self._keys = BoundSerde(key_serde, spec.name, topic)
        self._values = BoundSerde(value_serde, spec.name, topic)
        self._max_bytes: i64 = settings.overlay_max_bytes
        self._many = spec.kind is StoreKind.JOIN_BUFFER
        self._context = StoreContext()
        self._records: dict[bytes, Buffered] = {}
        self._places: dict[bytes, bytes] = {}
        self._order: list[bytes] = []
        self._bytes: i64 = 0
        self._sequence: i64 = 1
        self._restored_time: i64 = -1
        self._before: dict[bytes, Buffered | None] = {}
        self._sealed: dict[bytes, Buffered | None] | None = None
        self._asked_for_commit = False

    def put(
        self,
        key: K,
        time_ms: i64,
        change: Change,
        timestamp: i64,
        *,
        topic: str = "",
        partition: i64 = -1,
        offset: i64 = -1,
        headers: Headers = (),
    ) -> None:
        """Buffer a record.

        Args:
            key: its key.
            time_ms: when its time comes; a suppressed key that waits already keeps its own.
            change: for a join buffer only `new` is kept.
            timestamp: the record's.
            topic, partition, offset, headers: of the source record.
        """
        raw_key = self._keys.serialize(key)
        old = self._encode(change.old)
        new = self._encode(change.new)
        prior = old
        if self._many:
            place = self._place(time_ms, raw_key) + _SEQUENCE.pack(self._sequence)
            self._sequence = (self._sequence + 1) & 0x7FFF_FFFF
        else:
            known = self._places.get(raw_key)
            if known is None:
                place = self._place(time_ms, raw_key)
            else:
                place = known
                waiting = self._records[known]
                prior = waiting.prior
                time_ms = waiting.time
        record = Buffered(time_ms, prior, old, new, timestamp, topic, partition, offset, headers)
        self._note(place)
        self._set(place, record)

    def first_time(self) -> i64:
        """The time of the record that is first in order; `NEVER` if there is none."""
        place = self._first()
        return NEVER if place is None else self._records[place].time

    def pop(self) -> tuple[Any, Change, Buffered]:
        """Take the first record out: its key, its change, and what else is known of it.

        Raises:
            IndexError: the buffer is empty.
        """
        first = self.first()
        self.drop_first()
        return first

    def first(self) -> tuple[Any, Change, Buffered]:
        """What `pop` would take out.

        Raises:
            IndexError: the buffer is empty.
        """
        place = self._first()
        if place is None:
            raise IndexError(f"buffer '{self.name}' is empty")
        record = self._records[place]
        change = Change(self._decode(record.old), self._decode(record.new))
        return self._keys.deserialize(self._raw_key_of(place)), change, record

    def drop_first(self) -> None:
        """Take the first record out, if there is one."""
        place = self._first()
        if place is not None:
            self._note(place)
            self._set(place, None)

    def prior(self, key: K) -> tuple[bool, Any]:
        """Whether `key` waits, and the value that was downstream before it was buffered."""
        place = self._places.get(self._keys.serialize(key))
        if place is None:
            return False, None
        return True, self._decode(self._records[place].prior)

    def records(self) -> int:
        """How many records wait."""
        return len(self._records)

    def size_bytes(self) -> int:
        """How many bytes they have, as Kafka Streams counts them for limits."""
        return self._bytes

    def restored_time(self) -> int:
        """Highest time of all that the changelog of a join buffer told, of what has left it too; -1 if none."""
        return self._restored_time

    def init(self, context: StoreContext) -> None:
        self._context = context

    def is_full(self) -> bool:
        return len(self._before) * _CHANGE_BYTES > self._max_bytes

    def checkpoint(self) -> int:
        return -1

    def restore_batch(
        self,
        keys: list[bytes | None],
        values: list[bytes | None],
        timestamps: list[int],  # noqa: ARG002 - the time stands in the value
        next_offset: i64,  # noqa: ARG002 - a buffer is restored from the beginning each time
    ) -> None:
        for key, value in zip(keys, values, strict=True):
            if key is None:
                continue
            record = None if value is None else Buffered.decode(value)
            if self._many:
                self._restore_many(key, record)
                continue
            known = self._places.get(key)
            if known is not None:
                self._set(known, None)
            if record is not None:
                self._set(self._place(record.time, key), record)

    def seal(self) -> SealedGeneration | None:
        self._asked_for_commit = False
        if not self._before:
            return None
        if self._sealed is not None:
            raise RuntimeError("the sealed generation is neither persisted nor discarded")
        self._sealed = self._before
        self._before = {}
        changes: dict[bytes, bytes | None] = {}
        for place in self._sealed:
            record = self._records.get(place)
            if record is not None:
                changes[self._changelog_key(place)] = record.encode(timed=not self._many)
            elif self._many or self._raw_key_of(place) not in self._places:
                changes[self._changelog_key(place)] = None
        return _SealedBuffer(
            self, self._sealed, list(changes.items()), self._context.timestamp, self._many
        )

    def discard(self) -> None:
        self._undo(self._before)
        self._before = {}
        if self._sealed is not None:
            self._undo(self._sealed)
            self._sealed = None

    def persisted(self, before: dict[bytes, Buffered | None]) -> None:
        """Take note that the sealed generation is in the changelog for good."""
        if self._sealed is before:
            self._sealed = None

    def flush(self) -> None:
        """Nothing lies on the disk."""

    def wipe(self) -> None:
        self._records.clear()
        self._places.clear()
        self._order.clear()
        self._before.clear()
        self._sealed = None
        self._bytes = 0
        self._sequence = 1
        self._restored_time = -1

    def close(self) -> None:
        self.wipe()
        self._backend.close()

    def _restore_many(self, key: bytes, record: Buffered | None) -> None:
        if len(key) < 13 or not key.startswith(_JOIN_PREFIX):
            raise StorageError(f"{key!r} is no changelog key of a join buffer")
        place = key[1:]
        if _time_of(place) > self._restored_time:
            self._restored_time = _time_of(place)
        if record is not None:
            # The value has no buffer time: it stands in the key.
            record.time = _time_of(place)
            sequence: i64 = _SEQUENCE.unpack_from(place, len(place) - 4)[0]
            if sequence >= self._sequence:
                self._sequence = (sequence + 1) & 0x7FFF_FFFF
        self._set(place, record)

    def _place(self, time_ms: i64, raw_key: bytes) -> bytes:
        return long_bytes(time_ms) + raw_key

    def _raw_key_of(self, place: bytes) -> bytes:
        return place[8:-4] if self._many else place[8:]

    def _changelog_key(self, place: bytes) -> bytes:
        return _JOIN_PREFIX + place if self._many else place[8:]

    def _first(self) -> bytes | None:
        order = self._order
        while order:
            place = order[0]
            if place in self._records:
                return place
            heappop(order)
        return None

    def _note(self, place: bytes) -> None:
        """Remember how it was before this generation."""
        if place not in self._before:
            self._before[place] = self._records.get(place)
            if self.is_full() and not self._asked_for_commit:
                self._asked_for_commit = True
                self._context.request_commit()

    def _set(self, place: bytes, record: Buffered | None) -> None:
        before = self._records.pop(place, None)
        key_bytes: i64 = len(place) + 1 if self._many else len(place) - 8 + _ENTRY_OVERHEAD_BYTES
        if before is not None:
            self._bytes -= key_bytes + before.size_bytes()
        if record is None:
            if not self._many and before is not None:
                self._places.pop(place[8:], None)
            return
        self._records[place] = record
        self._bytes += key_bytes + record.size_bytes()
        if not self._many:
            self._places[place[8:]] = place
        if before is None:
            heappush(self._order, place)

    def _undo(self, before: dict[bytes, Buffered | None]) -> None:
        # First out, then in: a suppressed key may have left and come back at another place.
        for place in before:
            self._set(place, None)
        for place, record in before.items():
            if record is not None:
                self._set(place, record)
        self._order = list(self._records)
        heapify(self._order)

    def _encode(self, value: object) -> bytes | None:
        return None if value is None else self._values.serialize(value)

    def _decode(self, data: bytes | None) -> object:
        return None if data is None else self._values.deserialize(data)


def _time_of(place: bytes) -> i64:
    return int.from_bytes(place[:8], "big", signed=True)


class _SealedBuffer(SealedGeneration):
    """What changed between two commits: one changelog record a key."""

    def __init__(
        self,
        buffer: RecordBuffer[Any, Any],
        before: dict[bytes, Buffered | None],
        changes: list[tuple[bytes, bytes | None]],
        timestamp: i64,
        many: bool,
    ) -> None:
        self._buffer = buffer
        self._before = before
        self._changes = changes
        self._timestamp: i64 = timestamp
        self._headers: Headers = () if many else _VERSION
        self._written: i64 = 0

    def entries(self) -> int:
        return len(self._changes)

    def write_changelog(self, writer: ChangelogWriter, limit: i64 = 0) -> bool:
        size: i64 = len(self._changes)
        start = self._written
        stop = size if limit <= 0 or start + limit > size else start + limit
        for key, value in self._changes[start:stop]:
            if value is None:
                writer.write(key, None, self._timestamp)
            else:
                writer.write_with_headers(key, value, self._timestamp, self._headers)
        self._written = stop
        return stop == size

    def persist(self, next_offset: i64, limit: i64 = 0) -> bool:  # noqa: ARG002 - in one step
        self._buffer.persisted(self._before)
        return True
