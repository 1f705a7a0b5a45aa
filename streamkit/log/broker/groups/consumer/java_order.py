"""The order in which Java's hash collections list what they hold.

Apache Kafka's assignors go through members and topics in that order, and so decide who gets what. To get the same
assignments we go through them in the same order: by bucket of the table, its size being a power of two.

Source: java.util.HashMap, java.lang.String.hashCode, org.apache.kafka.common.Uuid.hashCode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

__all__ = ["copied", "grown", "number_hash", "string_hash", "uuid_hash"]

T = TypeVar("T")

_MASK = 0xFFFFFFFF


def string_hash(text: str) -> int:
    """Java's hash of a string, as an unsigned number of 32 bits."""
    units = text.encode("utf-16-le", "surrogatepass")
    code = 0
    for i in range(0, len(units), 2):
        code = (31 * code + units[i] + (units[i + 1] << 8)) & _MASK
    return code


def uuid_hash(value: UUID) -> int:
    """Kafka's hash of a topic id, as an unsigned number of 32 bits."""
    both = (value.int >> 64) ^ (value.int & 0xFFFFFFFFFFFFFFFF)
    return (both >> 32 ^ both) & _MASK


def number_hash(value: int) -> int:
    """Java's hash of a whole number of 32 bits."""
    return value & _MASK


def grown(
    items: Collection[T], hash_of: Callable[[T], int], *, most: int | None = None
) -> Sequence[T]:
    """`items` as a map lists them into which they were put one by one.

    Args:
        items: each once.
        hash_of: their hash.
        most: how many the map once held, if that was more than it holds now.
    """
    held = max(len(items), most or 0)
    size = 16
    while held > size * 3 // 4:
        size *= 2
    return _by_bucket(items, hash_of, size)


def copied(items: Collection[T], hash_of: Callable[[T], int]) -> Sequence[T]:
    """`items` as a set lists them that was made from another collection at once."""
    wanted = max(int(len(items) / 0.75) + 1, 16)
    return _by_bucket(items, hash_of, 1 << (wanted - 1).bit_length())


def _by_bucket(items: Iterable[T], hash_of: Callable[[T], int], size: int) -> Sequence[T]:
    def bucket(item: T) -> int:
        code = hash_of(item)
        return (code ^ code >> 16) & (size - 1)

    return sorted(items, key=bucket)
