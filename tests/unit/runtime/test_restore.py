"""The restore thread on a consumer made of lists: from where, how far, and what is given up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from streamkit.clock import ManualClock
from streamkit.errors import NotReachableError, StreamkitError
from streamkit.log.client import FetchedBatch
from streamkit.log.protocol.batch import RecordColumns
from streamkit.model import Record, TaskId, TopicPartition
from streamkit.operators.context import RecordCollector
from streamkit.operators.process import Processor
from streamkit.runtime.restore import RestoreJob, RestoreThread
from streamkit.runtime.task import Task
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.state import StoreKind, StoreSpec
from streamkit.topology.plan import plan
from streamkit.topology.topology import Topology

CHANGELOG = TopicPartition("app-latest-changelog", 0)


class Log:
    """A consumer's view of one partition: records by offset, and where it begins and ends."""

    def __init__(
        self, records: dict[int, tuple[bytes, bytes | None]], begin: int = 0, end: int | None = None
    ) -> None:
        self.records = records
        self.begin = begin
        self.end = max(records, default=-1) + 1 if end is None else end
        self.at = -1
        self.sought: list[int] = []
        self.assigned: set[TopicPartition] = set()
        self.closed = False

    def beginning_offsets(self, partitions: Collection[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.begin)

    def end_offsets(self, partitions: Collection[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.end)

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        self.assigned = set(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at = offset
        self.sought.append(offset)

    def position(self, partition: TopicPartition) -> int:
        return self.at

    def fetch_lag(self, partition: TopicPartition) -> int:
        return max(0, self.end - self.at)

    def poll_batches(self, timeout: float, *, max_records: int) -> list[FetchedBatch]:
        offsets = sorted(offset for offset in self.records if offset >= self.at)[:3]
        if not offsets or not self.assigned:
            self.at = max(self.at, self.end)
            return []
        self.at = offsets[-1] + 1
        rows = [self.records[offset] for offset in offsets]
        columns = RecordColumns(
            offsets[0],
            offsets,
            [1_000] * len(offsets),
            [key for key, _ in rows],
            [value for _, value in rows],
            None,
        )
        return [FetchedBatch(CHANGELOG, columns, self.end, self.at)]

    def close(self) -> None:
        self.closed = True


class Idle(Processor[str, str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        pass


def task(source_changelog: str | None = None) -> Task:
    topology = Topology()
    topology.add_source("source", source_changelog or "in", key=str, value=str)
    topology.add_processor("idle", Idle, "source")
    spec = StoreSpec("latest", StoreKind.KEY_VALUE, source_changelog=source_changelog)
    topology.add_state_store(spec, "idle")
    planned = plan(topology, "app")
    factory = TaskFactory(
        planned,
        planned.resolve({source_changelog or "in": 1}),
        settings=TaskSettings("app"),
        collector=RecordCollector(),
        clock=ManualClock(),
    )
    return factory.task(TaskId(0, 0), directory=None, global_stores={})


def restore(log: Log, job: RestoreJob) -> dict[Any, Any]:
    """Run one job to its end; what the store holds then."""
    finished: list[None] = []
    thread = RestoreThread(lambda: log, log.end_offsets, lambda: finished.append(None))  # type: ignore[arg-type,return-value]  # a stand-in
    thread.submit(job)
    assert thread.finished.get(timeout=10) is job
    thread.stop()
    assert log.closed
    assert len(finished) == 1
    if job.error is not None:
        raise job.error
    store: Any = job.task.stores["latest"]
    return dict(store.all())


def record(key: str, value: str | None) -> tuple[bytes, bytes | None]:
    return f'"{key}"'.encode(), None if value is None else f'"{value}"'.encode()


def test_everything_is_read_in_order_and_the_offset_saved() -> None:
    log = Log({number: record(f"k{number % 3}", f"v{number}") for number in range(10)})
    job = RestoreJob(task())
    assert restore(log, job) == {"k0": "v9", "k1": "v7", "k2": "v8"}
    assert job.task.stores["latest"].checkpoint() == 10
    assert (job.done, job.total) == (10, 10)


def test_restore_goes_on_where_the_store_is() -> None:
    made = task()
    made.stores["latest"].restore_batch([b'"old"'], [b'"kept"'], [1], 4)
    log = Log({number: record("k", f"v{number}") for number in range(6)})
    assert restore(log, RestoreJob(made)) == {"old": "kept", "k": "v5"}
    assert log.sought == [4]


def test_complete_store_reads_nothing() -> None:
    made = task()
    made.stores["latest"].restore_batch([b'"k"'], [b'"v"'], [1], 6)
    log = Log({number: record("k", f"v{number}") for number in range(6)})
    job = RestoreJob(made)
    assert restore(log, job) == {"k": "v"}
    assert log.sought == []
    assert job.total == 0


@pytest.mark.parametrize(("checkpoint", "begin"), [(9, 0), (2, 4)], ids=["ahead", "behind"])
def test_store_that_its_changelog_does_not_continue_starts_over(
    checkpoint: int, begin: int
) -> None:
    made = task()
    made.stores["latest"].restore_batch([b'"ghost"'], [b'"x"'], [1], checkpoint)
    log = Log({number: record("k", f"v{number}") for number in range(begin, 6)}, begin)
    assert restore(log, RestoreJob(made)) == {"k": "v5"}
    assert log.sought == [begin]


def test_tombstones_delete_and_compacted_gaps_at_the_end_are_passed() -> None:
    """The last records of a changelog may be markers, or compacted away: no batch shows them."""
    log = Log({0: record("a", "1"), 1: record("b", "2"), 5: record("a", None)}, end=9)
    job = RestoreJob(task())
    assert restore(log, job) == {"b": "2"}
    assert job.task.stores["latest"].checkpoint() == 9


def test_source_topic_as_changelog_is_read_up_to_the_committed_offset() -> None:
    """Beyond it, processing will put the records into the store itself."""
    made = task("names")
    names = TopicPartition("names", 0)
    log = Log({number: record(f"k{number}", "v") for number in range(8)})

    def named(timeout: float, *, max_records: int) -> list[FetchedBatch]:
        batches = Log.poll_batches(log, timeout, max_records=max_records)
        return [FetchedBatch(names, b.columns, b.high_watermark, b.next_offset) for b in batches]

    log.poll_batches = named  # type: ignore[method-assign]  # the same log under another name
    assert set(restore(log, RestoreJob(made, {names: 5}))) == {f"k{number}" for number in range(5)}
    assert made.stores["latest"].checkpoint() == 5


def test_error_of_the_log_goes_to_the_job() -> None:
    class Away(Log):
        def end_offsets(self, partitions: Collection[TopicPartition]) -> dict[Any, int]:
            raise NotReachableError("nobody answers")

    with pytest.raises(NotReachableError):
        restore(Away({}), RestoreJob(task()))


@pytest.mark.parametrize("fault", [ZeroDivisionError("a bug"), MemoryError(), SystemExit(1)])
@pytest.mark.parametrize("where", ["make_consumer", "beginning_offsets", "poll_batches"])
def test_unexpected_fault_goes_to_the_job_and_is_told_from_then_on(
    where: str, fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that ended without a word would leave its tasks restoring for ever."""
    log = Log({0: record("k", "v")})

    def fail(*_: object, **__: object) -> Any:
        raise fault

    if where != "make_consumer":
        monkeypatch.setattr(log, where, fail)
    make: Any = fail if where == "make_consumer" else lambda: log
    thread = RestoreThread(make, log.end_offsets, lambda: None)
    job = RestoreJob(task())
    thread.submit(job)
    assert thread.finished.get(timeout=10) is job
    assert job.error is not None
    assert repr(fault) in str(job.error)
    assert job.error.__cause__ is fault
    if where != "beginning_offsets" or isinstance(fault, SystemExit):
        with pytest.raises(StreamkitError, match="can't be restored"):
            thread.submit(RestoreJob(task()))
    thread.stop()


def test_cancelled_job_is_handed_back_unfinished() -> None:
    class Endless(Log):
        def poll_batches(self, timeout: float, *, max_records: int) -> list[FetchedBatch]:
            job.cancelled = True
            return []

        def fetch_lag(self, partition: TopicPartition) -> int:
            return 1

    job = RestoreJob(task())
    restore(Endless({0: record("a", "1")}), job)
    assert job.cancelled
