"""The buffered input of one task, and which of its partitions the next record comes from.

Each partition has a `PartitionBuffer` of decoded columns. The group hands out the buffer whose next
record is the oldest; buffers of one age alternate. A task with a single partition never compares.

Whether a task may run while some of its partitions have nothing buffered is KIP-695's question:

| `max_task_idle_ms` | an empty partition holds the task back … |
| --- | --- |
| -1 | never |
| 0 (the default) | while the broker is known, or may be suspected, to have records for it |
| n | also for n ms more after the broker had none |

Owned by the processing thread. Source: org.apache.kafka.streams.processor.internals.PartitionGroup,
RecordQueue; KIP-695.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from streamkit.model.records import Headers, TopicPartition
from streamkit.operators.source import SourceOperator

__all__ = ["DISABLED", "MAX_TIMESTAMP", "Columns", "PartitionBuffer", "PartitionGroup"]

DISABLED: Final = -1
_OVERHEAD_BYTES: Final = 150  # a record's Python objects beyond its bytes
MAX_TIMESTAMP: Final = 0x7FFF_FFFF_FFFF_FFFF

Lag = Callable[[TopicPartition], int | None]
"""Records that the broker holds beyond the position, None if not known yet."""


class Columns:
    """Records of one partition, a list a field, all of one length.

    Attributes:
        offsets, timestamps, keys, values: as they are in the log.
        headers: None if no record has any.
        next_offset: the position after them; beyond the last record if markers or compacted
            records follow it.
        size: an estimate in bytes, for the bound on buffers.
    """

    __slots__ = ("headers", "keys", "next_offset", "offsets", "size", "timestamps", "values")

    def __init__(
        self,
        offsets: list[int],
        timestamps: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[Headers] | None,
        next_offset: i64,
    ) -> None:
        self.offsets = offsets
        self.timestamps = timestamps
        self.keys = keys
        self.values = values
        self.headers = headers
        self.next_offset: i64 = next_offset
        self.size: i64 = _estimate(keys, values)


def _estimate(keys: list[bytes | None], values: list[bytes | None]) -> i64:
    """The size of the largest of three records, for all: exact enough for a bound, and cheap."""
    count = len(values)
    if count == 0:
        return 0
    largest = 0
    for index in (0, count // 2, count - 1):
        size = len(keys[index] or b"") + len(values[index] or b"")
        if size > largest:
            largest = size
    return count * (largest + _OVERHEAD_BYTES)


class PartitionBuffer:
    """Records of one partition that were fetched and not processed yet, in offset order.

    Attributes:
        topic_partition: which partition.
        source: the operator that its records enter the topology through.
        offsets, timestamps, keys, values, headers: the columns being worked on.
        position: index in them of the next record.
        length: of the columns.
        buffered: records that wait, here and in later columns.
        buffered_bytes: an estimate of their size, released column by column.
        partition_time: highest timestamp processed, -1 at first.
        next_offset: the offset after the columns that are done, -1 before any.
        head_timestamp: event time of the next record, as last seen by `refresh`.
        head_ready: a decoded head waits (sources with a timestamp extractor of their own).
        head_key, head_value: that head.
        idle_deadline_ms: until when an empty buffer of no lag still holds the task back; -1: not set.
    """

    def __init__(self, topic_partition: TopicPartition, source: SourceOperator) -> None:
        self.topic_partition = topic_partition
        self.source = source
        self.offsets: list[int] = []
        self.timestamps: list[int] = []
        self.keys: list[bytes | None] = []
        self.values: list[bytes | None] = []
        self.headers: list[Headers] | None = None
        self.position: i64 = 0
        self.length: i64 = 0
        self.buffered: i64 = 0
        self.buffered_bytes: i64 = 0
        self.partition_time: i64 = -1
        self.next_offset: i64 = -1
        self.head_timestamp: i64 = 0
        self.head_ready = False
        self.head_key: object = None
        self.head_value: object = None
        self.idle_deadline_ms: i64 = -1
        self._columns: Columns | None = None
        self._waiting: deque[Columns] = deque()

    def add(self, columns: Columns) -> None:
        """Take over records that follow what is buffered."""
        self.buffered += len(columns.offsets)
        self.buffered_bytes += columns.size
        self._waiting.append(columns)
        if self._columns is None:
            self._load()

    def advance_columns(self) -> bool:
        """Drop the columns that are done and take the next ones; False if there are none.

        Called when `position` has reached `length`.
        """
        done = self._columns
        if done is not None:
            self.next_offset = done.next_offset
            self.buffered_bytes -= done.size
        if self._waiting:
            self._load()
            return True
        self._columns = None
        self.position = 0
        self.length = 0
        self.offsets = []
        self.timestamps = []
        self.keys = []
        self.values = []
        self.headers = None
        return False

    def committable_offset(self) -> i64:
        """The offset after everything processed, -1 before anything."""
        if self.position > 0:
            return self.offsets[self.position - 1] + 1
        return self.next_offset

    def pass_over(self, offset: i64) -> None:
        """Nothing is buffered, and `offset` is the next one to read."""
        self.advance_columns()
        self.next_offset = offset

    def clear(self) -> None:
        """Forget everything that is buffered, and keep what to commit."""
        self.next_offset = self.committable_offset()
        self._columns = None
        self._waiting.clear()
        self.advance_columns()
        self.buffered = 0
        self.buffered_bytes = 0
        self.head_ready = False
        self.head_key = None
        self.head_value = None

    def _load(self) -> None:
        columns = self._waiting.popleft()
        self._columns = columns
        self.offsets = columns.offsets
        self.timestamps = columns.timestamps
        self.keys = columns.keys
        self.values = columns.values
        self.headers = columns.headers
        self.position = 0
        self.length = len(columns.offsets)


class PartitionGroup:
    """The buffers of one task.

    Args:
        buffers: one for each input partition.
        max_task_idle_ms: see the module's table.
    """

    def __init__(self, buffers: list[PartitionBuffer], max_task_idle_ms: i64) -> None:
        self.buffers = buffers
        self.single: Final = len(buffers) == 1
        self._max_task_idle_ms = max_task_idle_ms
        self._heap: list[PartitionBuffer] = []

    def is_ready(self, now_ms: i64, lag: Lag) -> bool:
        """Whether the task may process now: something is buffered, and nothing older is to be awaited."""
        if self.single:
            return self.buffers[0].buffered > 0
        some = False
        waiting = False
        for buffer in self.buffers:
            if buffer.buffered > 0:
                buffer.idle_deadline_ms = -1
                some = True
            elif self._max_task_idle_ms != DISABLED and not waiting:
                waiting = self._must_wait(buffer, now_ms, lag)
        return some and not waiting

    def _must_wait(self, buffer: PartitionBuffer, now_ms: i64, lag: Lag) -> bool:
        missing = lag(buffer.topic_partition)
        if missing is None or missing > 0:
            buffer.idle_deadline_ms = -1
            return True
        if buffer.idle_deadline_ms < 0:
            buffer.idle_deadline_ms = now_ms + self._max_task_idle_ms
        return now_ms < buffer.idle_deadline_ms

    def offer(self, buffer: PartitionBuffer) -> None:
        """Queue a buffer by the age of its head. It must not be queued and must not be empty."""
        heap = self._heap
        heap.append(buffer)
        timestamp = buffer.head_timestamp
        index = len(heap) - 1
        while index > 0:
            parent = (index - 1) >> 1
            if timestamp >= heap[parent].head_timestamp:
                break
            heap[index] = heap[parent]
            index = parent
        heap[index] = buffer

    def take(self) -> PartitionBuffer | None:
        """Unqueue the buffer with the oldest head; None if none is queued."""
        heap = self._heap
        if not heap:
            return None
        first = heap[0]
        last = heap.pop()
        size = len(heap)
        if size == 0:
            return first
        timestamp = last.head_timestamp
        index = 0
        half = size >> 1
        while index < half:
            child = 2 * index + 1
            right = child + 1
            if right < size and heap[child].head_timestamp > heap[right].head_timestamp:
                child = right
            if timestamp <= heap[child].head_timestamp:
                break
            heap[index] = heap[child]
            index = child
        heap[index] = last
        return first

    def oldest(self) -> i64:
        """Timestamp of the oldest queued head, `MAX_TIMESTAMP` if none is queued."""
        return self._heap[0].head_timestamp if self._heap else MAX_TIMESTAMP

    def unqueue_all(self) -> None:
        """Empty the queue, with every buffer's records dropped."""
        self._heap.clear()
        for buffer in self.buffers:
            buffer.clear()
