"""source: the first operator of a sub-topology; turns a record's bytes into key and value.

The task picks the next record by timestamp, points the record context at it and calls `process_raw`.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import SerdeError
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.change_codec import decode_change
from streamkit.operators.context import TaskContext
from streamkit.operators.timestamps import (
    ClockTime,
    is_record_time,
    record_time,
    wall_clock_time,
)
from streamkit.serde.base import Serde

__all__ = ["SourceOperator"]


class SourceOperator(Operator):
    """Decodes keys and values and passes them on.

    Args:
        key_serde, value_serde: None: bytes as they are.
        timestamp_extractor: `f(key, value, record_timestamp_ms, partition_time_ms)` -> ms; None: the
            record's own timestamp. The task calls `event_time` before it queues the record.
        changes: values are changes of a table on their way to an aggregation.
    """

    def __init__(
        self,
        key_serde: Serde[Any] | None = None,
        value_serde: Serde[Any] | None = None,
        timestamp_extractor: Any = None,
        *,
        changes: bool = False,
    ) -> None:
        super().__init__()
        self.timestamp_extractor: Any = (
            None if is_record_time(timestamp_extractor) else timestamp_extractor
        )
        self.skips_negative: Final = timestamp_extractor is record_time
        self._key_serde: Final[Any] = key_serde
        self._value_serde: Final[Any] = value_serde
        self._changes: Final = changes

    def init(self, context: TaskContext) -> None:
        super().init(context)
        if self.timestamp_extractor is wall_clock_time:
            self.timestamp_extractor = ClockTime(context.clock)

    def decode_key(self, topic: str, raw_key: bytes | None) -> object:
        """The key, None for a null key.

        Raises:
            SerdeError: with the operator's name and the topic filled in.
        """
        if raw_key is None or self._key_serde is None:
            return raw_key
        try:
            return self._key_serde.deserialize(topic, raw_key)
        except SerdeError as error:
            raise self._located(error, topic, "key") from None

    def decode_value(self, topic: str, raw_value: bytes | None) -> object:
        """The value, None for a null value.

        Raises:
            SerdeError: with the operator's name and the topic filled in.
        """
        if raw_value is None:
            return None
        if self._changes:
            return decode_change(self._value_serde, topic, raw_value)
        if self._value_serde is None:
            return raw_value
        try:
            return self._value_serde.deserialize(topic, raw_value)
        except SerdeError as error:
            raise self._located(error, topic, "value") from None

    def event_time(
        self,
        topic: str,
        raw_key: bytes | None,
        raw_value: bytes | None,
        record_timestamp: i64,
        partition_time: i64,
    ) -> i64:
        """When the record happened: negative drops it."""
        if self.timestamp_extractor is None:
            return record_timestamp
        key = self.decode_key(topic, raw_key)
        value = self.decode_value(topic, raw_value)
        extracted: i64 = self.timestamp_extractor(key, value, record_timestamp, partition_time)
        return extracted

    def process_raw(
        self,
        topic: str,
        raw_key: bytes | None,
        raw_value: bytes | None,
        timestamp: i64,
        headers: Headers,
    ) -> None:
        """Decode one record and pass it on."""
        self.forward(
            self.decode_key(topic, raw_key), self.decode_value(topic, raw_value), timestamp, headers
        )

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        """Pass on a record that is decoded already."""
        self.forward(key, value, timestamp, headers)

    def _located(self, error: SerdeError, topic: str, part: str) -> SerdeError:
        error.node = self.name
        error.topic = topic
        error.add_note(f"in the {part} of a record read by source {self.name!r}")
        return error
