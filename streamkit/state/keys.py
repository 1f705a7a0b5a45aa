"""Numbers and bounds as bytes. All numbers are big-endian, so byte order is number order.

| where | bytes | told in |
| --- | --- | --- |
| behind the key, where a key has several entries | times and sequence numbers | `layouts` |
| before the key, in the backend of such stores | segment id (8) | `segments` |
| before the value, in the backend of timestamped stores | timestamp (8) | `entries` |
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from mypy_extensions import i64

__all__ = ["SEGMENT_BYTES", "after_prefix", "long_bytes", "long_from"]

SEGMENT_BYTES: Final = 8

_LONG: Final = Struct(">q")
_pack_long = _LONG.pack


def long_bytes(number: i64) -> bytes:
    """`number` as 8 bytes."""
    return _pack_long(number)


def long_from(data: bytes, position: int = 0) -> i64:
    """The number in the 8 bytes at `position`."""
    number: i64 = _LONG.unpack_from(data, position)[0]
    return number


def after_prefix(prefix: bytes) -> bytes | None:
    """The smallest bytes greater than all that begin with `prefix`; None if there are none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes([stripped[-1] + 1])
