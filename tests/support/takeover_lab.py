"""One application, run by Kafka Streams and by us in turn: what it gives, and what its stores hold in the end.

A run has shifts. In each one side, "java" or "python", starts with an empty state folder, so that all it knows comes
from changelogs, committed offsets and their metadata; gets its share of the inputs; and stops. Inputs of one
partition that follow each other are given together; before the partition changes, the application has to be done with
them, as it would otherwise choose among them by their arrival.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from streams_application import StreamsApplications
from topology_json import Input, Node, build, topics_of

from streamkit.log.client import Admin, Consumer, ConsumerRecord, NewTopic, Producer
from streamkit.log.client.partitioner import partition_for_key
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.serde import serde_for
from streamkit.state import StoreKind, StoreSpec
from streamkit.topology.plan import TopologyPlan, plan

__all__ = ["Case", "Results", "Run", "Shift"]

Row = tuple[Any, ...]

_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """A topology and its inputs, a list for each shift.

    Attributes:
        nodes: as `topology_json` takes them.
        shifts: the inputs.
        partitions: of each input and output topic.
        optimize: reuse source topics as changelogs, merge repartition topics.
        forgets: Kafka Streams itself gives something else when it is restarted half-way.
    """

    nodes: Sequence[Node]
    shifts: Sequence[Sequence[Input]]
    partitions: int = 1
    optimize: bool = False
    forgets: bool = False

    @property
    def inputs(self) -> list[str]:
        """The topics that it reads."""
        sources = [node for node in self.nodes if node["op"] in ("stream", "table")]
        return [topic for node in sources for topic in (node["topic"], *node.get("more", ()))]

    @property
    def outputs(self) -> list[str]:
        """The topics that it writes."""
        return [topic for node in self.nodes if node["op"] == "to" for topic in topics_of(node)]


@dataclass(frozen=True, slots=True)
class Shift:
    """Who runs the application: "java" or "python"; how it ends: "close" or, for Java, "kill"."""

    side: str
    end: str = "close"


@dataclass(slots=True)
class Results:
    """What is compared.

    Attributes:
        outputs: by topic and partition, (key, value, timestamp) in order.
        stores: by store and partition, what its changelog comes to: sorted rows of bytes.
        topics: partition count and settings of each topic that the application has made for itself.
    """

    outputs: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    stores: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    topics: dict[str, tuple[int, dict[str, str | None]]] = field(default_factory=dict)


class Run:
    """One application on one broker; use it in a with statement.

    Args:
        case: what to run.
        application: its id, of which there may be only one on the broker.
        bootstrap: the broker.
        folder: for state.
        java: the JVM that runs its Java shifts.
        settings: further settings of Kafka Streams.
    """

    def __init__(
        self,
        case: Case,
        application: str,
        bootstrap: str,
        folder: Path,
        java: StreamsApplications,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.case = case
        self.application = application
        self.bootstrap = bootstrap
        self.java = java
        self._folder = folder
        self.settings = settings or {}
        if case.optimize:
            self.settings["topology.optimization"] = "all"
        self.topology = build(case.nodes).build(optimize=case.optimize)
        self.plan: TopologyPlan = plan(self.topology, application)

    def __enter__(self) -> Run:
        self.admin = Admin(self.bootstrap)
        topics = dict.fromkeys((*self.case.inputs, *self.case.outputs))
        self.admin.create_topics([NewTopic(topic, self.case.partitions) for topic in topics])
        self._resolved = self.plan.resolve(
            dict.fromkeys(self.plan.external_topics, self.case.partitions)
        )
        self._producer = Producer(self.bootstrap, linger_ms=0)
        return self

    def __exit__(self, *error: object) -> None:
        self._producer.close()
        self.admin.close()

    def work(self, *shifts: Shift, together: bool = True) -> Results:
        """Give the inputs to these sides in turn; with fewer sides than shares, the last one gets the rest."""
        shares = list(self.case.shifts)
        for number, shift in enumerate(shifts):
            mine = shares[number:] if number == len(shifts) - 1 else [shares[number]]
            with self.running(shift):
                for share in mine:
                    self.give(share, together=together)
        return self.results()

    def running(self, shift: Shift) -> AbstractContextManager[None]:
        """The application runs, with an empty state folder, on this side; at the end it stops."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self._running_java(shift) if shift.side == "java" else self._running_python()

    def give(self, inputs: Sequence[Input], *, together: bool = True) -> None:
        """Give these inputs, those of one partition together or all one by one.

        Returns when all that they cause is committed.
        """
        groups = [list(group) for _, group in groupby(inputs, self._partition_of)]
        for group in groups if together else [[given] for given in inputs]:
            for given in group:
                self.produce(given)
            self._producer.flush()
            self.wait_until_done()

    def produce(self, given: Input) -> None:
        """Send one input, without waiting."""
        topic, partition = self._partition_of(given)
        self._producer.append(
            topic, partition, _bytes(given["key"]), _bytes(given["value"]), given["ts"], ()
        )

    def flush(self) -> None:
        """Wait until the inputs are in the log."""
        self._producer.flush()

    def wait_until_done(self) -> None:
        """Wait until the group has committed all that its topics hold."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while open_ := self.open_partitions():
            assert time.monotonic() < deadline, f"{self.application} does not process {open_}"
            time.sleep(0.003)

    def open_partitions(self) -> dict[TopicPartition, tuple[int, int]]:
        """Partitions that are not committed to their end, with both offsets."""
        committed = self.admin.group_offsets(self.application)
        partitions = [
            TopicPartition(topic, number)
            for topics in self._resolved.topics.values()
            for topic in topics
            for number in range(self._resolved.partitions[topic])
        ]
        ends = self.admin.list_offsets(partitions)
        missing = {}
        for partition in partitions:
            end, done = ends[partition], committed.get(partition)
            at = 0 if done is None else done.offset
            if end is not None and at < end.offset:
                missing[partition] = (at, end.offset)
        return missing

    def results(self) -> Results:
        """Everything that the application has written and not taken back."""
        found = Results(topics=self._internal_topics())
        counts = {name: len(topic.partitions) for name, topic in self._described().items()}
        specs = {spec.name: spec for sub in self.plan.sub_topologies for spec in sub.stores}
        stores = {
            topic: store
            for sub in self.plan.sub_topologies
            for store, topic in sub.changelogs.items()
            if topic in self.plan.internal_topics
        }
        records = self._read(
            TopicPartition(topic, number)
            for topic in (*self.case.outputs, *stores)
            for number in range(counts[topic])
        )
        for (topic, number), read in records.items():
            if topic in stores:
                found.stores[stores[topic], number] = changelog_rows(read, specs[stores[topic]])
            else:
                found.outputs[topic, number] = [
                    (record.key, record.value, record.timestamp_ms) for record in read
                ]
        return found

    def delete(self) -> None:
        """Delete the application's topics and its group, so that another can have their names."""
        self.admin.delete_topics(self.admin.list_topics())
        self.admin.delete_groups([self.application])

    def _internal_topics(self) -> dict[str, tuple[int, dict[str, str | None]]]:
        names = [name for name in self.admin.list_topics() if name.startswith(self.application)]
        return {
            name: (
                len(description.partitions),
                {
                    entry.name: entry.value
                    for entry in self.admin.describe_configs(name).values()
                    if not entry.is_default
                },
            )
            for name, description in self.admin.describe_topics(names).items()
        }

    def _described(self) -> Any:
        return self.admin.describe_topics([*self.case.outputs, *self.plan.internal_topics])

    def _partition_of(self, given: Input) -> tuple[str, int]:
        key = given["key"]
        number = 0 if key is None else partition_for_key(key.encode(), self.case.partitions)
        return given["topic"], number

    def _read(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        records: dict[TopicPartition, list[ConsumerRecord]] = {
            partition: [] for partition in partitions
        }
        with Consumer(
            self.bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer:
            consumer.assign(list(records))
            ends = consumer.end_offsets(list(records))
            consumer.seek_to_beginning()
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for record in consumer.poll(0.2):
                    records[TopicPartition(record.topic, record.partition)].append(record)
        return records

    @contextmanager
    def _running_java(self, shift: Shift) -> Iterator[None]:
        self.java.start(
            self.application, self.bootstrap, self._folder, self.case.nodes, self.settings
        )
        self._wait_for_java("RUNNING")
        try:
            yield
        finally:
            if shift.end == "kill":
                self.java.kill()
            else:
                self.java.close(self.application, self.bootstrap)
                self._wait_for_java("NOT_RUNNING")

    def _wait_for_java(self, wanted: str) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while (state := self.java.state(self.application, self.bootstrap))[0] != wanted:
            assert not state[1], state
            assert time.monotonic() < deadline, state
            time.sleep(0.01)

    @contextmanager
    def _running_python(self) -> Iterator[None]:
        worker = self.worker()
        worker.start()
        try:
            yield
        finally:
            worker.stop()
            assert worker.join(_WAIT_SECONDS), "the worker does not stop"

    def worker(self, **settings: Any) -> Worker:
        """A worker of ours for the application, not started."""
        return Worker(
            self.topology,
            WorkerSettings(
                **{
                    "application_id": self.application,
                    "bootstrap": self.bootstrap,
                    "state_dir": self._folder,
                    "commit_interval_ms": 20,
                    "linger_ms": 0,
                    "default_serde": serde_for(str),
                    **settings,
                }
            ),
        )


def changelog_rows(records: Sequence[ConsumerRecord], spec: StoreSpec) -> list[Row]:
    """What a store's changelog comes to: its last record of each key, as bytes, with timestamp and headers.

    Buffers' records have the time of the wall clock, which does not count. Neither does the sequence number that
    ends the keys of a join's window store: it begins anew with each start of Kafka Streams. Such a store holds late
    records, which nobody can see, only where they come to lie in a segment that is there still.
    """
    if spec.retain_duplicates:
        starts = [int.from_bytes(record.key[-12:-4], "big") for record in records if record.key]
        visible_from = max(starts, default=0) - (spec.visible_ms or 0) + 1
        return sorted(
            (record.key[:-4], record.value, record.timestamp_ms)
            for record, start in zip(records, starts, strict=True)
            if record.key is not None and record.value is not None and start >= visible_from
        )
    untimed = spec.kind in (StoreKind.SUPPRESS_BUFFER, StoreKind.JOIN_BUFFER)
    last: dict[bytes, Row] = {}
    for record in records:
        assert record.key is not None
        if record.value is None:
            last.pop(record.key, None)
        else:
            time_ms = -1 if untimed else record.timestamp_ms
            last[record.key] = (record.key, record.value, time_ms, tuple(record.headers))
    return sorted(last.values())


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
