"""Key layouts of stores and changelogs. All numbers are big-endian, so byte order is time order.

| where | bytes |
| --- | --- |
| changelog of a window store | key, start (8), sequence (4) |
| backend of a window store | segment id (8), then the same |
| changelog and backend of a session store | key, end (8), start (8) |
| value of a timestamped store, in the backend | timestamp (8), value |

Source: org.apache.kafka.streams.state.internals.WindowKeySchema, SessionKeySchema,
ValueAndTimestampSerializer. `segments` tells what a segment id is.
"""

from __future__ import annotations

from struct import Struct

from mypy_extensions import i64

from streamkit.errors import StorageError

__all__ = [
    "SEGMENT_BYTES",
    "WINDOW_SUFFIX_BYTES",
    "after_prefix",
    "long_bytes",
    "long_from",
    "session_key",
    "split_session_key",
    "split_window_key",
    "window_key",
]

SEGMENT_BYTES = 8
WINDOW_SUFFIX_BYTES = 12

_LONG = Struct(">q")
_START_SEQUENCE = Struct(">qi")
_END_START = Struct(">qq")
_pack_long = _LONG.pack
_pack_start_sequence = _START_SEQUENCE.pack


def long_bytes(number: i64) -> bytes:
    """`number` as 8 bytes."""
    return _pack_long(number)


def long_from(data: bytes, position: int = 0) -> i64:
    """The number in the 8 bytes at `position`."""
    number: i64 = _LONG.unpack_from(data, position)[0]
    return number


def window_key(raw_key: bytes, start_ms: i64, sequence: i64 = 0) -> bytes:
    """Key, start and sequence, as the changelog has them."""
    return raw_key + _pack_start_sequence(start_ms, sequence)


def split_window_key(data: bytes) -> tuple[bytes, i64, i64]:
    """Key, start and sequence of a window key.

    Raises:
        StorageError: too short to be one.
    """
    if len(data) < WINDOW_SUFFIX_BYTES:
        raise StorageError(
            f"a window key has at least {WINDOW_SUFFIX_BYTES} bytes, not {len(data)}"
        )
    start: i64
    sequence: i64
    start, sequence = _START_SEQUENCE.unpack_from(data, len(data) - WINDOW_SUFFIX_BYTES)
    return data[:-WINDOW_SUFFIX_BYTES], start, sequence


def session_key(raw_key: bytes, start_ms: i64, end_ms: i64) -> bytes:
    """Key, end and start of a session."""
    return raw_key + _END_START.pack(end_ms, start_ms)


def split_session_key(data: bytes) -> tuple[bytes, i64, i64]:
    """Key, start and end of a session key.

    Raises:
        StorageError: too short to be one.
    """
    if len(data) < 16:
        raise StorageError(f"a session key has at least 16 bytes, not {len(data)}")
    end: i64
    start: i64
    end, start = _END_START.unpack_from(data, len(data) - 16)
    return data[:-16], start, end


def after_prefix(prefix: bytes) -> bytes | None:
    """The smallest bytes greater than all that begin with `prefix`; None if there are none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes([stripped[-1] + 1])
