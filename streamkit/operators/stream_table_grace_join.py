"""Stream-table join with a grace period: a record waits until stream time has left it behind.

It then meets the row that the versioned table had at the record's own time, so updates that come late, by
up to the grace period, still count. Waiting records go out by time, key bytes and arrival, once
`timestamp <= stream time - grace`; a record that comes later than that goes out at once. Only the
stream's own records move its time. Source: KStreamKTableJoinProcessor, RocksDBTimeOrderedKeyValueBuffer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.failed_record import name_record
from streamkit.operators.getter import ValueGetter
from streamkit.operators.table_suppress import record_buffer
from streamkit.state.buffer import RecordBuffer

__all__ = ["StreamTableGraceJoin"]


class StreamTableGraceJoin(Operator):
    """Joins with `joiner(value, row)`, or `joiner(key, value, row)` if `with_key`.

    Args:
        make_getter: makes what looks up rows of a versioned table.
        grace_ms: how long records wait.
        buffer: name of the buffer of waiting records.
        left: records without a row go on with None.
        with_key: the joiner takes the key too.
    """

    _buffer: RecordBuffer[Any, Any]

    def __init__(
        self,
        make_getter: Callable[[], ValueGetter],
        joiner: Callable[..., Any],
        grace_ms: i64,
        buffer: str,
        *,
        left: bool = False,
        with_key: bool = False,
    ) -> None:
        super().__init__()
        self._getter: Final[ValueGetter] = make_getter()
        self._joiner: Final[Any] = joiner
        self._grace: Final[i64] = grace_ms
        self._buffer_name: Final = buffer
        self._left: Final = left
        self._with_key: Final = with_key
        self._stream_time: i64 = -1

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._getter.init(context, self.name)
        self._buffer = record_buffer(context, self._buffer_name, self.name)
        self._stream_time = context.time_of(self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if value is None:
            self.context.drop(self.name, "null value")
            return
        if key is None:
            if self._left:
                self._join(key, value, timestamp, headers)
            else:
                self.context.drop(self.name, "null key")
            return
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        due = self._stream_time - self._grace
        if timestamp < due:
            self._join(key, value, timestamp, headers)
            return
        record = self.context.record
        self._buffer.put(
            key,
            timestamp,
            Change(None, value),
            timestamp,
            topic=record.topic or "",
            partition=record.partition,
            offset=record.offset,
            headers=headers,
        )
        if self._buffer.first_time() <= due:
            self._release(due)

    def _release(self, due: i64) -> None:
        """Join the waiting records up to `due`, each as the source record that it was."""
        record = self.context.record
        before = record.copy()
        record.raw_key = record.raw_value = None
        try:
            while self._buffer.first_time() <= due:
                key, change, waiting = self._buffer.pop()
                record.topic, record.partition, record.offset = (
                    waiting.topic or None,
                    waiting.partition,
                    waiting.offset,
                )
                record.timestamp, record.headers = waiting.timestamp, waiting.headers
                try:
                    self._join(key, change.new, waiting.timestamp, waiting.headers)
                except BaseException as error:
                    name_record(error, key, change.new, record)
                    raise
        finally:
            record.show(before)

    def _join(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        row: object = None
        if key is not None:
            entry = self._getter.get_as_of(key, None, timestamp)
            if entry is not None:
                row = entry[0]
        if row is not None or self._left:
            result = self._joiner(key, value, row) if self._with_key else self._joiner(value, row)
            self.forward(key, result, timestamp, headers)

    def close(self) -> None:
        self._getter.close()
