"""What stands behind the key in stores with several entries a key, and how it becomes one number.

A place is an int of 0 or more; places of one key sort like the bytes they are written as.

| store | bytes behind the key | place | time |
| --- | --- | --- | --- |
| window | start (8), sequence 0 (4) | start | start |
| join buffer (windows with duplicates) | start (8), sequence (4) | start, sequence | start |
| session | end (8), start (8) | end, start | end |

Source: org.apache.kafka.streams.state.internals.WindowKeySchema, SessionKeySchema.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from mypy_extensions import i64

__all__ = [
    "DuplicatesLayout",
    "RowLayout",
    "SessionLayout",
    "WindowLayout",
    "numbered_place",
    "sequence_of",
    "session_place",
]

_LONG: Final = Struct(">q")
_START_SEQUENCE: Final = Struct(">qi")
_END_START: Final = Struct(">qq")
_SEQUENCE_BITS: Final = 32
_TIME_BITS: Final = 64
_MAX_SEQUENCE: Final = 2**31 - 1
_MAX_TIME: Final = 2**_TIME_BITS - 1


class RowLayout:
    """The layout of one kind of store.

    Attributes:
        suffix_bytes: how many bytes follow the key.
        numbered: whether a sequence number tells entries of the same time apart.
    """

    suffix_bytes: i64
    numbered: bool

    def __init__(self, suffix_bytes: i64, *, numbered: bool = False) -> None:
        self.suffix_bytes = suffix_bytes
        self.numbered = numbered

    def suffix(self, place: int) -> bytes:
        """The bytes that a place is written as."""
        raise NotImplementedError

    def place(self, key: bytes) -> int:
        """The place at the end of `key`."""
        raise NotImplementedError

    def time(self, place: int) -> i64:
        """The time that decides about retention."""
        raise NotImplementedError

    def first(self, time_ms: i64) -> int:
        """The smallest place of that time."""
        raise NotImplementedError


class WindowLayout(RowLayout):
    """One entry a window."""

    def __init__(self) -> None:
        super().__init__(12)

    def suffix(self, place: int) -> bytes:
        return _START_SEQUENCE.pack(place, 0)

    def place(self, key: bytes) -> int:
        start: int = _LONG.unpack_from(key, len(key) - 12)[0]
        return start

    def time(self, place: int) -> i64:
        return place

    def first(self, time_ms: i64) -> int:
        return time_ms


class DuplicatesLayout(RowLayout):
    """Any number of entries a start, told apart by a sequence number of 31 bits, as Kafka Streams'."""

    def __init__(self) -> None:
        super().__init__(12, numbered=True)

    def suffix(self, place: int) -> bytes:
        return _START_SEQUENCE.pack(place >> _SEQUENCE_BITS, place & _MAX_SEQUENCE)

    def place(self, key: bytes) -> int:
        start: int
        sequence: int
        start, sequence = _START_SEQUENCE.unpack_from(key, len(key) - 12)
        return start << _SEQUENCE_BITS | sequence

    def time(self, place: int) -> i64:
        return place >> _SEQUENCE_BITS

    def first(self, time_ms: i64) -> int:
        time: int = time_ms
        return time << _SEQUENCE_BITS


class SessionLayout(RowLayout):
    """One entry a session."""

    def __init__(self) -> None:
        super().__init__(16)

    def suffix(self, place: int) -> bytes:
        return _END_START.pack(place >> _TIME_BITS, place & _MAX_TIME)

    def place(self, key: bytes) -> int:
        end: int
        start: int
        end, start = _END_START.unpack_from(key, len(key) - 16)
        return end << _TIME_BITS | start

    def time(self, place: int) -> i64:
        return place >> _TIME_BITS

    def first(self, time_ms: i64) -> int:
        time: int = time_ms
        return time << _TIME_BITS


def session_place(start_ms: i64, end_ms: i64) -> int:
    """The place of a session, both ends inclusive."""
    end: int = end_ms
    start: int = start_ms
    return end << _TIME_BITS | start


def numbered_place(start_ms: i64, sequence: i64) -> int:
    """The place of the `sequence`-th entry, which begins at `start_ms`; the number starts over at 2**31."""
    start: int = start_ms
    number: int = sequence
    return start << _SEQUENCE_BITS | (number & _MAX_SEQUENCE)


def sequence_of(place: int) -> i64:
    """The sequence number in a place of a join buffer."""
    return place & _MAX_SEQUENCE
