"""Event time of a source record: the extractors that come with streamkit.

An extractor is `f(key, value, record_timestamp_ms, partition_time_ms)` -> ms since the epoch; a negative
result drops the record. `partition_time_ms` is the highest event time of the partition so far, -1 at
first. Source: org.apache.kafka.streams.processor.TimestampExtractor and its implementations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamkit.clock import Clock
from streamkit.errors import TopologyError

__all__ = [
    "ClockTime",
    "FieldTime",
    "is_record_time",
    "partition_time_if_negative",
    "record_time",
    "record_time_or_fail",
    "wall_clock_time",
]


def record_time(_key: Any, _value: Any, record_timestamp_ms: int, _partition_time_ms: int) -> int:
    """The timestamp in the log, as it is: records with a negative one are dropped and counted."""
    return record_timestamp_ms


def record_time_or_fail(
    _key: Any, _value: Any, record_timestamp_ms: int, _partition_time_ms: int
) -> int:
    """The timestamp in the log; what a source does that is told nothing else.

    Raises:
        TopologyError: it is negative (written by a producer that sets none).
    """
    if record_timestamp_ms < 0:
        raise TopologyError(
            f"a record has the negative timestamp {record_timestamp_ms}: its producer set none; use the "
            "extractor record_time to skip such records, or partition_time_if_negative"
        )
    return record_timestamp_ms


def partition_time_if_negative(
    _key: Any, _value: Any, record_timestamp_ms: int, partition_time_ms: int
) -> int:
    """The timestamp in the log; where it is negative, the highest of the partition so far.

    Raises:
        TopologyError: it is negative, and no record of the partition has had a time yet.
    """
    if record_timestamp_ms >= 0:
        return record_timestamp_ms
    if partition_time_ms < 0:
        raise TopologyError(
            f"a record has the negative timestamp {record_timestamp_ms}, and no record before it in its "
            "partition has had one that could stand in"
        )
    return partition_time_ms


def wall_clock_time(
    _key: Any, _value: Any, _record_timestamp_ms: int, _partition_time_ms: int
) -> int:
    """The time at which the record is read, by the worker's clock (a test driver's manual one).

    Kafka Streams reads the machine's clock in its test driver too; ours gives the same times in each run.
    """
    return time.time_ns() // 1_000_000


class ClockTime:
    """`wall_clock_time` by a given clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(
        self, _key: Any, _value: Any, _record_timestamp_ms: int, _partition_time_ms: int
    ) -> int:
        return self._clock.now_ms()


class FieldTime:
    """Event time from the record itself: `function(key, value)` -> ms."""

    def __init__(self, function: Callable[[Any, Any], int]) -> None:
        self.function = function

    def __call__(
        self, key: Any, value: Any, _record_timestamp_ms: int, _partition_time_ms: int
    ) -> int:
        return self.function(key, value)


def is_record_time(extractor: object) -> bool:
    """True if an extractor only passes the record's own timestamp, so nothing needs to be decoded for it."""
    return extractor is None or extractor is record_time or extractor is record_time_or_fail
