"""Which partition a key belongs to: Java's murmur2, so that clients in any language agree.

Compiled. Pure: no state, no clock.

Source: Kafka's default partitioner, `toPositive(murmur2(keyBytes)) % numPartitions`.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

__all__ = ["murmur2", "partition_for_key"]

_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash with Java Kafka's seed, as an unsigned number.

    Java shows the same bits as a signed int.

    Example:
        >>> murmur2(b"21")
        3321034988
    """
    return _murmur2(data)


def partition_for_key(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic of `partitions` (1 or more) partitions.

    Example:
        >>> partition_for_key(b"UA", 4)
        2
    """
    count: i64 = partitions
    return (_murmur2(key) & 0x7FFFFFFF) % count


def _murmur2(data: bytes) -> i64:
    length: i64 = len(data)
    h: i64 = 0x9747B28C ^ length
    end: i64 = length & ~3
    i: i64 = 0
    while i < end:
        k: i64 = data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24)
        # 32 bits times 31 bits: fits 64 bits signed.
        k = (k * _M) & _MASK
        k ^= k >> 24
        k = (k * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
        i += 4
    rest = length - end
    if rest >= 3:
        h ^= data[end + 2] << 16
    if rest >= 2:
        h ^= data[end + 1] << 8
    if rest >= 1:
        h ^= data[end]
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)
