"""`describe()` is Kafka Streams' own text: names, numbers, sub-topologies and order of nodes.

The expected texts were printed by Kafka Streams 4.3.0 (tests/java/DescribeTopologies.java); each function
here builds the topology of its name there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from java import java_command

from streamkit import (
    FixedKeyProcessor,
    GlobalKTable,
    HoppingWindows,
    JoinWindows,
    KStream,
    KTable,
    Processor,
    SessionWindows,
    SlidingWindows,
    StoreKind,
    StoreSpec,
    StreamsBuilder,
    StringSerde,
    TumblingWindows,
    UntilTimeLimit,
    UntilWindowCloses,
)
from streamkit.model.records import Record

RECORDED = Path(__file__).parent / "kafka_descriptions.txt"
PROGRAM = Path(__file__).parents[2] / "java" / "DescribeTopologies.java"

Build = Callable[[StreamsBuilder], object]
_BUILDS: dict[str, Build] = {}


def described(build: Build) -> Build:
    _BUILDS[build.__name__] = build
    return build


def texts(output: str) -> dict[str, str]:
    parts = re.split(r"^### (\w+)\n", output, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def stream(b: StreamsBuilder, *topics: str) -> KStream[str, str]:
    return b.stream(topics, key=str, value=str)


def table(b: StreamsBuilder, topic: str = "t") -> KTable[str, str]:
    return b.table(topic, key=str, value=str)


def yes(_key: object, _value: object) -> bool:
    return True


def key_of(key: str, _value: object) -> str:
    return key


def value_of(_key: object, value: str) -> str:
    return value


def same(value: str) -> str:
    return value


def one(value: str) -> list[str]:
    return [value]


def pair(_key: str, value: str) -> tuple[str, str]:
    return value, value


def first(left: str, _right: object) -> str:
    return left


def fold(_key: str, _value: str, aggregate: str) -> str:
    return aggregate


class Nothing(Processor[str, str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        pass


class NoValues(FixedKeyProcessor[str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        pass


@described
def stateless(b: StreamsBuilder) -> None:
    s = stream(b, "in")
    (
        s.filter(yes)
        .filter_not(yes)
        .map_values(same)
        .map_values_with_key(value_of)
        .flat_map_values(one)
        .peek(yes)
        .to("out")
    )
    s.map(pair).flat_map(lambda k, v: [(k, v)]).select_key(key_of).for_each(yes)
    s.print(label="x")


@described
def stateless_named(b: StreamsBuilder) -> None:
    named = stream(b, "in").filter(yes, name="keep").map_values(same, name="upper")
    named.select_key(key_of, name="rekey").to("out", name="write")


@described
def source_named(b: StreamsBuilder) -> None:
    b.stream("in", name="read").to("out")


@described
def several_topics(b: StreamsBuilder) -> None:
    stream(b, "orders", "payments", "a", "b", "topic-12").to("out")


@described
def pattern(b: StreamsBuilder) -> None:
    b.stream(re.compile("orders-.*")).to("out")


@described
def same_topic_twice(b: StreamsBuilder) -> None:
    stream(b, "in").to("one")
    stream(b, "in").map_values(same).to("two")


@described
def merge(b: StreamsBuilder) -> None:
    stream(b, "left").merge(stream(b, "right")).to("out")


@described
def branches(b: StreamsBuilder) -> None:
    stream(b, "in").split().branch(yes).branch(yes, name="big").default_branch()


@described
def branches_named(b: StreamsBuilder) -> None:
    (
        stream(b, "in")
        .split(name="by-size-")
        .branch(yes, lambda s: s.to("big"), name="big")
        .branch(yes, lambda s: s.to("mid"), name="mid")
        .default_branch(lambda s: s.map_values(same).to("rest"), name="rest")
    )


@described
def count(b: StreamsBuilder) -> None:
    stream(b, "in").group_by_key().count().to_stream().to("out")


@described
def count_store(b: StreamsBuilder) -> None:
    stream(b, "in").group_by_key().count(store="counts").to_stream().to("out")


@described
def count_named(b: StreamsBuilder) -> None:
    counts = stream(b, "in").group_by_key().count(name="counting", store="counts")
    counts.to_stream(name="changes").to("out")


@described
def count_options_only(b: StreamsBuilder) -> None:
    stream(b, "in").group_by_key().count(log=False).to_stream().to("out")


@described
def group_by_count(b: StreamsBuilder) -> None:
    stream(b, "in").group_by(value_of).count().to_stream().to("out")


@described
def group_by_named(b: StreamsBuilder) -> None:
    words = stream(b, "in").group_by(value_of, name="by-word").count(store="words")
    words.to_stream().to("out")


@described
def group_by_reused(b: StreamsBuilder) -> None:
    g = stream(b, "in").group_by(value_of, name="by-word")
    g.count(store="counts").to_stream().to("counts-out")
    g.reduce(first, store="last").to_stream().to("last-out")


@described
def group_by_twice(b: StreamsBuilder) -> None:
    g = stream(b, "in").group_by(value_of)
    g.count().to_stream().to("counts-out")
    g.reduce(first).to_stream().to("last-out")


@described
def aggregate_and_reduce(b: StreamsBuilder) -> None:
    g = stream(b, "in").group_by_key()
    g.aggregate(str, fold).to_stream().to("aggregates")
    g.reduce(first).to_stream().to("reduced")


@described
def windowed_count(b: StreamsBuilder) -> None:
    windows = TumblingWindows(10_000, grace=1_000)
    stream(b, "in").group_by_key().windowed_by(windows).count().to_stream().to("out")


@described
def windowed_all(b: StreamsBuilder) -> None:
    w = (
        stream(b, "in")
        .select_key(value_of)
        .group_by_key()
        .windowed_by(HoppingWindows(10_000, advance=5_000))
    )
    w.count(store="counts").to_stream().to("counts-out")
    w.reduce(first, name="last").to_stream().to("last-out")
    w.aggregate(str, fold).to_stream().to("aggregates")


@described
def repartition(b: StreamsBuilder) -> None:
    stream(b, "in").repartition().to("out")


@described
def repartition_named(b: StreamsBuilder) -> None:
    through = stream(b, "in").select_key(value_of).repartition(name="by-value", partitions=3)
    through.map_values(same).to("out")


@described
def to_extractor_less(b: StreamsBuilder) -> None:
    stream(b, "in").to("a")


@described
def to_table(b: StreamsBuilder) -> None:
    stream(b, "in").to_table().to_stream().to("out")


@described
def to_table_rekeyed(b: StreamsBuilder) -> None:
    stream(b, "in").select_key(value_of).to_table(store="latest").to_stream().to("out")


@described
def to_table_named(b: StreamsBuilder) -> None:
    stream(b, "in").select_key(value_of).to_table(name="latest-table").to_stream().to("out")


@described
def table_(b: StreamsBuilder) -> None:
    table(b).to_stream().to("out")


@described
def table_store(b: StreamsBuilder) -> None:
    b.table("t", store="store").to_stream().to("out")


@described
def table_named(b: StreamsBuilder) -> None:
    b.table("t", name="prices", store="store").to_stream().to("out")


@described
def table_optimized(b: StreamsBuilder) -> None:
    b.table("t", store="store").to_stream().to("out")


@described
def table_operators(b: StreamsBuilder) -> None:
    t = table(b)
    t.filter(yes).map_values(same).to_stream().to("one")
    kept = t.filter_not(yes, store="kept").map_values_with_key(value_of, name="mapped")
    kept.to_stream(value_of).to("two")
    t.map_values(same, store="upper").filter(yes, name="some").to_stream().to("three")


@described
def table_group(b: StreamsBuilder) -> None:
    t = table(b)
    t.group_by(pair).count().to_stream().to("one")
    g = t.group_by(pair, name="g")
    g.aggregate(str, fold, fold, store="sums").to_stream().to("two")
    r = t.group_by(pair).reduce(first, first, name="reducing", store="reduced")
    r.to_stream().to("three")


@described
def table_group_reused(b: StreamsBuilder) -> None:
    g = table(b).group_by(pair, name="g")
    g.count(store="counts").to_stream().to("one")
    g.reduce(first, first, store="reduced").to_stream().to("two")


@described
def stream_table_join(b: StreamsBuilder) -> None:
    t = table(b)
    s = stream(b, "in")
    s.join(t, first).to("inner")
    s.left_join(t, lambda _k, x, _y: x, with_key=True, name="left").to("left-out")


@described
def stream_table_rekeyed(b: StreamsBuilder) -> None:
    t = b.table("t", key=str, value=str, store="table")
    s = stream(b, "in").select_key(value_of)
    s.left_join(t, first).to("left-out")
    s.join(t, first, name="with-t").to("inner")


@described
def stream_table_rekeyed_twice(b: StreamsBuilder) -> None:
    t, u = table(b), table(b, "u")
    s = stream(b, "in").map(lambda k, v: (v, k))
    s.join(t, first).join(u, first).to("out")
    s.join(u, first).to("out2")


@described
def join_mapped_table(b: StreamsBuilder) -> None:
    t = table(b)
    s = stream(b, "in")
    s.join(t.filter(yes).map_values(same), first).to("out")


@described
def join_aggregate(b: StreamsBuilder) -> None:
    s = stream(b, "in")
    c = s.filter(yes).group_by_key().count(store="counts")
    s.join(c, lambda x, y: x + str(y)).to("out")


@described
def global_table(b: StreamsBuilder) -> None:
    g: GlobalKTable[str, str] = b.global_table("g", key=str, value=str)
    s = stream(b, "in")
    s.join_global(g, key=value_of, joiner=first).to("inner")
    s.left_join_global(g, key=value_of, joiner=first, name="left").to("left-out")


@described
def global_table_named(b: StreamsBuilder) -> None:
    stream(b, "first").to("first-out")
    g = b.global_table("g", key=str, value=str, name="codes", store="codes-store")
    stream(b, "in").join_global(g, key=value_of, joiner=first).to("inner")


def _store(name: str) -> StoreSpec:
    return StoreSpec(name, StoreKind.KEY_VALUE, StringSerde(), StringSerde())


@described
def processors(b: StreamsBuilder) -> None:
    b.add_state_store(_store("seen"))
    b.add_state_store(_store("last"))
    stream(b, "in").process(Nothing, stores=["seen", "last"]).to("out")
    values = stream(b, "other").process_values(NoValues, stores=["last"], name="delta")
    values.to("values")


@described
def three_stores_diamond(b: StreamsBuilder) -> None:
    s = stream(b, "in")
    c = s.group_by_key().count(store="counts")
    latest = s.to_table(store="latest")
    s.join(c, lambda x, _y: x).join(latest, first).to("out")
    s.left_join(latest, first).merge(s.map_values(same)).to("out2")


@described
def word_count(b: StreamsBuilder) -> None:
    words = stream(b, "lines").flat_map_values(str.split, value=str)
    counts = words.group_by(value_of, name="by-word").count(store="words")
    counts.to_stream().to("counts")


@described
def multi_stage(b: StreamsBuilder) -> None:
    names = b.table("customers", key=str, value=str, store="names")
    (
        stream(b, "orders")
        .filter(yes)
        .select_key(value_of)
        .map_values(same)
        .repartition(name="by-cust")
        .group_by_key()
        .windowed_by(TumblingWindows(10_000, grace=5_000))
        .reduce(first, store="totals")
        .to_stream()
        .map(lambda k, v: (k.key, v))
        .left_join(names, first)
        .to("out")
    )


@described
def sessions_and_sliding(b: StreamsBuilder) -> None:
    g = stream(b, "in").group_by_key()
    s = g.windowed_by(SessionWindows(5_000))
    s.count().to_stream().to("a")
    s.reduce(first, store="last").to_stream().to("b")
    s.aggregate(str, fold, lambda _, x, _y: x, name="folding").to_stream().to("c")
    w = g.windowed_by(SlidingWindows(5_000))
    w.count().to_stream().to("d")
    w.reduce(first).to_stream().to("e")
    w.aggregate(str, fold, store="slid").to_stream().to("f")


@described
def emit_on_close(b: StreamsBuilder) -> None:
    w = stream(b, "in").group_by(value_of).windowed_by(TumblingWindows(5_000)).emit_on_close()
    w.count(store="counts").to_stream().to("out")


@described
def cogroup(b: StreamsBuilder) -> None:
    x = stream(b, "x").group_by_key()
    y = stream(b, "y").group_by_key()
    c = x.cogroup(fold).cogroup(y, fold)
    c.aggregate(str).to_stream().to("plain")
    c.windowed_by(TumblingWindows(5_000)).aggregate(str, name="tumbling").to_stream().to("windowed")
    s = c.windowed_by(SlidingWindows(5_000)).aggregate(str, store="sliding")
    s.to_stream().to("sliding-out")
    sessions = c.windowed_by(SessionWindows(5_000)).aggregate(str, lambda _, one, _other: one)
    sessions.to_stream().to("sessions")


@described
def cogroup_rekeyed(b: StreamsBuilder) -> None:
    x = stream(b, "x").group_by(value_of)
    y = stream(b, "y").group_by(value_of, name="by-y")
    x.cogroup(fold).cogroup(y, fold).aggregate(str, store="both").to_stream().to("out")


@described
def table_joins(b: StreamsBuilder) -> None:
    left = table(b, "l")
    right = b.table("r", key=str, value=str, store="rights")
    j = left.join(right, first)
    j.to_stream().to("inner")
    left.left_join(right, first, name="left").to_stream().to("left-out")
    outer = left.outer_join(right, lambda x, _: x or "", store="joined")
    outer.filter(yes).to_stream().to("outer-out")
    again = j.map_values(same).join(right, first, name="again", key=str)
    again.to_stream().to("chained")


@described
def foreign_key_joins(b: StreamsBuilder) -> None:
    left = table(b, "l")
    right = b.table("r", key=str, value=str, store="rights")
    j = left.join(right, first, foreign_key=same)
    j.to_stream().to("inner")
    left.left_join(right, first, foreign_key=same, name="left").to_stream().to("left-out")
    stored = left.join(right.filter(yes), first, foreign_key=same, store="joined")
    stored.to_stream().to("stored")
    again = j.join(right, first, foreign_key=same, name="again", store="chain")
    again.to_stream().to("chained")


@described
def table_join_of_aggregates(b: StreamsBuilder) -> None:
    c = stream(b, "in").group_by_key().count(store="counts")
    j = c.join(table(b).filter(yes), lambda _, y: y)
    stream(b, "other").join(j, first).to("out")
    j.group_by(pair).count(store="groups").to_stream().to("groups-out")


@described
def stream_joins(b: StreamsBuilder) -> None:
    left, right = stream(b, "l"), stream(b, "r")
    windows = JoinWindows(5_000)
    left.join(right, first, windows=windows).to("inner")
    left.left_join(right, first, windows=windows).to("left")
    left.outer_join(right, lambda x, _: x or "", windows=windows).to("outer")


@described
def stream_joins_named(b: StreamsBuilder) -> None:
    left = stream(b, "l").select_key(value_of)
    right = stream(b, "r").select_key(value_of)
    windows = JoinWindows(5_000)
    left.join(right, first, windows=windows, store="pairs", name="pairing").to("inner")
    left.left_join(right, first, windows=windows, store="lefts").to("left")
    outer = left.outer_join(
        right, lambda x, _: x or "", windows=windows, store="outers", name="outer"
    )
    outer.to("outer")


@described
def self_join(b: StreamsBuilder) -> None:
    s = stream(b, "s")
    s.join(s, first, windows=JoinWindows(5_000)).to("out")


@described
def suppress(b: StreamsBuilder) -> None:
    windows = TumblingWindows(5_000, grace=1_000)
    w = stream(b, "in").group_by_key().windowed_by(windows).count(store="counts")
    w.suppress(UntilWindowCloses()).to_stream().to("closed")
    limited = w.suppress(UntilTimeLimit(5_000, max_records=5), name="limited")
    limited.to_stream().to("limited-out")


@described
def versioned(b: StreamsBuilder) -> None:
    t = b.table("t", key=str, value=str, store="history", history=60_000)
    s = stream(b, "in")
    s.join(t, first).to("now")
    s.left_join(t, first, grace=5_000).to("later")
    s.join(t, first, grace=5_000, name="waiting").to("named")


@described
def merged_repartitions_optimized(b: StreamsBuilder) -> None:
    s = stream(b, "in").select_key(value_of, key=str)
    s.group_by_key(key=str, value=str).count(store="counts").to_stream().to("counts-out")
    s.group_by_key(key=str, value=str).reduce(first).to_stream().to("last-out")
    t = table(b)
    s.filter(yes).left_join(t, first).to("joined")
    s.to("plain")


@described
def value_change_keeps_its_topic_optimized(b: StreamsBuilder) -> None:
    s = stream(b, "in").map(lambda _, v: (v, v))
    s.group_by_key(name="raw").count().to_stream().to("raw-out")
    s.map_values(same).group_by_key(name="upper").count().to_stream().to("upper-out")
    again = s.map_values(same).select_key(value_of).group_by_key(name="again")
    again.count().to_stream().to("again-out")


@described
def merged_streams_optimized(b: StreamsBuilder) -> None:
    m = stream(b, "x").select_key(value_of).merge(stream(b, "y").select_key(value_of))
    m.group_by_key(key=str, value=str).count(store="counts").to_stream().to("counts-out")
    m.to_table(name="latest", store="latest-store").to_stream().to("latest-out")


@described
def rekeyed_self_join_optimized(b: StreamsBuilder) -> None:
    s = stream(b, "s").select_key(value_of)
    windows = JoinWindows(5_000)
    s.join(s, first, windows=windows, store="pairs", name="pairing").to("out")
    s.left_join(s, first, windows=windows).to("left-out")


@described
def self_join_optimized(b: StreamsBuilder) -> None:
    s, again = stream(b, "s"), stream(b, "s")
    windows = JoinWindows(5_000)
    s.join(s, first, windows=windows).to("out")
    s.outer_join(again, lambda x, _: x or "", windows=windows).to("outer-out")
    s.map_values(same).join(s, first, windows=windows).to("other-out")


@described
def processors_optimized(b: StreamsBuilder) -> None:
    b.add_state_store(_store("seen"))
    s = stream(b, "in").select_key(value_of)
    s.group_by_key(name="first").count().to_stream().to("one")
    values = s.process_values(NoValues, stores=["seen"], name="values")
    values.group_by_key(name="second").count().to_stream().to("two")
    p = s.process(Nothing, stores=["seen"], name="keys")
    p.group_by_key(name="third").count().to_stream().to("three")
    p.peek(yes).to_table(name="fourth").to_stream().to("four")


@described
def repartition_between_optimized(b: StreamsBuilder) -> None:
    s = stream(b, "in").select_key(value_of)
    r = s.repartition(name="through")
    r.group_by_key().count(store="counts").to_stream().to("one")
    other = r.select_key(value_of).filter(yes).group_by_key(name="other")
    other.count().to_stream().to("two")
    s.group_by_key(name="direct").count().to_stream().to("three")


@described
def global_stores(b: StreamsBuilder) -> None:
    stream(b, "in").to("out")
    b.add_global_store(_store("first"), "g", Nothing, key=str, value=str)
    b.add_global_store(_store("second"), "h", Nothing, name="filled")


@described
def named_group_around_others(b: StreamsBuilder) -> None:
    g = stream(b, "in").group_by(value_of, name="by-word")
    g.count(store="counts").to_stream().to("counts-out")
    beside = stream(b, "between").select_key(value_of).repartition(name="beside")
    beside.to("beside-out")
    g.reduce(first, store="last").to_stream().to("last-out")


_OPTIMIZATIONS = {
    "table_optimized": "reuse.ktable.source.topics",
    "value_change_keeps_its_topic_optimized": "merge.repartition.topics",
    "self_join_optimized": "single.store.self.join",
    "repartition_between_optimized": "reuse.ktable.source.topics,merge.repartition.topics",
}
_BUILDS["table"] = _BUILDS.pop("table_")
EXPECTED = texts(RECORDED.read_text())


def test_every_recorded_topology_is_built_here() -> None:
    assert sorted(_BUILDS) == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_description_is_kafka_streams_text(name: str) -> None:
    builder = StreamsBuilder()
    _BUILDS[name](builder)
    optimize = _OPTIMIZATIONS.get(name, "all" if name.endswith("_optimized") else "none")
    assert str(builder.build(optimize=optimize).describe()) == EXPECTED[name]
    assert (
        str(builder.build(optimize=optimize).describe()) == EXPECTED[name]
    )  # building leaves no trace


@pytest.mark.kafka
def test_recorded_texts_are_what_kafka_streams_prints_today() -> None:
    done = subprocess.run(
        java_command(PROGRAM), capture_output=True, text=True, check=True, timeout=100
    )
    assert texts(done.stdout) == EXPECTED
