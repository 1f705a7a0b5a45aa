"""The order of a commit, and what is left to do when a step fails."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from streamkit.clock import ManualClock
from streamkit.errors import BrokerError
from streamkit.log.client import OffsetAndMetadata
from streamkit.model import EMPTY_HEADERS, Headers, Record, TaskId, TopicPartition
from streamkit.operators.context import RecordCollector
from streamkit.operators.process import Processor
from streamkit.runtime.commit import OffsetsRefusedError, commit_tasks, offsets_of, saved_state
from streamkit.runtime.partition_group import Columns
from streamkit.runtime.task import Committable, Task
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.state import StoreKind, StoreSpec
from streamkit.topology.plan import plan
from streamkit.topology.topology import Topology

INPUT = TopicPartition("in", 0)
CHANGELOG = TopicPartition("app-latest-changelog", 0)


class Keep(Processor[bytes, bytes, bytes, bytes]):
    def process(self, record: Record[bytes, bytes]) -> None:
        self.context.store("latest").put(record.key, record.value)
        self.context.forward(record)


class Log(RecordCollector):
    """The log as a commit sees it: a list of what happened."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.committed: dict[TopicPartition, OffsetAndMetadata] = {}
        self.refuse: BrokerError | None = None
        self.undelivered: BrokerError | None = None
        self.task: Task | None = None

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        self.events.append(f"send {topic}")

    def flush(self) -> None:
        self.events.append("flush")
        if self.undelivered is not None:
            raise self.undelivered

    def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        assert list(partitions) == [CHANGELOG]
        self.events.append("ends")
        return {CHANGELOG: 40}

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        assert self.task is not None
        self.events.append(f"commit, store at {self.task.stores['latest'].checkpoint()}")
        if self.refuse is not None:
            raise self.refuse
        self.committed.update(offsets)


@pytest.fixture
def log() -> Log:
    topology = Topology()
    topology.add_source("source", "in")
    topology.add_processor("keep", Keep, "source")
    topology.add_state_store(StoreSpec("latest", StoreKind.KEY_VALUE), "keep")
    topology.add_sink("sink", "out", "keep")
    planned = plan(topology, "app")
    log = Log()
    factory = TaskFactory(
        planned,
        planned.resolve({"in": 1}),
        settings=TaskSettings("app"),
        collector=log,
        clock=ManualClock(),
    )
    log.task = factory.task(TaskId(0, 0), directory=None, global_stores={})
    log.task.start({})
    return log


def feed(log: Log, offset: int) -> Task:
    assert log.task is not None
    log.task.add(
        INPUT,
        Columns([offset], [1_000 + offset], [b'"k"'], [b'"v"'], [EMPTY_HEADERS], offset + 1),
    )
    log.task.process(10)
    return log.task


def test_outputs_and_changelog_then_store_then_offsets(log: Log) -> None:
    task = feed(log, 7)
    assert commit_tasks([task], log) == {INPUT: 8}
    assert log.events == [
        *("send out", "send app-latest-changelog", "flush", "ends"),
        "commit, store at 40",
    ]
    assert not task.commit_needed


def test_nothing_done_is_nothing_to_commit(log: Log) -> None:
    assert log.task is not None
    assert commit_tasks([log.task], log) == {}
    assert log.events == []


def test_refused_offsets_are_committed_by_the_next_commit(log: Log) -> None:
    task = feed(log, 7)
    log.refuse = BrokerError("rebalance in progress", code=27)
    with pytest.raises(OffsetsRefusedError) as refused:
        commit_tasks([task], log)
    assert refused.value.refusal is log.refuse
    assert task.commit_needed
    log.refuse = None
    log.events.clear()
    assert commit_tasks([task], log) == {INPUT: 8}
    assert log.events == ["flush", "commit, store at 40"], "the changelog is not written twice"


def test_lost_output_is_no_refusal_of_offsets(log: Log) -> None:
    """Who goes on after a refusal would commit the input of a record that was never written."""
    task = feed(log, 7)
    log.undelivered = BrokerError("no such topic", code=3)
    with pytest.raises(BrokerError, match="no such topic"):
        commit_tasks([task], log)
    assert not log.committed


def test_metadata_brings_the_times_back() -> None:
    saved = {INPUT: Committable(8, 1_007, {"keep": 900})}
    (again,) = saved_state({**offsets_of(saved), TopicPartition("in", 1): None}).items()
    partition, committable = again
    assert partition == INPUT
    assert (committable.offset, committable.partition_time) == (8, 1_007)
    assert committable.node_times == {"keep": 900}
