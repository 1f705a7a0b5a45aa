"""Foreign-key join of two tables: rows of the left one subscribe to rows of the right one.

| step | runs beside | does |
| --- | --- | --- |
| `SubscriptionSend` | left table | sends each row's subscription to where its foreign key lives |
| `SubscriptionReceive` | right table | keeps the subscriptions, by foreign and then primary key |
| `SubscriptionJoin` | right table | answers a new subscription with the row that there is |
| `ForeignTableJoin` | right table | answers all subscriptions of a row that changes |
| `ResponseJoin` | left table | joins answers with the rows that asked |

Both ways lead through a topic, so a row may change while its answer is under way: an answer carries the
hash of the row that asked, and is dropped if the row is another one now. Timestamps are the later one of
both rows for a new subscription, and the right row's alone when that one changes.
Source: SubscriptionSendProcessorSupplier, SubscriptionReceiveProcessorSupplier,
SubscriptionJoinProcessorSupplier, ForeignTableJoinProcessorSupplier, ResponseJoinProcessorSupplier (KIP-213).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import SerdeError
from streamkit.model.change import Change
from streamkit.model.murmur3 import murmur3_128
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.getter import ValueGetter
from streamkit.operators.keyed_state import timestamped_store
from streamkit.serde.base import Serde
from streamkit.serde.subscription import (
    DELETE_KEY_AND_PROPAGATE,
    DELETE_KEY_NO_PROPAGATE,
    PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE,
    PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE,
    Subscription,
    SubscriptionResponse,
    combined_key,
    foreign_key_prefix,
    primary_key_of,
)
from streamkit.state.store import TimestampedKeyValueStore

__all__ = [
    "ForeignTableJoin",
    "ResponseJoin",
    "SubscriptionJoin",
    "SubscriptionReceive",
    "SubscriptionSend",
]


class SubscriptionSend(Operator):
    """Sends subscriptions, under the foreign key, as rows of the left table change.

    Args:
        extractor: `f(value)`, or `f(key, value)` if `with_key`, -> foreign key, None if the row has none.
        key_serde, value_serde: of the left table.
        foreign_key_serde: keys of the right table.
        topic: of the subscriptions, without the app's prefix; serdes get to see it.
        left: rows without a foreign key are in the result.
    """

    def __init__(
        self,
        extractor: Callable[..., Any],
        key_serde: Serde[Any],
        value_serde: Serde[Any],
        foreign_key_serde: Serde[Any],
        topic: str,
        *,
        left: bool,
        with_key: bool = False,
    ) -> None:
        super().__init__()
        self._extractor: Final[Any] = extractor
        self._with_key: Final = with_key
        self._key_serde: Final[Any] = key_serde
        self._value_serde: Final[Any] = value_serde
        self._foreign_key_serde: Final[Any] = foreign_key_serde
        self._topic: Final = topic
        self._left: Final = left

    def init(self, context: TaskContext) -> None:
        super().init(context)
        topic = f"{context.application_id}-{self._topic}"
        self._primary_topic = f"{topic}-pk"
        self._foreign_topic = f"{topic}-fk"
        self._hash_topic = f"{topic}-vh"

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        if not value.is_latest:
            self.context.drop(self.name, "out of order")
            return
        if value.old is None and value.new is None:
            return
        old = self._foreign_key(key, value.old)
        new = self._foreign_key(key, value.new)
        moved = old is not None and self._changed(old, new)
        if self._left:
            if moved:
                self._send(key, old, DELETE_KEY_NO_PROPAGATE, value.new, timestamp, headers)
            # A deleted row asks too, without a foreign key: the answer deletes its result.
            instruction = PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE
            self._send(key, new, instruction, value.new, timestamp, headers)
            return
        if new is None:
            if value.new is not None:
                self.context.drop(self.name, "null foreign key")
            if old is not None:
                self._send(key, old, DELETE_KEY_AND_PROPAGATE, value.new, timestamp, headers)
            return
        instruction = PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE
        if moved:
            self._send(key, old, DELETE_KEY_NO_PROPAGATE, value.new, timestamp, headers)
            # What the row was joined with is over, even if nothing comes in its place.
            instruction = PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE
        self._send(key, new, instruction, value.new, timestamp, headers)

    def _foreign_key(self, key: object, row: object) -> object:
        if row is None:
            return None
        found: object = self._extractor(key, row) if self._with_key else self._extractor(row)
        return found

    def _changed(self, old: object, new: object) -> bool:
        if new is None:
            return True
        serde, topic = self._foreign_key_serde, self._foreign_topic
        try:
            return bool(serde.serialize(topic, old) != serde.serialize(topic, new))
        except SerdeError as error:
            error.node = self.name
            raise

    def _send(
        self,
        key: object,
        foreign_key: object,
        instruction: int,
        row: object,
        timestamp: i64,
        headers: Headers,
    ) -> None:
        row_hash: bytes | None = None
        try:
            primary_key: bytes = self._key_serde.serialize(self._primary_topic, key)
            if row is not None:
                row_hash = murmur3_128(self._value_serde.serialize(self._hash_topic, row))
        except SerdeError as error:
            error.node = self.name
            raise
        partition: int | None = int(self.context.record.partition)
        if partition == -1:
            partition = None
        subscription = Subscription(row_hash, instruction, primary_key, partition)
        self.forward(foreign_key, subscription, timestamp, headers)


class SubscriptionReceive(Operator):
    """Keeps subscriptions and passes them on.

    Args:
        store: of the subscriptions, by `combined_key`.
    """

    _store: TimestampedKeyValueStore[Any, Any]

    def __init__(self, store: str) -> None:
        super().__init__()
        self._store_name: Final = store

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._store = timestamped_store(context, self._store_name, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Subscription)
        foreign_key = self.context.record.raw_key
        if key is None or foreign_key is None:
            if value.instruction != PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE:
                self.context.drop(self.name, "null foreign key")
                return
        else:
            ends = value.instruction <= DELETE_KEY_AND_PROPAGATE
            combined = combined_key(foreign_key, value.primary_key)
            self._store.put_raw(combined, None if ends else value, timestamp)
        self.forward(key, value, timestamp, headers)


class SubscriptionJoin(Operator):
    """Answers a subscription, under the primary key's bytes.

    Args:
        make_getter: makes what looks up the right table.
    """

    def __init__(self, make_getter: Callable[[], ValueGetter]) -> None:
        super().__init__()
        self._getter: Final[ValueGetter] = make_getter()

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._getter.init(context, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Subscription)
        instruction = value.instruction
        if instruction == DELETE_KEY_NO_PROPAGATE:
            return
        entry = None if key is None else self._getter.get(key, None)
        found: object = None
        if entry is not None:
            found = entry[0]
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
        elif instruction == PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE:
            return
        if instruction == DELETE_KEY_AND_PROPAGATE:
            found = None
        response = SubscriptionResponse(value.row_hash, found, value.primary_partition)
        self.forward(value.primary_key, response, timestamp, headers)

    def close(self) -> None:
        self._getter.close()


class ForeignTableJoin(Operator):
    """Answers every subscription to a row of the right table that changes, by primary key.

    Args:
        store: of the subscriptions.
        foreign_key_serde: keys of the right table.
        topic: of the subscriptions, without the app's prefix; serdes get to see it.
    """

    _store: TimestampedKeyValueStore[Any, Any]

    def __init__(self, store: str, foreign_key_serde: Serde[Any], topic: str) -> None:
        super().__init__()
        self._store_name: Final = store
        self._foreign_key_serde: Final[Any] = foreign_key_serde
        self._topic: Final = topic

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._store = timestamped_store(context, self._store_name, self.name)
        self._foreign_topic = f"{context.application_id}-{self._topic}-fk"

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        if key is None:
            self.context.drop(self.name, "null key")
            return
        if not value.is_latest:
            self.context.drop(self.name, "out of order")
            return
        try:
            foreign_key: bytes = self._foreign_key_serde.serialize(self._foreign_topic, key)
        except SerdeError as error:
            error.node = self.name
            raise
        prefix = foreign_key_prefix(foreign_key)
        for combined, entry in self._store.prefix_scan(prefix):
            subscription = entry[0]
            assert isinstance(subscription, Subscription)
            response = SubscriptionResponse(
                subscription.row_hash, value.new, subscription.primary_partition
            )
            self.forward(primary_key_of(combined, prefix), response, timestamp, headers)


class ResponseJoin(Operator):
    """Joins answers with the rows of the left table that still are what they were.

    Args:
        make_getter: makes what looks up the left table.
        value_serde: of the left table.
        joiner: `f(left, right)`.
        topic: of the subscriptions, without the app's prefix; serdes get to see it.
        left: rows without a partner are in the result.
    """

    def __init__(
        self,
        make_getter: Callable[[], ValueGetter],
        value_serde: Serde[Any],
        joiner: Callable[[Any, Any], Any],
        topic: str,
        *,
        left: bool,
    ) -> None:
        super().__init__()
        self._getter: Final[ValueGetter] = make_getter()
        self._value_serde: Final[Any] = value_serde
        self._joiner: Final[Any] = joiner
        self._topic: Final = topic
        self._left: Final = left

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._getter.init(context, self.name)
        self._hash_topic = f"{context.application_id}-{self._topic}-vh"

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, SubscriptionResponse)
        entry = self._getter.get(key, None)
        row: object = None
        row_hash: bytes | None = None
        if entry is not None:
            row = entry[0]
            try:
                row_hash = murmur3_128(self._value_serde.serialize(self._hash_topic, row))
            except SerdeError as error:
                error.node = self.name
                raise
        if row_hash != value.row_hash:
            self.context.drop(self.name, "row changed meanwhile")
            return
        result: object = None
        if row is not None and (self._left or value.value is not None):
            result = self._joiner(row, value.value)
        self.forward(key, result, timestamp, headers)

    def close(self) -> None:
        self._getter.close()
