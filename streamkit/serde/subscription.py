"""What the two sides of a foreign-key join write to each other, as Kafka Streams lays it out.

| what | bytes |
| --- | --- |
| subscription, version 1 | mark (1), instruction (1), hash (16, or none), primary key, primary partition (4) |
| subscription, version 0 | the same without the partition |
| response, version 0 | mark (1), hash (16, or none), value of the other table (or nothing) |
| key of the subscription store | length of the foreign key (4), foreign key, primary key |

The mark is the version, with the highest bit set if there is no hash. The hash is that of the row that
asks; without a row there is none. Keys are the bytes that the tables' key serdes write.
Source: SubscriptionWrapperSerde, SubscriptionResponseWrapperSerde, CombinedKeySchema.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable

__all__ = [
    "DELETE_KEY_AND_PROPAGATE",
    "DELETE_KEY_NO_PROPAGATE",
    "PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE",
    "PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE",
    "Subscription",
    "SubscriptionResponse",
    "SubscriptionResponseSerde",
    "SubscriptionSerde",
    "combined_key",
    "foreign_key_prefix",
    "primary_key_of",
]

DELETE_KEY_NO_PROPAGATE: Final = 0
"""End the subscription, answer nothing."""
DELETE_KEY_AND_PROPAGATE: Final = 1
"""End the subscription, answer that there is no row."""
PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE: Final = 2
"""Subscribe, answer in any case."""
PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE: Final = 3
"""Subscribe, answer if there is a row."""

_NO_HASH: Final = 0x80
_HASH_BYTES: Final = 16
_INT: Final = Struct(">i")


class Subscription:
    """One row's interest in a row of the other table.

    Attributes:
        row_hash: 16 bytes, None if the row was deleted.
        instruction: what the other side shall do.
        primary_key: of the row that asks.
        primary_partition: where the answer goes; None: by the key.
    """

    __slots__ = ("instruction", "primary_key", "primary_partition", "row_hash")

    def __init__(
        self,
        row_hash: bytes | None,
        instruction: int,
        primary_key: bytes,
        primary_partition: int | None,
    ) -> None:
        self.row_hash: bytes | None = row_hash
        self.instruction: int = instruction
        self.primary_key: bytes = primary_key
        self.primary_partition: int | None = primary_partition


class SubscriptionResponse:
    """The answer: what the other table has.

    Attributes:
        row_hash: of the row that asked, as the subscription said it.
        value: of the other table's row, None if there is none.
        primary_partition: where the answer goes; not in its bytes.
    """

    __slots__ = ("primary_partition", "row_hash", "value")

    def __init__(
        self, row_hash: bytes | None, value: object, primary_partition: int | None
    ) -> None:
        self.row_hash: bytes | None = row_hash
        self.value: object = value
        self.primary_partition: int | None = primary_partition


class SubscriptionSerde(Serde[Subscription]):
    """Writes version 1, and version 0 for a subscription without a partition; reads both."""

    def __init__(self) -> None:
        super().__init__("subscription")

    def serialize(self, topic: str, value: Subscription) -> bytes:  # noqa: ARG002
        row_hash = value.row_hash
        partition = value.primary_partition
        mark = 0 if partition is None else 1
        if row_hash is None:
            mark |= _NO_HASH
            row_hash = b""
        tail = b"" if partition is None else _INT.pack(partition)
        return bytes((mark, value.instruction)) + row_hash + value.primary_key + tail

    def deserialize(self, topic: str, data: bytes) -> Subscription:
        version = data[0] & 0x7F if data else -1
        start = 2 if data and data[0] & _NO_HASH else 2 + _HASH_BYTES
        end = len(data) - 4 if version == 1 else len(data)
        if version not in (0, 1) or end < start or data[1] > PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE:
            raise unreadable(self.name, topic, data, "a subscription of version 0 or 1")
        partition: int | None = None
        if version == 1:
            partition = _INT.unpack_from(data, end)[0]
        row_hash = data[2:start] if start > 2 else None
        return Subscription(row_hash, data[1], data[start:end], partition)

    def __reduce__(self) -> tuple[type[SubscriptionSerde], tuple[()]]:
        return SubscriptionSerde, ()


class SubscriptionResponseSerde(Serde[SubscriptionResponse]):
    """Writes and reads version 0.

    Args:
        inner: serde of the other table's values.
    """

    def __init__(self, inner: Serde[Any]) -> None:
        super().__init__(f"subscription response[{inner.name}]")
        self.inner = inner

    def serialize(self, topic: str, value: SubscriptionResponse) -> bytes:
        row_hash = value.row_hash
        head = bytes((_NO_HASH,)) if row_hash is None else b"\x00" + row_hash
        return head if value.value is None else head + self.inner.serialize(topic, value.value)

    def deserialize(self, topic: str, data: bytes) -> SubscriptionResponse:
        start = 1 if data and data[0] & _NO_HASH else 1 + _HASH_BYTES
        if len(data) < start or data[0] & 0x7F:
            raise unreadable(self.name, topic, data, "a subscription response of version 0")
        value: object = None
        if len(data) > start:
            value = self.inner.deserialize(topic, data[start:])
        return SubscriptionResponse(data[1:start] if start > 1 else None, value, None)

    def __reduce__(self) -> tuple[type[SubscriptionResponseSerde], tuple[Serde[Any]]]:
        return SubscriptionResponseSerde, (self.inner,)


def foreign_key_prefix(foreign_key: bytes) -> bytes:
    """What the keys of all subscriptions to a row begin with."""
    return _INT.pack(len(foreign_key)) + foreign_key


def combined_key(foreign_key: bytes, primary_key: bytes) -> bytes:
    """The key of one subscription in the store."""
    return _INT.pack(len(foreign_key)) + foreign_key + primary_key


def primary_key_of(combined: bytes, prefix: bytes) -> bytes:
    """The primary key in a combined key that begins with `prefix`."""
    return combined[len(prefix) :]
