"""What a running operator sees of its task.

One `TaskContext` a task, owned by the processing thread. `runtime.task` makes it and keeps the
`RecordContext` pointing at the source record that is being processed.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import i64, mypyc_attr

from streamkit.clock import Clock
from streamkit.model.records import EMPTY_HEADERS, Headers
from streamkit.model.tasks import TaskId
from streamkit.state.store import StateStore, StoreContext

__all__ = ["Cancellable", "RecordCollector", "RecordContext", "TaskContext"]


class RecordContext:
    """The source record that caused what is being processed now. Mutable, one a task.

    Attributes:
        topic: its topic; None inside a punctuator.
        partition: -1 inside a punctuator.
        offset: -1 inside a punctuator.
        timestamp: stream time of the record in milliseconds.
        headers: the source record's headers.
        raw_key: key bytes as they came, or None.
        raw_value: value bytes as they came, or None.
    """

    __slots__ = ("headers", "offset", "partition", "raw_key", "raw_value", "timestamp", "topic")

    def __init__(self) -> None:
        self.topic: str | None = None
        self.partition: i64 = -1
        self.offset: i64 = -1
        self.timestamp: i64 = 0
        self.headers: Headers = EMPTY_HEADERS
        self.raw_key: bytes | None = None
        self.raw_value: bytes | None = None

    def copy(self) -> RecordContext:
        """What it shows now, to `show` it again after another record was processed in between."""
        copied = RecordContext()
        copied.show(self)
        return copied

    def show(self, other: RecordContext) -> None:
        """Show what `other` shows."""
        self.topic = other.topic
        self.partition = other.partition
        self.offset = other.offset
        self.timestamp = other.timestamp
        self.headers = other.headers
        self.raw_key = other.raw_key
        self.raw_value = other.raw_value


@mypyc_attr(allow_interpreted_subclasses=True)
class RecordCollector:
    """Where sinks and changelogs send records: the worker's producer, or a test driver's lists."""

    def send(
        self,
        topic: str,
        partition: i64,
        key: bytes | None,
        value: bytes | None,
        timestamp: i64,
        headers: Headers,
    ) -> None:
        """Buffer one record. `partition` -1: by murmur2 of the key, or sticky without a key."""
        raise NotImplementedError

    def partitions_for(self, topic: str) -> int:
        """How many partitions `topic` has; for stream partitioners."""
        raise NotImplementedError

    def partition_of(self, topic: str, key: bytes) -> int:
        """The partition of `topic` that records of that key go to."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Cancellable:
    """A scheduled punctuator."""

    def cancel(self) -> None:
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class TaskContext:
    """The services of one task, for its operators. Subclassed in `runtime`.

    Attributes:
        application_id: the app's id.
        task_id: sub-topology and partition.
        record: the source record being processed.
        collector: where records leave the task.
        clock: wall clock.
        stores: the task's (and the worker's global) stores by name.
        stream_time: highest timestamp that the task has seen, -1 before the first.
        node_times: stream times that operators keep over a restart, by node name. They travel
            in the offset-commit metadata: an operator reads its own in `init` and writes it back
            as its stream time moves.
        restored_times: what their changelogs tell of those that no commit tells.
        store_context: what the task's stores see. Operators that give plain or session stores something tell
            them the time of the record that they process: records that are forwarded may have another one.
        caught_up: nothing waits to be read, as far as is known; set while wall-clock punctuators run.
        dropped: records dropped so far, by (node name, reason).
        shared: what operators of this task share beside stores, by name.
    """

    def __init__(
        self,
        application_id: str,
        task_id: TaskId,
        collector: RecordCollector,
        clock: Clock,
        stores: dict[str, StateStore],
        settings: dict[str, object],
    ) -> None:
        self.application_id = application_id
        self.task_id = task_id
        self.record: RecordContext = RecordContext()
        self.collector = collector
        self.clock = clock
        self.stores = stores
        self.settings = settings
        self.stream_time: i64 = -1
        self.node_times: dict[str, int] = {}
        self.restored_times: dict[str, int] = {}
        self.store_context: StoreContext = StoreContext()
        self.caught_up = True
        self.dropped: dict[tuple[str, str], int] = {}
        self.shared: dict[str, object] = {}

    def store(self, name: str) -> StateStore:
        """The store called `name`.

        Raises:
            KeyError: the operator isn't connected to it.
        """
        return self.stores[name]

    def time_of(self, node: str) -> int:
        """The stream time that `node` had before a restart, -1 if it is not known."""
        return max(self.node_times.get(node, -1), self.restored_times.get(node, -1))

    def drop(self, node: str, reason: str) -> None:
        """Count a record that `node` drops: "null key", "late", "null value", …"""
        key = (node, reason)
        self.dropped[key] = self.dropped.get(key, 0) + 1

    def schedule(
        self,
        interval_ms: int,
        clock: str,
        callback: Callable[[int], None],
        start_ms: int | None = None,
        node: str = "",
    ) -> Cancellable:
        """Call `callback(timestamp)` each `interval_ms` of "stream" or "wall" time.

        `node` is the operator at fault if it raises; empty: the one that is being initialised.

        Source: ProcessorContext.schedule; grids as in Kafka Streams (multiples of the interval from
        `start_ms` on; without one from 0 in stream time, from the time of scheduling on the wall clock).
        """
        raise NotImplementedError

    def request_commit(self) -> None:
        """Commit soon, before the interval ends."""
        raise NotImplementedError
