"""Murmur3, 128 bits for 64-bit machines: how foreign-key joins tell versions of a row apart.

Source: Austin Appleby's MurmurHash3_x64_128, with the seed of org.apache.kafka.streams.state.internals.Murmur3.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

__all__ = ["murmur3_128"]

_SEED: Final = 104729
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_C1: Final = 0x87C37B91114253D5
_C2: Final = 0x4CF5AD432745937F
_BLOCK: Final = Struct("<QQ")
_HASH: Final = Struct(">QQ")


def murmur3_128(data: bytes) -> bytes:
    """The 16 bytes of the hash: both halves big-endian, the first one first."""
    h1 = h2 = _SEED
    length = len(data)
    whole = length & ~15
    for k1, k2 in _BLOCK.iter_unpack(data[:whole]):
        h1 ^= _mixed_first(k1)
        h1 = ((_rotated(h1, 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 ^= _mixed_second(k2)
        h2 = ((_rotated(h2, 31) + h1) * 5 + 0x38495AB5) & _MASK
    if whole < length:
        # A block filled up with zeros: halves without data mix to zero and change nothing.
        k1, k2 = _BLOCK.unpack(data[whole:] + bytes(16 - (length - whole)))
        h1 ^= _mixed_first(k1)
        h2 ^= _mixed_second(k2)
    h1 ^= length
    h2 ^= length
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1 = _finished(h1)
    h2 = _finished(h2)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    return _HASH.pack(h1, h2)


def _mixed_first(k: int) -> int:
    return _rotated(k * _C1 & _MASK, 31) * _C2 & _MASK


def _mixed_second(k: int) -> int:
    return _rotated(k * _C2 & _MASK, 33) * _C1 & _MASK


def _rotated(x: int, by: int) -> int:
    return (x << by | x >> (64 - by)) & _MASK


def _finished(h: int) -> int:
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & _MASK
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & _MASK
    return h ^ h >> 33
