"""suppress: changes of a table wait in a buffer; of each key the latest goes out when its time has come.

Until windows close, that is when `end <= stream time - grace`, in the order of ends; deletions are
swallowed, as a closed window doesn't come back. Until a time limit, the time of a key is that of its first
waiting change; later ones replace it and keep the place. A buffer that grows beyond its bounds emits early,
the oldest first, or stops the app. Stream time is this operator's own. Source: KTableSuppressProcessor.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.model.windowed import Windowed
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.failed_record import name_record
from streamkit.operators.idle_clock import (
    NEVER_IDLE,
    NOTHING_YET,
    IdleClock,
    IdleSignal,
    idle_signal,
)
from streamkit.state.buffer import RecordBuffer

__all__ = ["TableSuppress", "record_buffer"]


def record_buffer(context: TaskContext, name: str, node: str) -> RecordBuffer[Any, Any]:
    """The buffer called `name`.

    Raises:
        TopologyError: it is a store of another kind.
    """
    store = context.store(name)
    if not isinstance(store, RecordBuffer):
        raise TopologyError(
            f"operator {node!r} needs a record buffer, {name!r} is a {type(store).__name__}"
        )
    return store


class TableSuppress(Operator):
    """Holds changes back.

    Args:
        buffer: name of its buffer.
        wait_ms: how far stream time must be beyond a change's time: the limit, or the windows' grace.
        until_close: keys are windowed, and a change's time is its window's end.
        max_records, max_bytes: bounds of the buffer; -1: none.
        emit_when_full: emit early instead of stopping the app.
        idle_ms: how long nothing must come before time goes on by the wall clock, see `IdleClock`.
        closed_by: names of the aggregations above that tell when windows close while no data comes.
    """

    _buffer: RecordBuffer[Any, Any]

    def __init__(
        self,
        buffer: str,
        wait_ms: i64,
        *,
        until_close: bool,
        max_records: i64 = -1,
        max_bytes: i64 = -1,
        emit_when_full: bool = False,
        idle_ms: i64 = NEVER_IDLE,
        closed_by: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self._buffer_name: Final = buffer
        self._wait: Final[i64] = wait_ms
        self._until_close: Final = until_close
        self._max_records: Final[i64] = max_records
        self._max_bytes: Final[i64] = max_bytes
        self._emit_when_full: Final = emit_when_full
        self._idle: Final = IdleClock(idle_ms)
        self._idles: Final = idle_ms >= 0
        self._closed_by: Final = closed_by
        self._signals: list[IdleSignal] = []
        self._stream_time: i64 = -1

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._buffer = record_buffer(context, self._buffer_name, self.name)
        self._stream_time = context.time_of(self.name)
        for name in self._closed_by:
            signal = idle_signal(context, name)
            signal.listeners.append(self._windows_closed)
            self._signals.append(signal)
        if self._idles:
            self._idle.init(context, self.name, self._wake)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        if self._idles:
            self._idle.record(timestamp)
        if timestamp > self._stream_time:
            self._stream_time = timestamp
            self.context.node_times[self.name] = timestamp
        time = timestamp
        if self._until_close:
            assert isinstance(key, Windowed)
            time = key.window.end_ms
        record = self.context.record
        self._buffer.put(
            key,
            time,
            value,
            timestamp,
            topic=record.topic or "",
            partition=record.partition,
            offset=record.offset,
            headers=headers,
        )
        due = self._stream_time - self._wait
        if self._buffer.first_time() <= due or self._is_over():
            self._release(due)

    def _wake(self, _now_ms: int) -> None:
        """No change has come for a while."""
        limit = self._idle.newest + self._wait
        time = self._idle.time(self._stream_time, limit)
        self._go_on(time)
        if time >= limit:
            self._idle.rest()

    def _windows_closed(self) -> None:
        """Windows have closed while no data came: those that all aggregations above have closed.

        One that hasn't had a record yet isn't waited for, nor one whose own records' windows are all closed.
        """
        time: i64 = NOTHING_YET
        highest: i64 = NOTHING_YET
        for signal in self._signals:
            closed: i64 = signal.closed_before()
            if closed > highest:
                highest = closed
            if closed != NOTHING_YET and not signal.rests():
                time = closed if time == NOTHING_YET or closed < time else time
        self._go_on(highest if time == NOTHING_YET else time)

    def _go_on(self, time: i64) -> None:
        if time <= self._stream_time:
            return
        self._stream_time = time
        self.context.node_times[self.name] = time
        if self._buffer.first_time() <= time - self._wait:
            self._release(time - self._wait)

    def _is_over(self) -> bool:
        return (self._max_records >= 0 and self._buffer.records() > self._max_records) or (
            self._max_bytes >= 0 and self._buffer.size_bytes() > self._max_bytes
        )

    def _release(self, due: i64) -> None:
        """Send on what is due, each as of the source record that caused it, then what is too much."""
        record = self.context.record
        before = record.copy()
        record.raw_key = record.raw_value = None
        try:
            while self._buffer.first_time() <= due:
                self._emit_first()
            while self._emit_when_full and self._is_over():
                self._emit_first()
        finally:
            record.show(before)
        if self._is_over():
            raise self._full()

    def _full(self) -> TopologyError:
        bounds = []
        if self._max_records >= 0:
            bounds.append(f"max_records={self._max_records}")
        if self._max_bytes >= 0:
            bounds.append(f"max_bytes={self._max_bytes}")
        held = "results that aren't final" if self._until_close else "changes that aren't due"
        return TopologyError(
            f"the buffer of {self.name!r} is full: {self._buffer.records()} records of "
            f"{self._buffer.size_bytes()} bytes wait, more than "
            f"{' and '.join(bounds)} allow, and {held} must not go out early: allow more, or make "
            f"the {'windows or their grace' if self._until_close else 'time limit'} shorter"
        )

    def _emit_first(self) -> None:
        """Send the first change on, and then take it out.

        In this order, as who looks the key up while the change is on its way finds the value before.
        """
        key, change, waiting = self._buffer.first()
        if change.new is not None or not self._until_close:
            record = self.context.record
            record.topic, record.partition, record.offset = (
                waiting.topic or None,
                waiting.partition,
                waiting.offset,
            )
            record.timestamp, record.headers = waiting.timestamp, waiting.headers
            try:
                self.forward(key, change, waiting.timestamp, waiting.headers)
            except BaseException as error:
                name_record(error, key, change.new, record)
                raise
        self._buffer.drop_first()
