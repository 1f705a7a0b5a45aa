"""A task alone: order, times, dropped records, punctuators, commit, restart."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from streamkit.clock import ManualClock
from streamkit.errors import ProcessingError, SerdeError
from streamkit.model import EMPTY_HEADERS, Headers, Record, TaskId, TopicPartition
from streamkit.operators.context import RecordCollector
from streamkit.operators.process import Processor, ProcessorContext
from streamkit.operators.timestamps import (
    partition_time_if_negative,
    record_time,
    record_time_or_fail,
)
from streamkit.runtime.commit import offsets_of, saved_state
from streamkit.runtime.partition_group import Columns
from streamkit.runtime.task import Committable, Task
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.state import StoreKind, StoreSpec
from streamkit.topology.plan import plan
from streamkit.topology.topology import Topology

LEFT, RIGHT = TopicPartition("left", 0), TopicPartition("right", 0)
CHANGELOG = TopicPartition("app-counts-changelog", 0)


class Sent(RecordCollector):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, int]] = []

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        self.records.append((topic, key, value, timestamp))

    def values(self, topic: str = "out") -> list[bytes | None]:
        return [value for name, _, value, _ in self.records if name == topic]


class Count(Processor[str, str, str, str]):
    """Counts in a store; forwards what it knows of time."""

    def init(self, context: ProcessorContext[str, str]) -> None:
        super().init(context)
        self.counts = context.store("counts")

    def process(self, record: Record[str, str]) -> None:
        if record.value == "bad":
            raise ValueError("a bad value")
        count = (self.counts.get(record.key) or 0) + 1
        self.counts.put(record.key, count)
        self.context.forward(Record(record.key, f"{record.value}:{count}", record.timestamp_ms))


def make(
    *,
    extractor: object = None,
    two: bool = False,
    processor: type[Processor[str, str, str, str]] = Count,
    clock: ManualClock | None = None,
    **settings: object,
) -> tuple[Task, Sent]:
    topology = Topology()
    topology.add_source("left-source", "left", key=str, value=str, timestamp=extractor)  # type: ignore[arg-type]  # None or an extractor
    parents = ["left-source"]
    if two:
        topology.add_source("right-source", "right", key=str, value=str)
        parents.append("right-source")
    topology.add_processor("count", processor, *parents)
    topology.add_state_store(StoreSpec("counts", StoreKind.KEY_VALUE), "count")
    topology.add_sink("sink", "out", "count", key=str, value=str)
    planned = plan(topology, "app")
    sent = Sent()
    factory = TaskFactory(
        planned,
        planned.resolve({"left": 1, "right": 1}),
        settings=TaskSettings("app", **settings),  # type: ignore[arg-type]  # by name
        collector=sent,
        clock=clock or ManualClock(),
    )
    return factory.task(TaskId(0, 0), directory=None, global_stores={}), sent


def columns(values: Iterable[tuple[int, str | bytes]], first: int = 0) -> Columns:
    rows = list(values)
    return Columns(
        list(range(first, first + len(rows))),
        [timestamp for timestamp, _ in rows],
        [b"k"] * len(rows),
        [value if isinstance(value, bytes) else value.encode() for _, value in rows],
        None,
        first + len(rows),
    )


def test_records_run_through_in_offset_order_whatever_their_time() -> None:
    task, sent = make()
    task.start({})
    task.add(LEFT, columns([(5, "a"), (3, "b"), (9, "c")]))
    assert task.process(2) == 2
    assert task.process(100) == 1
    assert sent.values() == [b"a:1", b"b:2", b"c:3"]
    assert task.context.stream_time == 9
    assert task.committable()[LEFT].offset == 3


def test_two_partitions_are_merged_by_time() -> None:
    task, sent = make(two=True)
    task.start({})
    task.add(LEFT, columns([(1, "l1"), (4, "l4"), (6, "l6")]))
    task.add(RIGHT, columns([(2, "r2"), (3, "r3"), (5, "r5"), (9, "r9")]))
    while task.buffered:
        task.process(1)
    values = [value.split(b":")[0] for value in sent.values() if value]
    assert values == [b"l1", b"r2", b"r3", b"l4", b"r5", b"l6", b"r9"]


def test_processing_stops_when_a_buffer_runs_empty() -> None:
    """The other buffer's head may be younger than what the broker still holds."""
    task, _ = make(two=True)
    task.start({})
    task.add(LEFT, columns([(1, "l1")]))
    task.add(RIGHT, columns([(2, "r2"), (3, "r3")]))
    assert task.process(100) == 1
    assert not task.is_ready(0, lambda _: 5)
    assert task.is_ready(0, lambda _: 0)
    assert task.process(100) == 2


def test_record_without_a_timestamp_stops_the_task() -> None:
    """As FailOnInvalidTimestamp, which is Kafka Streams' default too."""
    task, _ = make()
    task.start({})
    task.add(LEFT, columns([(4, "a"), (-1, "x")]))
    assert task.process(1) == 1
    with pytest.raises(ProcessingError, match="negative timestamp -1") as caught:
        task.process(1)
    assert (caught.value.node, caught.value.topic, caught.value.offset) == (
        "left-source",
        "left",
        1,
    )


def test_partition_time_stands_in_for_a_missing_timestamp() -> None:
    """As UsePartitionTimeOnInvalidTimestamp."""
    task, sent = make(extractor=partition_time_if_negative)
    task.start({})
    task.add(LEFT, columns([(4, "a"), (-1, "b"), (2, "c")]))
    while task.process(10):
        pass
    assert [timestamp for *_, timestamp in sent.records] == [4, 4, 2]
    task, _ = make(extractor=partition_time_if_negative)
    task.start({})
    task.add(LEFT, columns([(-1, "x"), (4, "a")]))
    with pytest.raises(ProcessingError, match="no record before it in its partition"):
        task.process(1)


def test_negative_timestamps_are_dropped_and_counted_and_their_offsets_committed() -> None:
    """As LogAndSkipOnInvalidTimestamp."""
    task, sent = make(extractor=record_time)
    task.start({})
    task.add(LEFT, columns([(-1, "x"), (4, "a"), (-7, "y")]))
    while task.process(10):
        pass
    assert sent.values() == [b"a:1"]
    assert task.context.dropped == {("left-source", "negative timestamp"): 2}
    assert task.committable()[LEFT].offset == 3
    assert task.buffered == 0


def test_extracted_time_counts_and_partition_time_is_passed() -> None:
    seen: list[int] = []

    def extract(_key: object, value: str, _record_ms: int, partition_ms: int) -> int:
        seen.append(partition_ms)
        return int(value)

    task, sent = make(extractor=extract)
    task.start({})
    task.add(LEFT, columns([(1, "70"), (2, "-5"), (3, "50"), (4, "90")]))
    while task.process(10):
        pass
    assert seen == [-1, 70, 70, 70]
    assert [timestamp for *_, timestamp in sent.records] == [70, 50, 90]
    assert task.context.dropped == {("left-source", "negative timestamp"): 1}
    assert task.committable()[LEFT].partition_time == 90


@pytest.mark.parametrize("time", [1.5, None, "70"])
def test_time_that_is_no_int_names_the_record(time: object) -> None:
    task, _ = make(extractor=lambda _key, _value, _record_ms, _partition_ms: time)
    task.start({})
    task.add(LEFT, columns([(1, "a")], first=40))
    with pytest.raises(ProcessingError, match="time is an int, milliseconds") as caught:
        task.process(1)
    assert (caught.value.node, caught.value.topic, caught.value.offset) == (
        "left-source",
        "left",
        40,
    )


def no_time(_key: object, _value: object, _record_ms: int, _partition_ms: int) -> int:
    raise ValueError("no time")


@pytest.mark.parametrize(
    "extractor", [None, record_time_or_fail, partition_time_if_negative, no_time]
)
def test_record_whose_time_is_not_to_be_had_stops_apps_that_continue_after_errors(
    extractor: object,
) -> None:
    """In Kafka Streams, no handler is asked about timestamp extractors."""
    task, _ = make(extractor=extractor, on_processing_error="continue")
    task.start({})
    task.add(LEFT, columns([(-1, "x"), (4, "a")]))
    with pytest.raises(ProcessingError) as caught:
        task.process(1)
    assert (caught.value.node, caught.value.offset) == ("left-source", 0)
    assert "on_processing_error" not in str(caught.value)
    assert not task.context.dropped


@pytest.mark.parametrize("extracted", [False, True])
def test_undecodable_record_names_its_place(extracted: bool) -> None:
    task, _ = make(extractor=(lambda k, v, t, p: t) if extracted else None)
    task.start({})
    task.add(LEFT, columns([(1, "a"), (2, b"\xff")], first=40))
    assert task.process(1) == 1
    with pytest.raises(SerdeError) as caught:
        task.process(1)
    error = caught.value
    assert (error.topic, error.partition, error.offset) == ("left", 0, 41)
    assert error.node == "left-source"
    assert error.__cause__ is not None


@pytest.mark.parametrize("extracted", [False, True])
def test_undecodable_record_is_passed_over_where_the_app_says_so(extracted: bool) -> None:
    task, sent = make(
        extractor=(lambda k, v, t, p: t) if extracted else None,
        on_deserialization_error="continue",
    )
    task.start({})
    task.add(LEFT, columns([(1, "a"), (2, b"\xff"), (3, "b")]))
    while task.process(10):
        pass
    assert sent.values() == [b"a:1", b"b:2"]
    assert task.context.dropped == {("left-source", "undecodable"): 1}
    assert task.committable()[LEFT].offset == 3


def test_raising_function_names_operator_and_record() -> None:
    task, sent = make()
    task.start({})
    task.add(LEFT, columns([(1, "a"), (2, "bad"), (3, "b")]))
    with pytest.raises(ProcessingError, match="'count' raised ValueError: a bad value") as caught:
        task.process(10)
    assert (caught.value.topic, caught.value.partition, caught.value.offset) == ("left", 0, 1)
    assert caught.value.task == "0_0"
    assert sent.values() == [b"a:1"]


def test_raising_function_is_passed_over_where_the_app_says_so() -> None:
    task, sent = make(on_processing_error="continue")
    task.start({})
    task.add(LEFT, columns([(1, "a"), (2, "bad"), (3, "b")]))
    task.process(10)
    assert sent.values() == [b"a:1", b"b:2"]
    assert task.context.dropped == {("count", "processing error"): 1}


class Ticking(Count):
    """Notes punctuations; `every` and `clock` say when."""

    clock = "stream"

    def init(self, context: ProcessorContext[str, str]) -> None:
        super().init(context)
        context.schedule(100, self.tick, clock=self.clock)

    def tick(self, timestamp_ms: int) -> None:
        assert self.context.record_info is None
        self.context.forward(Record("tick", f"tick {timestamp_ms}", timestamp_ms))


class WallTicking(Ticking):
    clock = "wall"


def test_stream_time_punctuates_after_the_record_that_moves_it() -> None:
    task, sent = make(processor=Ticking)
    task.start({})
    task.add(LEFT, columns([(50, "a"), (99, "b"), (310, "c"), (120, "d")]))
    task.process(10)
    assert sent.values() == [b"a:1", b"tick 50", b"b:2", b"c:3", b"tick 310", b"d:4"]


def test_wall_clock_punctuates_from_the_time_of_scheduling() -> None:
    clock = ManualClock(1_030)
    task, sent = make(processor=WallTicking, clock=clock)
    task.start({})
    assert task.next_wall_punctuation_ms() == 1_130
    assert task.punctuate_wall_clock(1_129) == 0
    assert task.punctuate_wall_clock(1_350) == 1
    assert task.next_wall_punctuation_ms() == 1_430
    assert sent.values() == [b"tick 1350"]
    assert task.commit_needed


def test_commit_sends_one_changelog_record_a_key_and_saves_the_offset() -> None:
    task, sent = make()
    task.start({})
    task.add(LEFT, columns([(1, "a"), (2, "b"), (3, "c")]))
    task.process(10)
    assert task.commit_needed
    task.seal()
    assert task.write_changelog()
    assert task.changelog_partitions() == [CHANGELOG]
    assert len(sent.values("app-counts-changelog")) == 1
    assert task.persist({CHANGELOG: 17})
    assert task.stores["counts"].checkpoint() == 17
    task.committed()
    assert not task.commit_needed


def test_commit_goes_in_steps() -> None:
    task, sent = make()
    task.start({})
    for number in range(5):
        batch = columns([(1, "a")], first=number)
        batch.keys = [f"k{number}".encode()]
        task.add(LEFT, batch)
    task.process(10)
    task.seal()
    assert not task.write_changelog(2)
    assert not task.write_changelog(2)
    assert task.write_changelog(2)
    assert len(sent.values("app-counts-changelog")) == 5
    steps = 1
    while not task.persist({CHANGELOG: 5}, 2):
        steps += 1
    assert steps >= 3


def test_restarted_task_goes_on_with_its_times() -> None:
    task, _ = make()
    task.start({LEFT: Committable(7, 4_000, {"count": 3_500})})
    assert task.context.stream_time == 4_000
    assert task.context.node_times == {"count": 3_500}
    saved = task.committable()[LEFT]
    assert (saved.offset, saved.partition_time) == (7, 4_000)


class ManyTicks(Count):
    """Three schedules, of which two meet at many points; one is anchored at 70."""

    def init(self, context: ProcessorContext[str, str]) -> None:
        super().init(context)
        for every, start in ((100, None), (50, None), (40, 70)):
            name = f"{every}"
            context.schedule(every, lambda at, name=name: self.tell(name, at), start=start)  # type: ignore[misc]  # mypy can't infer a default's type

    def tell(self, name: str, at: int) -> None:
        self.context.forward(Record(name, f"{name} {at}", at))


@pytest.mark.parametrize("until", range(1, 9))
def test_restarted_task_goes_on_with_its_stream_time_punctuators(until: int) -> None:
    """What ran does not run again, what is to come comes when it would have, in the same order."""
    times = [10, 49, 50, 70, 99, 210, 211, 300, 340, 400]
    task, sent = make(processor=ManyTicks)
    task.start({})
    task.add(LEFT, columns([(time, "a") for time in times]))
    task.process(100)
    whole = [value for value in sent.values() if value and not value.startswith(b"a:")]

    first, sent_before = make(processor=ManyTicks)
    first.start({})
    first.add(LEFT, columns([(time, "a") for time in times[:until]]))
    first.process(100)
    second, sent_after = make(processor=ManyTicks)
    second.start(saved_state(offsets_of(first.committable())))
    second.add(LEFT, columns([(time, "a") for time in times[until:]], first=until))
    second.process(100)
    values = sent_before.values() + sent_after.values()
    assert [value for value in values if value and not value.startswith(b"a:")] == whole


def test_saved_places_of_schedules_that_are_gone_are_forgotten() -> None:
    first, _ = make(processor=ManyTicks)
    first.start({})
    first.add(LEFT, columns([(50, "a")]))
    first.process(1)
    saved = saved_state(offsets_of(first.committable()))
    assert sorted(saved[LEFT].node_times) == ["count:timer-0", "count:timer-1", "count:timer-2"]
    second, _ = make(processor=Ticking)
    second.start(saved)
    assert second.committable()[LEFT].node_times == {}


def test_single_punctuator_adds_nothing_to_the_commit() -> None:
    task, _ = make(processor=Ticking)
    task.start({})
    task.add(LEFT, columns([(50, "a")]))
    task.process(1)
    assert task.committable()[LEFT].node_times == {}


def test_schedule_made_while_a_record_is_processed_runs_at_once() -> None:
    """As in Kafka Streams: without a start, its grid is that of 0, and the first call comes with this record."""

    class Late(Count):
        def process(self, record: Record[str, str]) -> None:
            super().process(record)
            if record.value == "go":
                self.context.schedule(100, self.tick)

        def tick(self, timestamp_ms: int) -> None:
            self.context.forward(Record("tick", f"tick {timestamp_ms}", timestamp_ms))

    task, sent = make(processor=Late)
    task.start({LEFT: Committable(0, 140, {})})
    task.add(LEFT, columns([(150, "a"), (160, "go"), (199, "b"), (200, "c")]))
    task.process(10)
    assert sent.values() == [b"a:1", b"go:2", b"tick 160", b"b:3", b"c:4", b"tick 200"]


def test_error_of_a_punctuator_names_the_operator_that_scheduled_it_while_running() -> None:
    class Failing(Count):
        def process(self, record: Record[str, str]) -> None:
            self.context.schedule(100, [].index)  # type: ignore[arg-type]  # raises ValueError, has no frame

    task, _ = make(processor=Failing)
    task.start({})
    task.add(LEFT, columns([(150, "a")]))
    with pytest.raises(ProcessingError, match="'count' raised ValueError in a punctuator"):
        task.process(10)


@pytest.mark.parametrize("extractor", [None, record_time])
def test_undecodable_record_does_not_move_stream_time(extractor: object) -> None:
    """Kafka Streams looks at a record's time only once the record is decoded."""
    task, sent = make(extractor=extractor, processor=Ticking, on_deserialization_error="continue")
    task.start({})
    task.add(LEFT, columns([(50, "a"), (9_000, b"\xff"), (99, "b"), (100, "c")]))
    task.process(10)
    assert sent.values() == [b"a:1", b"tick 50", b"b:2", b"c:3", b"tick 100"]
    assert task.committable()[LEFT].partition_time == 100
    assert task.context.stream_time == 100


def test_operator_may_ask_for_a_commit() -> None:
    task, _ = make()
    task.start({})
    task.context.request_commit()
    assert task.commit_requested
    task.committed()
    assert not task.commit_requested


def test_closed_task_lets_go_of_its_stores_and_may_be_closed_again() -> None:
    task, _ = make()
    task.start({})
    task.add(LEFT, columns([(1, "a")]))
    task.close()
    task.close()
    assert task.buffered == 0


def test_headers_reach_the_record_context() -> None:
    headers: list[Headers] = []

    class Look(Count):
        def process(self, record: Record[str, str]) -> None:
            headers.append(record.headers)

    task, _ = make(processor=Look)
    task.start({})
    batch = columns([(1, "a"), (2, "b")])
    batch.headers = [(("h", b"1"),), EMPTY_HEADERS]
    task.add(LEFT, batch)
    task.process(10)
    assert headers == [(("h", b"1"),), ()]
