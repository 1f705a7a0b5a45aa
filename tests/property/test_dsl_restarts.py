"""A restart changes nothing: outputs and stores are those of a run without one.

The tasks stop after a commit at random points: with their state folder, or without it, restoring everything
from the changelogs. Operators go on from the stream times that were saved with the commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restart_lab import RestartingDriver

import streamkit as sk
from streamkit.serde import serde_for
from streamkit.serde.subscription import Subscription

EXAMPLES = int(os.environ.get("STREAMKIT_RESTART_EXAMPLES", "20"))

Stream = sk.KStream[str, int]


class Event(NamedTuple):
    """A record, or with topic "" a step of the wall clock."""

    topic: str
    key: str | None
    value: int | None
    time: int


class Restart(NamedTuple):
    crash: bool


def stream(builder: sk.StreamsBuilder, topic: str = "one") -> Stream:
    return builder.stream(topic, key=str, value=int)


def windowed(windows: Any, *, on_close: bool = False, late: bool = False) -> Any:
    def build(builder: sk.StreamsBuilder) -> None:
        grouped: Any = stream(builder).group_by_key().windowed_by(windows)
        if on_close:
            grouped = grouped.emit_on_close(every=0)
        table = grouped.agg(
            n=sk.count(), seen=sk.distinct(same), top=sk.top_k(2, by=same), store="store"
        )
        table.to_stream().to("out")
        if late:
            grouped.late_records(name="late").to("late")

    return build


def same(value: int) -> int:
    return value


def suppressed(windows: Any, **bounds: Any) -> Any:
    def build(builder: sk.StreamsBuilder) -> None:
        grouped: Any = stream(builder).group_by_key().windowed_by(windows)
        table = grouped.count(store="store", retention=500)
        table.suppress(sk.UntilWindowCloses(**bounds), name="final").to_stream().to("out")

    return build


def calm(builder: sk.StreamsBuilder) -> None:
    table = builder.table("one", key=str, value=int, store="store")
    limit = sk.UntilTimeLimit(7, max_records=2, idle=3000)
    table.suppress(limit, name="calm").to_stream().to("out")


def joined(method: str, idle: int | None = None) -> Any:
    def build(builder: sk.StreamsBuilder) -> None:
        left, right = stream(builder), stream(builder, "two")
        join: Any = getattr(left, method)
        windows = sk.JoinWindows(before=4, after=6, grace=5, idle=idle)
        options: dict[str, Any] = {} if method == "join" else {"every": 0}
        join(right, lambda a, b: [a, b], windows=windows, store="join", value=list, **options).to(
            "out"
        )

    return build


def joined_with_table(builder: sk.StreamsBuilder) -> None:
    table = builder.table("two", key=str, value=int, store="rows", history=500)
    stream(builder).left_join(table, lambda a, b: [a, b], grace=8, name="join", value=list).to(
        "out"
    )


def joined_tables(builder: sk.StreamsBuilder) -> None:
    one = builder.table("one", key=str, value=int, store="ones")
    two = builder.table("two", key=str, value=int, store="twos")
    both = one.outer_join(two, lambda a, b: [a, b], store="both", value=list)
    both.group_by(lambda key, pair: ("all", len(str(pair))), key=str, value=int, name="by").agg(
        total=sk.sum_of(same), n=sk.count(), store="total"
    ).to_stream().to("out")


def joined_by(method: str) -> Any:
    def build(builder: sk.StreamsBuilder) -> None:
        one = builder.table("one", key=str, value=int, store="ones")
        two = builder.table("two", key=str, value=int, store="twos")
        join: Any = getattr(one, method)
        join(
            two,
            lambda a, b: [a, b],
            foreign_key=lambda a: "ab"[a % 2],
            value=list,
            store="fk",
            name="fk",
        ).to_stream().to("out")

    return build


def repartitioned(builder: sk.StreamsBuilder) -> None:
    by_value = stream(builder).filter(lambda _, value: value is not None)
    (
        by_value.group_by(lambda _, value: str(value), key=str, name="by")
        .windowed_by(sk.HoppingWindows(12, advance=4, grace=3))
        .emit_on_close(every=0)
        .count(store="store", retention=500)
        .to_stream()
        .to("out")
    )


def cogrouped(builder: sk.StreamsBuilder) -> None:
    one, two = stream(builder).group_by_key(), stream(builder, "two").group_by_key()
    (
        one.cogroup(sk.Aggregates(ones=sk.sum_of(same)))
        .cogroup(two, sk.Aggregates(twos=sk.mean(same)))
        .windowed_by(sk.SessionWindows(4, grace=6, idle=2000))
        .agg(store="store", retention=500)
        .suppress(sk.UntilWindowCloses(), name="final")
        .to_stream()
        .to("out")
    )


class Ticking(sk.Processor[str, int, str, int]):
    """Sums in a store what came between two ticks, on three grids, of which two meet."""

    def init(self, context: sk.ProcessorContext[str, int]) -> None:
        super().init(context)
        self.sums: Any = context.store("sums")
        for every, start in ((4, None), (6, None), (10, 3)):
            context.schedule(every, partial(self.tick, f"every {every}"), start=start)

    def process(self, record: sk.Record[str, int]) -> None:
        self.sums.put("sum", (self.sums.get("sum") or 0) + (record.value or 0))

    def tick(self, name: str, timestamp_ms: int) -> None:
        """One that runs after another at the same time finds the sum at 0: their order shows."""
        self.context.forward(sk.Record(name, self.sums.get("sum") or 0, timestamp_ms))
        self.sums.put("sum", 0)


class TickingOnce(Ticking):
    """What is over it knows from the store, as `init` schedules the tick each time."""

    def init(self, context: sk.ProcessorContext[str, int]) -> None:
        sk.Processor.init(self, context)
        self.sums = context.store("sums")
        self.once = context.schedule(7, self.only_once, start=20)

    def only_once(self, timestamp_ms: int) -> None:
        self.once.cancel()
        if not self.sums.get("done"):
            self.tick("once", timestamp_ms)
            self.sums.put("done", 1)


def ticking_once(builder: sk.StreamsBuilder) -> None:
    builder.add_state_store(
        sk.StoreSpec("sums", sk.StoreKind.KEY_VALUE, serde_for(str), serde_for(int))
    )
    stream(builder).process(TickingOnce, stores=["sums"], key=str, value=int, name="tick").to("out")


def ticking(builder: sk.StreamsBuilder) -> None:
    builder.add_state_store(
        sk.StoreSpec("sums", sk.StoreKind.KEY_VALUE, serde_for(str), serde_for(int))
    )
    by_processor = stream(builder).process(
        Ticking, stores=["sums"], key=str, value=int, name="tick"
    )
    by_processor.repartition(name="again").process(Echo, key=str, value=int, name="echo").to("out")


class Echo(sk.Processor[str, int, str, int]):
    """In a second sub-topology, whose stream time is that of the first one's ticks."""

    def init(self, context: sk.ProcessorContext[str, int]) -> None:
        super().init(context)
        context.schedule(5, self.tick)

    def process(self, record: sk.Record[str, int]) -> None:
        self.context.forward(record)

    def tick(self, timestamp_ms: int) -> None:
        self.context.forward(sk.Record("echo", 0, timestamp_ms))


def named(name: str | None, value: Any) -> list[Any]:
    return [name, value]


def aggregated(builder: sk.StreamsBuilder) -> None:
    """Plain aggregations, and those of a history."""
    grouped = stream(builder).group_by_key()
    counts = grouped.count(store="counts")
    sums = grouped.reduce(lambda a, b: a + b, store="sums")
    lists = grouped.aggregate(list, lambda _, n, seen: [*seen, n][-3:], value=list, store="lists")
    versions = grouped.reduce(lambda a, b: a + b, store="versions", history=8)
    tables: list[sk.KTable[str, Any]] = [counts, sums, lists, versions]
    for table in tables:
        name = table.store_name
        table.to_stream().map_values(partial(named, name), value=list).to("out")


class Calls(sk.ValueTransformer[str, Any, Any]):
    """How often a key's row has changed, from a store of its own."""

    def init(self, context: sk.ValueTransformerContext) -> None:
        super().init(context)
        self.calls: Any = context.store("calls")

    def transform(self, key: str, value: Any) -> Any:
        calls = (self.calls.get(key) or 0) + 1
        self.calls.put(key, calls)
        return None if value is None else [value, calls]


def transformed(store: str | None) -> Any:
    """The rows of a stream, each with a number."""

    def build(builder: sk.StreamsBuilder) -> None:
        calls = sk.StoreSpec("calls", sk.StoreKind.KEY_VALUE, serde_for(str), serde_for(int))
        builder.add_state_store(calls)
        rows = stream(builder).to_table(store="rows").filter(lambda _, value: value != 3)
        options: dict[str, Any] = {} if store is None else {"store": store}
        rows.transform_values(
            Calls, stores=["calls"], value=list, name="number", **options
        ).to_stream().to("out")

    return build


def joined_with_itself(builder: sk.StreamsBuilder) -> None:
    one = stream(builder)
    windows = sk.JoinWindows(before=4, after=6, grace=5)
    one.join(one, lambda a, b: [a, b], windows=windows, store="self", value=list).to("out")


def joined_with_a_global_table(builder: sk.StreamsBuilder) -> None:
    """An aggregation behind it, so that there is something to restore."""
    rows = builder.global_table("two", key=str, value=int, store="rows")
    (
        stream(builder)
        .left_join_global(rows, key=lambda key, _: key, joiner=lambda a, b: [a, b], value=list)
        .group_by_key()
        .aggregate(list, lambda _, pair, seen: [*seen, pair][-2:], value=list, store="last")
        .to_stream()
        .to("out")
    )


def mapped_source(builder: sk.StreamsBuilder) -> None:
    """Optimized, the source topic is the changelog of its table."""
    rows = builder.table("one", key=str, value=int, store="rows")
    stream(builder, "two").join(rows, lambda a, b: [a, b], value=list).to("late")
    rows.map_values(lambda value: value * 2, store="twice").to_stream().to("out")


def grouped_versions(builder: sk.StreamsBuilder) -> None:
    """Late rows change the history, and no group."""
    rows = builder.table("one", key=str, value=int, store="rows", history=500)
    (
        rows.group_by(lambda key, value: (str(value % 2), value), key=str, value=int, name="by")
        .agg(total=sk.sum_of(same), n=sk.count(), store="groups")
        .to_stream()
        .to("out")
    )


def cached(builder: sk.StreamsBuilder) -> None:
    """Tables and windows that send what is new when they commit."""
    rows = builder.table("two", key=str, value=int, store="rows")
    grouped = stream(builder).group_by_key()
    counts = grouped.count(store="counts")
    counts.join(rows, lambda n, row: [n, row], value=list, store="both").to_stream().to("out")
    windows = grouped.windowed_by(sk.TumblingWindows(10, grace=4))
    windows.count(store="windows").to_stream().to("late")


@dataclass(frozen=True)
class Program:
    """What is run.

    Attributes:
        build: makes the topology.
        optimize: as Kafka Streams' `topology.optimization`.
        cached: with record caches, which send on what is new at a commit; so the run without restarts commits where
            the other one restarts.
    """

    build: Callable[[sk.StreamsBuilder], None]
    optimize: bool = False
    cached: bool = False


PROGRAMS: dict[str, Callable[[sk.StreamsBuilder], None] | Program] = {
    "tumbling": windowed(sk.TumblingWindows(10, grace=4), late=True),
    "hopping on close": windowed(sk.HoppingWindows(10, advance=3, grace=4), on_close=True),
    "sliding": windowed(sk.SlidingWindows(6, grace=8), late=True),
    "sliding on close": windowed(sk.SlidingWindows(6, grace=8), on_close=True),
    "session": windowed(sk.SessionWindows(5, grace=7), late=True),
    "session on close": windowed(sk.SessionWindows(5, grace=7), on_close=True),
    "unlimited": windowed(sk.UnlimitedWindows(start=10)),
    "idle on close": windowed(sk.TumblingWindows(10, idle=2000), on_close=True, late=True),
    "idle session": windowed(sk.SessionWindows(5, idle=2000), on_close=True, late=True),
    "suppress": suppressed(sk.TumblingWindows(10, grace=4)),
    "suppress idle": suppressed(sk.HoppingWindows(10, advance=5, idle=2000)),
    "suppress session": suppressed(sk.SessionWindows(5, grace=7)),
    "suppress for a time": calm,
    "join": joined("join"),
    "left join": joined("left_join"),
    "outer join": joined("outer_join"),
    "outer join idle": joined("outer_join", idle=2000),
    "join with a table": joined_with_table,
    "join of tables": joined_tables,
    "foreign key": joined_by("left_join"),
    "repartitioned": repartitioned,
    "cogrouped": cogrouped,
    "punctuators": ticking,
    "one punctuation": ticking_once,
    "aggregated": aggregated,
    "transformed values": transformed(None),
    "transformed values with a store": transformed("numbered"),
    "self join": joined_with_itself,
    "self join with one store": Program(joined_with_itself, optimize=True),
    "inner foreign key": joined_by("join"),
    "global table": joined_with_a_global_table,
    "source topic as changelog": Program(mapped_source, optimize=True),
    "groups of versions": grouped_versions,
    "record caches": Program(cached, cached=True),
}
TOPOLOGIES = {
    name: each if isinstance(each, Program) else Program(each) for name, each in PROGRAMS.items()
}


@st.composite
def histories(draw: st.DrawFn) -> list[Event | Restart]:
    """Records of two topics whose times go on, with disorder; steps of the clock; restarts."""
    found: list[Event | Restart] = []
    time = 0
    for _ in range(draw(st.integers(3, 24))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            found.append(Restart(draw(st.booleans())))
        elif kind == 1:
            found.append(Event("", None, None, 1000 * draw(st.integers(1, 12))))
        else:
            time += draw(st.sampled_from((0, 1, 2, 5, 11)))
            late = draw(st.sampled_from((0, 0, 0, 1, 4, 9, 30)))
            key = draw(st.sampled_from(("a", "b", "a", "b", None)))
            value = draw(st.sampled_from((0, 1, 2, 3, 4, None)))
            topic = draw(st.sampled_from(("one", "one", "two")))
            found.append(Event(topic, key, value, max(time - late, 0)))
    found.insert(draw(st.integers(1, len(found))), Restart(draw(st.booleans())))
    # What still waits comes out in the end.
    return [*found, Event("one", "z", 1, time + 200), Event("two", "z", 1, time + 200)]


def run(
    program: Program,
    history: list[Event | Restart],
    *,
    backend: str,
    commit_every: int,
    restarts: bool,
) -> tuple[list[Any], dict[str, list[Any]], Any]:
    """Outputs by step, contents of stores, and dropped records."""
    builder = sk.StreamsBuilder()
    program.build(builder)
    steps = []
    dropped: dict[tuple[str, str], int] = {}
    driver = RestartingDriver(
        builder.build(optimize=program.optimize),
        backend=backend,
        commit_every=commit_every,
        statestore_cache_max_bytes=10_000_000 if program.cached else 0,
    )
    with driver:
        read = {topic for task in driver.tasks for topic in (p.topic for p in task.inputs)}
        read.update(node.source.topics[0] for node in driver.plan.global_stores)
        for event in history:
            if isinstance(event, Restart):
                if restarts:
                    for key, count in driver.dropped.items():
                        dropped[key] = dropped.get(key, 0) + count
                    driver.restart(crash=event.crash)
                elif program.cached:
                    driver.commit()
                continue
            if not event.topic:
                driver.advance_wall_clock(event.time)
            elif event.topic in read:
                driver.pipe_input(event.topic, event.key, event.value, timestamp_ms=event.time)
            steps.append([driver.read_all("out"), driver.read_all("late")])
        for key, count in driver.dropped.items():
            dropped[key] = dropped.get(key, 0) + count
        stores: dict[str, Any] = {}
        for task in driver.tasks:
            for name, store in task.stores.items():
                if hasattr(store, "all"):
                    stores[name] = [_plain(entry) for entry in store.all()]
        return steps, stores, dropped


def _plain(entry: Any) -> Any:
    """With subscriptions, which have no equality, as what they hold."""
    if isinstance(entry, tuple):
        return tuple(_plain(part) for part in entry)
    if isinstance(entry, Subscription):
        return entry.instruction, entry.row_hash, entry.primary_key
    return entry


@pytest.mark.parametrize("name", TOPOLOGIES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(history=histories(), commit_every=st.sampled_from((1, 3, 1000)))
def test_restart_changes_nothing(
    name: str, history: list[Event | Restart], commit_every: int
) -> None:
    program = TOPOLOGIES[name]
    options: Any = {"backend": "memory", "commit_every": commit_every}
    assert run(program, history, restarts=True, **options) == run(
        program, history, restarts=False, **options
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(name=st.sampled_from(sorted(TOPOLOGIES)), history=histories())
def test_restart_on_rocksdb_changes_nothing(name: str, history: list[Event | Restart]) -> None:
    program = TOPOLOGIES[name]
    interrupted = run(program, history, restarts=True, backend="rocksdb", commit_every=2)
    assert interrupted == run(program, history, restarts=False, backend="memory", commit_every=2)


def test_left_join_looks_for_the_same_record_first_after_a_restart() -> None:
    """The record of time 0 is due at 12, though only that of time 1 was put aside since the restart."""
    first, second = Event("one", "a", 0, 0), Event("one", "a", 0, 1)
    history: list[Event | Restart] = [first, Restart(crash=True), second, Event("one", "a", 0, 12)]
    steps, _, _ = run(
        TOPOLOGIES["left join"], history, backend="memory", commit_every=1, restarts=True
    )
    assert [record.timestamp_ms for record in steps[-1][0]] == [0]


@pytest.mark.parametrize("restarts", [False, True])
def test_cogrouped_session_closes_when_both_streams_are_quiet(restarts: bool) -> None:
    """The session [0, 1] reaches beyond the record of the second stream, and stream time 0 is one too."""
    history: list[Event | Restart] = [
        Event("two", "a", 0, 0),
        Event("one", "a", 0, 1),
        Restart(crash=False),
        Event("", None, None, 2000),
    ]
    steps, _, _ = run(
        TOPOLOGIES["cogrouped"], history, backend="memory", commit_every=1, restarts=restarts
    )
    assert [record.key.end_ms for record in steps[-1][0]] == [1]
