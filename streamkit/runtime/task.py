"""Task: one partition of one sub-topology, with its operators and stores.

The worker and `TopologyTestDriver` run this class, nothing else. A task belongs to the processing
thread and goes through these states:

| state | how it gets there | what it may do |
| --- | --- | --- |
| created | the constructor: operators are made, stores are open | stores are restored |
| running | `start`: operators are initialised | `add`, `process`, `punctuate_wall_clock`, commit |
| closed | `close` | nothing |

A commit has three steps, so that a worker can commit many tasks at once and wait for the log once:

1. `seal` ends the stores' current generation of writes and `write_changelog` sends it;
2. when the log has acknowledged outputs and changelogs, `persist` moves it into the backends;
3. `committable` says which input offsets to commit, with which metadata; `committed` clears the books.

Operators call each other directly, so one `process_raw` runs a record to the very end of the
sub-topology. Stream-time punctuators run after the record that moves stream time to their point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from mypy_extensions import i64

from streamkit.clock import Clock
from streamkit.errors import TopologyError
from streamkit.model.records import EMPTY_HEADERS, TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.operators.context import RecordCollector
from streamkit.operators.failure import explain
from streamkit.operators.guard import guard_children
from streamkit.operators.timestamps import record_time_or_fail
from streamkit.runtime.failures import FailurePolicy, is_undecodable
from streamkit.runtime.operator_graph import OperatorGraph
from streamkit.runtime.partition_group import (
    DISABLED,
    MAX_TIMESTAMP,
    Columns,
    Lag,
    PartitionBuffer,
    PartitionGroup,
)
from streamkit.runtime.punctuation import TIMER, Punctuator
from streamkit.runtime.task_context import RunningTaskContext, TaskStoreContext
from streamkit.runtime.task_settings import TaskSettings
from streamkit.runtime.task_stores import TaskStores
from streamkit.state import StateStore

__all__ = ["Committable", "Task"]

NEGATIVE_TIMESTAMP: Final = "negative timestamp"


def raise_error(error: Exception) -> NoReturn:
    """Raise `error`, whose cause is set already and must not be touched by a `from`."""
    raise error


class Committable:
    """What a task asks to be committed for one input partition.

    Attributes:
        offset: the next one to read.
        partition_time: highest timestamp processed of the partition, -1 if none.
        node_times: stream times of the task's nodes.
    """

    __slots__ = ("node_times", "offset", "partition_time")

    def __init__(self, offset: int, partition_time: int, node_times: dict[str, int]) -> None:
        self.offset = offset
        self.partition_time = partition_time
        self.node_times = node_times


class Task:
    """One task. See the module for its states.

    Args:
        task_id: sub-topology and partition.
        graph: its operators, freshly made.
        inputs: the partitions it reads.
        stores: its own, open.
        global_stores: those of the worker, read only.
        collector: where records leave the task.
        clock: wall clock.
        settings: see `TaskSettings`.

    Attributes:
        context: what operators see; holds stream time and counters.
        stores: its own stores by name.
        processed: records taken from buffers so far, dropped ones included.
    """

    def __init__(
        self,
        task_id: TaskId,
        graph: OperatorGraph,
        inputs: list[TopicPartition],
        *,
        stores: TaskStores,
        global_stores: dict[str, StateStore],
        collector: RecordCollector,
        clock: Clock,
        settings: TaskSettings,
    ) -> None:
        self.task_id = task_id
        self.inputs = inputs
        self.stores = stores.by_name
        self.processed: i64 = 0
        self.running = False
        self.closed = False
        self._graph = graph
        self._stores = stores
        self.context = RunningTaskContext(
            settings.application_id,
            task_id,
            collector,
            clock,
            {**global_stores, **stores.by_name},
            dict(settings.values),
        )
        self._failures = FailurePolicy(self.context, settings)
        if settings.on_processing_error == "continue":
            guard_children(graph.operators, self._failures.judge)
        self._store_context = TaskStoreContext(str(task_id), self.context)
        self.context.store_context = self._store_context
        self._buffers: dict[TopicPartition, PartitionBuffer] = {
            partition: PartitionBuffer(partition, graph.source_for(partition.topic))
            for partition in inputs
        }
        self._group = PartitionGroup(list(self._buffers.values()), settings.max_task_idle_ms)
        self._idling: Final = settings.max_task_idle_ms != DISABLED
        self._dirty = False
        stores.init(self._store_context)

    # -- life --------------------------------------------------------------------------------------

    def start(
        self,
        committed: Mapping[TopicPartition, Committable],
        restored: Mapping[str, int] | None = None,
    ) -> None:
        """Initialise the operators; stores must be restored.

        Args:
            committed: what the inputs' last commit said, where there was one: stream time and the
                nodes' own times go on from there.
            restored: times of nodes as changelogs tell them. What lies after the committed stream time
                is of records that will be processed again, and shall not make them late.

        Raises:
            ProcessingError: a processor's `init` raised.
        """
        context = self.context
        for partition, saved in committed.items():
            buffer = self._buffers[partition]
            buffer.partition_time = saved.partition_time
            buffer.next_offset = saved.offset
            context.stream_time = max(context.stream_time, saved.partition_time)
            for node, time_ms in saved.node_times.items():
                context.node_times[node] = max(context.node_times.get(node, -1), time_ms)
        for node, time_ms in (restored or {}).items():
            context.restored_times[node] = min(time_ms, context.stream_time)
        context.starting = True
        for operator in self._graph.operators:
            context.node = operator.name
            try:
                operator.init(context)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # explained, never passed over
                raise_error(explain(error, operator, context, when="while it started"))
        context.node = ""
        context.starting = False
        times = context.node_times
        places = {name: times.pop(name) for name in list(times) if TIMER in name}
        context.stream_punctuators.rearrange(places)
        self.running = True

    def close(self) -> None:
        """Close operators and stores. What was not committed is lost. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        try:
            if self.running:
                for operator in self._graph.operators:
                    operator.close()
        finally:
            self.running = False
            self._group.unqueue_all()
            self._stores.close()

    def restorable(self) -> dict[TopicPartition, StateStore]:
        """Stores to fill before `start`, by changelog partition."""
        return self._stores.restorable()

    # -- input -------------------------------------------------------------------------------------

    def add(self, partition: TopicPartition, columns: Columns) -> None:
        """Buffer records that follow those buffered already.

        Raises:
            SerdeError: a source with a timestamp extractor can't decode the first one.
            ProcessingError: the timestamp extractor raised.
        """
        buffer = self._buffers[partition]
        was_empty = buffer.buffered == 0
        buffer.add(columns)
        if was_empty and not self._group.single and self._refresh(buffer):
            self._group.offer(buffer)

    def pass_over(self, partition: TopicPartition, offset: i64) -> None:
        """Commit `offset` for a partition of which nothing is buffered.

        Args:
            offset: where the consumer is; what lies below and was never added is no record (transaction
                markers, aborted and compacted records).
        """
        buffer = self._buffers[partition]
        if buffer.buffered == 0 and buffer.committable_offset() < offset:
            buffer.pass_over(offset)
            self._dirty = True

    @property
    def buffered(self) -> int:
        """Records that wait in all buffers."""
        return sum(buffer.buffered for buffer in self._group.buffers)

    def buffered_bytes(self, partition: TopicPartition) -> int:
        """An estimate of what waits in one buffer."""
        return self._buffers[partition].buffered_bytes

    def buffered_records(self, partition: TopicPartition) -> int:
        """How many records wait in one buffer."""
        return self._buffers[partition].buffered

    def head_timestamp(self) -> int:
        """Event time of the next record; `MAX_TIMESTAMP` if none is buffered."""
        group = self._group
        if not group.single:
            return group.oldest()
        buffer = group.buffers[0]
        return buffer.head_timestamp if self._refresh(buffer) else MAX_TIMESTAMP

    def is_ready(self, now_ms: int, lag: Lag) -> bool:
        """Whether `process` may run now; see `PartitionGroup.is_ready`."""
        return self._group.is_ready(now_ms, lag)

    # -- processing --------------------------------------------------------------------------------

    def process(self, max_records: i64) -> i64:
        """Take up to `max_records` records, oldest first, each to its very end.

        Call it when `is_ready`. It returns early when a buffer runs empty, as the answer may change then.

        Returns:
            how many were taken; dropped ones count.

        Raises:
            SerdeError: undecodable bytes, unless the app continues after such.
            ProcessingError: a user's function raised.
        """
        group = self._group
        taken: i64 = 0
        if group.single:
            only = group.buffers[0]
            while taken < max_records and self._refresh(only):
                taken += self._run(only, max_records - taken, MAX_TIMESTAMP)
        else:
            while taken < max_records:
                buffer = group.take()
                if buffer is None:
                    break
                taken += self._run(buffer, max_records - taken, group.oldest())
                if self._refresh(buffer):
                    group.offer(buffer)
                elif self._idling:
                    break
        if taken > 0:
            self.processed += taken
            self._dirty = True
        return taken

    def punctuate_wall_clock(self, now_ms: i64, *, caught_up: bool = True) -> int:
        """Run the wall-clock punctuators that are due; how many ran.

        Args:
            now_ms: of the wall clock.
            caught_up: nothing waits to be read, see `TaskContext`.
        """
        self.context.caught_up = caught_up
        queue = self.context.wall_punctuators
        if now_ms < queue.next_due_ms:
            return 0
        self._leave_record(now_ms)
        ran = queue.run_due(now_ms, self._punctuate)
        if ran:
            self._dirty = True
        return ran

    @property
    def punctuations(self) -> int:
        """How many punctuators ran so far, on both clocks."""
        return int(self.context.stream_punctuators.ran + self.context.wall_punctuators.ran)

    def next_wall_punctuation_ms(self) -> int:
        """When the next wall-clock punctuator is due, far away if there is none."""
        return self.context.wall_punctuators.next_due_ms

    # -- commit ------------------------------------------------------------------------------------

    @property
    def commit_requested(self) -> bool:
        """An operator or a full overlay asked for a commit."""
        return self.context.commit_requested

    @property
    def commit_needed(self) -> bool:
        """Something happened since the last commit."""
        return self._dirty

    def seal(self) -> None:
        """Send what waits in record caches, then end the stores' current generation of writes.

        Raises:
            ProcessingError: a user's function raised, below a cache.
        """
        if self._graph.gates:
            self._flush_caches()
        self._stores.seal()

    def write_changelog(self, limit: i64 = 0) -> bool:
        """Send up to `limit` entries a store of the sealed generation (0: all); True once through."""
        return self._stores.write_changelog(limit)

    def changelog_partitions(self) -> list[TopicPartition]:
        """Changelog partitions that the sealed generation goes to."""
        return self._stores.changelog_partitions()

    def persist(self, ends: Mapping[TopicPartition, int], limit: i64 = 0) -> bool:
        """Move up to `limit` entries a store of the sealed generation to the backends; True once through.

        Args:
            ends: offset after the last acknowledged record of each changelog partition.
        """
        inputs = {
            partition: buffer.committable_offset() for partition, buffer in self._buffers.items()
        }
        return self._stores.persist(ends, inputs, limit)

    def committable(self) -> dict[TopicPartition, Committable]:
        """Input offsets to commit: of every partition that something was read from."""
        context = self.context
        node_times = {**context.node_times, **context.stream_punctuators.places()}
        offsets: dict[TopicPartition, Committable] = {}
        for partition, buffer in self._buffers.items():
            offset = buffer.committable_offset()
            if offset >= 0:
                offsets[partition] = Committable(offset, buffer.partition_time, node_times)
        return offsets

    def committed(self) -> None:
        """The commit is through."""
        self._dirty = False
        self.context.commit_requested = False

    def discard(self) -> None:
        """Forget every write that was not persisted."""
        for gate in self._graph.gates:
            gate.cache.clear()
        self._stores.discard()

    def _flush_caches(self) -> None:
        """In the order of the stores, until nothing waits: what goes on may wait again further down."""
        waits = True
        while waits:
            waits = False
            for gate in self._graph.gates:
                try:
                    waits = gate.cache.flush() or waits
                except (Exception, SystemExit) as error:  # noqa: BLE001  # judged, counted or raised again
                    self._failures.judge(gate, error)

    # -- the loops ---------------------------------------------------------------------------------

    def _refresh(self, buffer: PartitionBuffer) -> bool:
        """Make the buffer's head known, past records that are dropped; False if it is empty."""
        if buffer.source.timestamp_extractor is not None:
            return self._refresh_extracted(buffer)
        while True:
            position = buffer.position
            timestamps = buffer.timestamps
            while position < buffer.length:
                timestamp: i64 = timestamps[position]
                if timestamp >= 0:
                    buffer.position = position
                    buffer.head_timestamp = timestamp
                    return True
                if not buffer.source.skips_negative:
                    self._refuse_time(buffer, position, timestamp)
                self.context.drop(buffer.source.name, NEGATIVE_TIMESTAMP)
                position += 1
                self._pass_over(buffer, position)
            if not buffer.advance_columns():
                return False

    def _refresh_extracted(self, buffer: PartitionBuffer) -> bool:
        """As `_refresh`, for a source whose timestamps come from key and value."""
        if buffer.head_ready:
            return True
        source = buffer.source
        topic = buffer.topic_partition.topic
        while True:
            while buffer.position < buffer.length:
                position = buffer.position
                try:
                    key = source.decode_key(topic, buffer.keys[position])
                    value = source.decode_value(topic, buffer.values[position])
                    extracted: object = source.timestamp_extractor(
                        key, value, buffer.timestamps[position], buffer.partition_time
                    )
                    if not isinstance(extracted, int):
                        raise TypeError(
                            f"a record's time is an int, milliseconds since the epoch, not {extracted!r}"
                        )
                    timestamp: i64 = extracted
                except (Exception, SystemExit) as error:  # noqa: BLE001  # judged, counted or raised again
                    self._point_at(buffer, position)
                    self._failures.judge(source, error, skips=False)
                    self._pass_over(buffer, position + 1)  # it is undecodable
                    continue
                if timestamp < 0:
                    self.context.drop(source.name, NEGATIVE_TIMESTAMP)
                    self._pass_over(buffer, position + 1)
                    continue
                buffer.head_timestamp = timestamp
                buffer.head_key = key
                buffer.head_value = value
                buffer.head_ready = True
                return True
            if not buffer.advance_columns():
                return False

    def _refuse_time(self, buffer: PartitionBuffer, position: i64, timestamp: i64) -> None:
        """Stop, as Kafka Streams does, which asks no handler of errors about times."""
        try:
            record_time_or_fail(None, None, timestamp, buffer.partition_time)
        except TopologyError as error:
            self._point_at(buffer, position)
            self._failures.judge(buffer.source, error, skips=False)

    def _pass_over(self, buffer: PartitionBuffer, position: i64) -> None:
        """Be done with the record before `position`, unprocessed."""
        buffer.position = position
        buffer.buffered -= 1
        self.processed += 1
        self._dirty = True

    def _run(self, buffer: PartitionBuffer, limit: i64, below: i64) -> i64:
        """Process records of one buffer while they are older than `below`; the first one always."""
        if buffer.source.timestamp_extractor is None:
            return self._run_plain(buffer, limit, below)
        return self._run_extracted(buffer, limit, below)

    def _run_plain(self, buffer: PartitionBuffer, limit: i64, below: i64) -> i64:
        """Straight through the columns. Every attribute that a record does not change stays local."""
        context = self.context
        record = context.record
        store_context = self._store_context
        stream_queue = context.stream_punctuators
        source = buffer.source
        topic = buffer.topic_partition.topic
        offsets = buffer.offsets
        timestamps = buffer.timestamps
        keys = buffer.keys
        values = buffer.values
        headers_column = buffer.headers
        headers = EMPTY_HEADERS
        start: i64 = buffer.position
        position: i64 = start
        end: i64 = buffer.length
        if end - position > limit:
            end = position + limit
        partition_time: i64 = buffer.partition_time
        stream_time: i64 = context.stream_time
        record.topic = topic
        record.partition = buffer.topic_partition.partition
        try:
            while position < end:
                timestamp: i64 = timestamps[position]
                if timestamp < 0 or (timestamp >= below and position > start):
                    break
                time_before = partition_time
                stream_time_before = stream_time
                if timestamp > partition_time:
                    partition_time = timestamp
                    if timestamp > stream_time:
                        stream_time = timestamp
                        context.stream_time = timestamp
                raw_key = keys[position]
                raw_value = values[position]
                if headers_column is not None:
                    headers = headers_column[position]
                record.offset = offsets[position]
                record.timestamp = timestamp
                record.headers = headers
                record.raw_key = raw_key
                record.raw_value = raw_value
                store_context.timestamp = timestamp
                try:
                    source.process_raw(topic, raw_key, raw_value, timestamp, headers)
                except (Exception, SystemExit) as error:  # noqa: BLE001  # judged, counted or raised again
                    self._failures.judge(source, error)
                    if is_undecodable(error, source):
                        # Kafka Streams looks at the time of a record once it is decoded.
                        partition_time = time_before
                        stream_time = stream_time_before
                        context.stream_time = stream_time
                position += 1
                if stream_time >= stream_queue.next_due_ms:
                    self._punctuate_stream_time(topic, record.partition)
        finally:
            buffer.position = position
            buffer.buffered -= position - start
            buffer.partition_time = partition_time
        return position - start

    def _run_extracted(self, buffer: PartitionBuffer, limit: i64, below: i64) -> i64:
        """Record by record, as each one's time is known only once it is decoded."""
        context = self.context
        source = buffer.source
        taken: i64 = 0
        while taken < limit and self._refresh_extracted(buffer):
            timestamp = buffer.head_timestamp
            if timestamp >= below and taken > 0:
                break
            position = buffer.position
            self._point_at(buffer, position)
            record = context.record
            record.timestamp = timestamp
            self._store_context.timestamp = timestamp
            key = buffer.head_key
            value = buffer.head_value
            buffer.head_ready = False
            buffer.head_key = None
            buffer.head_value = None
            if timestamp > buffer.partition_time:
                buffer.partition_time = timestamp
                if timestamp > context.stream_time:
                    context.stream_time = timestamp
            try:
                source.process(key, value, timestamp, record.headers)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # judged, counted or raised again
                self._failures.judge(source, error)
            buffer.position = position + 1
            buffer.buffered -= 1
            taken += 1
            if context.stream_time >= context.stream_punctuators.next_due_ms:
                self._punctuate_stream_time(buffer.topic_partition.topic, record.partition)
        return taken

    # -- punctuation -------------------------------------------------------------------------------

    def _punctuate_stream_time(self, topic: str, partition: i64) -> None:
        """Run what is due, then point the record context at the partition again."""
        context = self.context
        stream_time = context.stream_time
        if stream_time < 0:
            return
        self._leave_record(stream_time)
        context.stream_punctuators.run_due(stream_time, self._punctuate)
        context.record.topic = topic
        context.record.partition = partition

    def _punctuate(self, punctuator: Punctuator, timestamp_ms: int) -> None:
        try:
            punctuator.callback(timestamp_ms)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # judged, counted or raised again
            self._failures.judge(self._graph.operator(punctuator.node), error, "in a punctuator")

    def _leave_record(self, timestamp_ms: i64) -> None:
        """No record is being processed."""
        record = self.context.record
        record.topic = None
        record.partition = -1
        record.offset = -1
        record.timestamp = timestamp_ms
        record.headers = EMPTY_HEADERS
        record.raw_key = None
        record.raw_value = None
        self._store_context.timestamp = timestamp_ms

    def _point_at(self, buffer: PartitionBuffer, position: i64) -> None:
        """The record context shows the record at `position`."""
        record = self.context.record
        record.topic = buffer.topic_partition.topic
        record.partition = buffer.topic_partition.partition
        record.offset = buffer.offsets[position]
        record.timestamp = buffer.timestamps[position]
        record.headers = EMPTY_HEADERS if buffer.headers is None else buffer.headers[position]
        record.raw_key = buffer.keys[position]
        record.raw_value = buffer.values[position]
