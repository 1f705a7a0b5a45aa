"""TopologyTestDriver: a whole topology in one process, step by step, with a clock moved by hand.

It runs the worker's own `Task` (`streamkit.runtime.task`) for every sub-topology, with one partition a
topic and no sockets. Each input is processed to the very end: records written to repartition topics, and
to any other topic that the topology reads, go round in process. A commit follows each record.

Of records that wait in several tasks, the oldest goes first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from streamkit.clock import ManualClock
from streamkit.errors import ClosedError, ConfigError, TopologyError
from streamkit.model.records import EMPTY_HEADERS, Headers, Record, TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.operators.change_codec import decode_change
from streamkit.runtime.partition_group import MAX_TIMESTAMP, Columns
from streamkit.runtime.task import Task
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.serde import Serde, serde_for
from streamkit.state import StateStore, StoreSettings
from streamkit.testing.driver_topics import DriverTopics
from streamkit.topology.nodes import SinkNode, SourceNode
from streamkit.topology.plan import TopologyPlan, plan
from streamkit.topology.topology import Topology

__all__ = ["Buildable", "TopologyTestDriver"]

_UNLIMITED = 1_000_000_000


class _HasTopology(Protocol):
    def topology(self) -> Topology: ...


class _HasBuild(Protocol):
    def build(self) -> Topology: ...


Buildable: TypeAlias = Topology | _HasTopology | _HasBuild
"""What a topology can be had of: one itself, an `App`, or a `StreamsBuilder`."""


class TopologyTestDriver:
    """Feeds records to a topology and reads what it writes.

    Args:
        source: a `Topology`, a `StreamsBuilder`, or an `App`.
        application_id: the first part of internal topics' names; None: the app's id, else "test".
        wall_clock_start_ms: where the wall clock stands at first.
        backend: "rocksdb" or "memory" for stores whose specification names none; None: RocksDB.
        state_dir: where stores live; None: a temporary folder, gone at close.
        topics: names of topics that the topology reads by a pattern.
        on_deserialization_error, on_processing_error: "fail" or "continue"; None: the app's, else "fail".
        statestore_cache_max_bytes: of record caches, which are flushed after each record; None: the app's,
            else 0: there are none.

    Raises:
        TopologyError: the topology can't run as written.
        ProcessingError: a processor's `init` raised.

    Example:
        >>> topology = Topology()
        >>> _ = topology.add_source("in", "words", key=str, value=str)
        >>> _ = topology.add_sink("out", "copies", "in", key=str, value=str)
        >>> with TopologyTestDriver(topology) as driver:
        ...     driver.pipe_input("words", "k", "hello", timestamp_ms=5)
        ...     driver.read_output("copies")
        Record(key='k', value='hello', timestamp_ms=5, headers=())
    """

    def __init__(
        self,
        source: Buildable,
        *,
        application_id: str | None = None,
        wall_clock_start_ms: int = 0,
        backend: str | None = None,
        state_dir: str | Path | None = None,
        topics: Collection[str] = (),
        on_deserialization_error: str | None = None,
        on_processing_error: str | None = None,
        statestore_cache_max_bytes: int | None = None,
    ) -> None:
        topology = _topology_of(source)
        app_id = application_id or getattr(source, "app_id", None) or "test"
        app_settings = getattr(source, "settings", None)
        store_backend = backend or getattr(app_settings, "store_backend", None) or "rocksdb"
        self._closed = False
        self._clock = ManualClock(wall_clock_start_ms)
        self._nodes = topology.wiring.nodes
        self._plan = _one_partition(plan(topology, app_id))
        known = dict.fromkeys((*self._plan.external_topics, *topics), 1)
        self._topics = DriverTopics(known)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._factory = TaskFactory(
            self._plan,
            self._plan.resolve(known),
            settings=TaskSettings(
                app_id,
                on_deserialization_error=on_deserialization_error
                or str(getattr(app_settings, "on_deserialization_error", "fail")),
                on_processing_error=on_processing_error
                or str(getattr(app_settings, "on_processing_error", "fail")),
                cache_max_bytes=getattr(app_settings, "statestore_cache_max_bytes", 0)
                if statestore_cache_max_bytes is None
                else statestore_cache_max_bytes,
            ),
            collector=self._topics,
            clock=self._clock,
            store_settings=StoreSettings(backend=store_backend),
            default_serde=getattr(app_settings, "default_serde", None),
        )
        self._tasks: list[Task] = []
        self._global_tasks: list[Task] = []
        self._readers: dict[str, Task] = {}
        try:
            self._start(None if store_backend == "memory" else self._directory(state_dir))
        except BaseException:
            self.close()
            raise

    # -- records -----------------------------------------------------------------------------------

    def pipe_input(
        self,
        topic: str,
        key: Any = None,
        value: Any = None,
        timestamp_ms: int | None = None,
        headers: Headers = EMPTY_HEADERS,
    ) -> None:
        """Process one record to the very end.

        Args:
            topic: one that the topology reads.
            key, value: written by the serdes of the source that reads the topic; None stays null.
            timestamp_ms: None: the wall clock.

        Raises:
            ConfigError: the topology doesn't read the topic.
            SerdeError: the source's serde can't write key or value.
            ProcessingError: a user's function raised.
        """
        source = self._source(topic)
        raw_key = _encode(source.key_serde, topic, key)
        raw_value = _encode(source.value_serde, topic, value)
        self.pipe_raw(topic, raw_key, raw_value, timestamp_ms, headers)

    def pipe_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int | None = None,
        headers: Headers = EMPTY_HEADERS,
    ) -> None:
        """As `pipe_input`, with key and value as bytes, be they decodable or not."""
        self._check_open()
        if topic not in self._readers:
            known = ", ".join(sorted(self._readers)) or "none"
            raise ConfigError(f"the topology doesn't read topic {topic!r}; it reads: {known}")
        when = self._clock.now_ms() if timestamp_ms is None else timestamp_ms
        self._enqueue(topic, key, value, when, headers)
        self._run_to_end()

    def read_output(
        self, topic: str, *, key: Any = None, value: Any = None
    ) -> Record[Any, Any] | None:
        """The next record written to `topic`, None if all are read.

        Args:
            key, value: types or serdes to decode with; None: those of the sink that writes the topic
                (bytes where several sinks of unknown topics might have).
        """
        record = self._topics.pop(topic)
        if record is None:
            return None
        key_serde, value_serde, changes = self._written_with(topic)
        key_serde = serde_for(key) if key is not None else key_serde
        value_serde = serde_for(value) if value is not None else value_serde
        return Record(
            _decode(key_serde, topic, record.key, changes=False),
            _decode(value_serde, topic, record.value, changes=changes),
            record.timestamp_ms,
            record.headers,
        )

    def read_all(self, topic: str, *, key: Any = None, value: Any = None) -> list[Record[Any, Any]]:
        """All records written to `topic` and not read yet, in order; arguments as `read_output`."""
        records: list[Record[Any, Any]] = []
        while (record := self.read_output(topic, key=key, value=value)) is not None:
            records.append(record)
        return records

    @property
    def output_topics(self) -> tuple[str, ...]:
        """Topics that something was written to so far, repartition topics and changelogs included."""
        return self._topics.names()

    # -- state and time ----------------------------------------------------------------------------

    def store(self, name: str) -> StateStore:
        """A store, global ones included.

        Raises:
            ConfigError: the topology has no such store.
        """
        self._check_open()
        for task in (*self._tasks, *self._global_tasks):
            if name in task.stores:
                return task.stores[name]
        known = ", ".join(
            sorted(store for task in (*self._tasks, *self._global_tasks) for store in task.stores)
        )
        raise ConfigError(f"the topology has no store {name!r}; it has: {known or 'none'}")

    def advance_wall_clock(self, by: timedelta | int) -> None:
        """Move the wall clock forward and run the punctuators that are due, each at most once.

        Args:
            by: a timedelta, or milliseconds.
        """
        self._check_open()
        self._clock.advance(by // timedelta(milliseconds=1) if isinstance(by, timedelta) else by)
        now_ms = self._clock.now_ms()
        for task in self._tasks:
            if task.punctuate_wall_clock(now_ms):
                self._commit(task)
        self._collect()
        self._run_to_end()

    @property
    def wall_clock_ms(self) -> int:
        """Where the wall clock stands."""
        return self._clock.now_ms()

    @property
    def dropped(self) -> Mapping[tuple[str, str], int]:
        """Records dropped so far, by (operator, reason)."""
        total: dict[tuple[str, str], int] = {}
        for task in (*self._tasks, *self._global_tasks):
            for key, count in task.context.dropped.items():
                total[key] = total.get(key, 0) + count
        return total

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that run, one a sub-topology."""
        return tuple(self._tasks)

    @property
    def plan(self) -> TopologyPlan:
        """What the topology was planned to."""
        return self._plan

    def close(self) -> None:
        """Close operators and stores and remove the temporary folder. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            for task in (*self._tasks, *self._global_tasks):
                task.close()
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    def __enter__(self) -> TopologyTestDriver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------------------

    def _directory(self, state_dir: str | Path | None) -> Path:
        if state_dir is not None:
            return Path(state_dir)
        self._folder = tempfile.TemporaryDirectory(prefix="streamkit-driver-")
        return Path(self._folder.name)

    def _start(self, root: Path | None) -> None:
        global_stores: dict[str, StateStore] = {}
        for number, node in enumerate(self._plan.global_stores):
            task = self._factory.global_task(number, node, [0])
            self._global_tasks.append(task)
            global_stores.update(task.stores)
            self._readers[node.source.topics[0]] = task
            task.start({})
        for sub in self._plan.sub_topologies:
            task_id = TaskId(sub.id, 0)
            directory = None
            if root is not None:
                directory = root / self._plan.application_id / str(task_id)
                directory.mkdir(parents=True, exist_ok=True)
            task = self._factory.task(task_id, directory=directory, global_stores=global_stores)
            self._tasks.append(task)
            for partition in task.inputs:
                self._readers[partition.topic] = task
        for task in self._tasks:
            task.start({})
            self._commit(task)
        self._collect()
        self._run_to_end()

    def _enqueue(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers
    ) -> None:
        offset = self._topics.next_input_offset(topic)
        self._readers[topic].add(
            TopicPartition(topic, 0),
            Columns(
                [offset], [timestamp], [key], [value], [headers] if headers else None, offset + 1
            ),
        )

    def _run_to_end(self) -> None:
        for task in self._global_tasks:
            while task.process(_UNLIMITED):
                self._commit(task)
        while True:
            oldest: Task | None = None
            at = MAX_TIMESTAMP
            for task in self._tasks:
                head = task.head_timestamp()
                if head < at:
                    oldest, at = task, head
            if oldest is None:
                return
            oldest.process(1)
            self._commit(oldest)
            self._collect()

    def _commit(self, task: Task) -> None:
        """The worker's commit, with this driver's lists as the log."""
        task.seal()
        task.write_changelog()
        task.persist({tp: self._topics.end_offset(tp.topic) for tp in task.changelog_partitions()})
        task.committable()
        task.committed()

    def _collect(self) -> None:
        """Records written to topics that the topology reads go back in."""
        globals_fed = False
        for topic, record in self._topics.take_written():
            reader = self._readers.get(topic)
            if reader is not None:
                globals_fed = globals_fed or reader in self._global_tasks
                self._enqueue(topic, record.key, record.value, record.timestamp_ms, record.headers)
        if globals_fed:
            for task in self._global_tasks:
                while task.process(_UNLIMITED):
                    self._commit(task)

    def _source(self, topic: str) -> SourceNode:
        """The source that reads `topic`, as the topology has it: the plan may have dropped its serdes."""
        name = topic.removeprefix(f"{self._plan.application_id}-")
        for node in self._nodes.values():
            if isinstance(node, SourceNode) and (
                topic in node.topics
                or (topic in self._plan.internal_topics and name in node.topics)
                or (node.pattern is not None and node.pattern.fullmatch(topic))
            ):
                return node
        known = ", ".join(sorted(self._readers)) or "none"
        raise ConfigError(f"the topology doesn't read topic {topic!r}; it reads: {known}")

    def _written_with(self, topic: str) -> tuple[Serde[Any] | None, Serde[Any] | None, bool]:
        """Key serde, value serde and whether values are changes, of the sink that writes `topic`."""
        dynamic: list[SinkNode] = []
        for sub in self._plan.sub_topologies:
            for sink in sub.sinks:
                if sink.topic == topic:
                    return sink.key_serde, sink.value_serde, sink.changes
                if not isinstance(sink.topic, str):
                    dynamic.append(sink)
        serdes = {(id(sink.key_serde), id(sink.value_serde)) for sink in dynamic}
        if len(serdes) == 1 and topic not in self._plan.internal_topics:
            return dynamic[0].key_serde, dynamic[0].value_serde, False
        return None, None, False

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the test driver is closed")


def _topology_of(source: Buildable) -> Topology:
    if isinstance(source, Topology):
        return source
    build = getattr(source, "topology", None) or getattr(source, "build", None)
    built = build() if callable(build) else None
    if not isinstance(built, Topology):
        raise TopologyError(
            f"a test driver takes a Topology, a StreamsBuilder or an App, not {type(source).__name__}"
        )
    return built


def _one_partition(planned: TopologyPlan) -> TopologyPlan:
    """The plan with one partition a topic."""
    return replace(
        planned,
        internal_topics={
            name: replace(topic, partitions=1 if topic.kind == "repartition" else topic.partitions)
            for name, topic in planned.internal_topics.items()
        },
    )


def _encode(serde: Serde[Any] | None, topic: str, value: Any) -> bytes | None:
    if value is None:
        return None
    if serde is not None:
        return serde.serialize(topic, value)
    if not isinstance(value, bytes):
        raise ConfigError(
            f"topic {topic!r} is read as bytes, so give bytes, not {type(value).__name__}"
        )
    return value


def _decode(serde: Serde[Any] | None, topic: str, data: bytes | None, *, changes: bool) -> Any:
    if data is None:
        return None
    if changes:
        return decode_change(serde, topic, data)
    return data if serde is None else serde.deserialize(topic, data)
