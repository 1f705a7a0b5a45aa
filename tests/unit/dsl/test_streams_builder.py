"""What the DSL refuses, what serdes flow where, and programs that only a whole run shows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from streamkit import ConfigError, KStream, Record, StreamsBuilder, TopologyError
from streamkit.serde import BytesSerde, IntegerSerde, JsonSerde, StringSerde
from streamkit.state import TimestampedKeyValueStore
from streamkit.testing.driver import TopologyTestDriver
from streamkit.topology import SinkNode


def sink_serdes(builder: StreamsBuilder) -> dict[str, tuple[type, type]]:
    nodes = builder.build().wiring.nodes.values()
    return {
        str(node.topic): (type(node.key_serde), type(node.value_serde))
        for node in nodes
        if isinstance(node, SinkNode)
    }


def run(builder: StreamsBuilder, *records: tuple[Any, ...]) -> TopologyTestDriver:
    driver = TopologyTestDriver(builder, backend="memory")
    for topic, key, value, timestamp in records:
        driver.pipe_input(topic, key, value, timestamp_ms=timestamp)
    return driver


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda b: b.stream(""), "a name is not empty"),
        (lambda b: b.stream([]), "at least one topic"),
        (lambda b: b.stream("in", offset_reset="never"), "'earliest', 'latest', 'none'"),
        (lambda b: b.stream("in", offset_reset=timedelta(hours=-1)), "offset_reset is at least 0"),
        (
            lambda b: b.stream("in", timestamp=lambda *_: 1, timestamp_extractor=lambda *_: 1),
            "not both",
        ),
        (lambda b: b.stream("in").to(""), "a name is not empty"),
        (lambda b: b.stream("in").repartition(partitions=0), "partitions is 1 or more, not 0"),
        (lambda b: b.stream("in").filter(bool, name="a b"), "only ASCII letters"),
        (lambda b: b.stream("in").group_by_key().count(store="x/y"), "only ASCII letters"),
        (
            lambda b: b.stream("in").group_by_key().count(store="s", backend="disk"),
            "'rocksdb' or 'memory', not 'disk'",
        ),
    ],
)
def test_wrong_options_are_refused_at_once(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(StreamsBuilder())


def test_one_name_for_two_operators_is_refused_at_build() -> None:
    builder = StreamsBuilder()
    stream = builder.stream("in")
    stream.filter(lambda *_: True, name="same")
    stream.filter(lambda *_: True, name="same")
    with pytest.raises(TopologyError, match="a node named 'same' is there already"):
        builder.build()


def test_sources_that_share_some_of_their_topics_are_refused() -> None:
    builder = StreamsBuilder()
    builder.stream(["a", "b"])
    builder.stream(["b", "c"])
    with pytest.raises(TopologyError, match="topic 'b' is read by"):
        builder.build()


@pytest.mark.parametrize("topics", ["orders", re.compile("orders-.*")])
def test_topics_that_begin_at_two_places_are_refused(topics: str | re.Pattern[str]) -> None:
    builder = StreamsBuilder()
    builder.stream(topics, offset_reset="latest").to("new")
    builder.stream(topics).to("all")
    with pytest.raises(TopologyError, match="with offset_reset 'latest' and None"):
        builder.build()


@pytest.mark.parametrize("pattern_first", [True, False])
def test_topic_that_a_pattern_reads_too_is_refused(pattern_first: bool) -> None:
    """Its records would come to one of the two only."""
    builder = StreamsBuilder()
    topics: list[str | re.Pattern[str]] = [re.compile("orders-.*"), "orders-eu"]
    for topic in topics if pattern_first else reversed(topics):
        builder.stream(topic).to("out")
    with pytest.raises(TopologyError, match=r"'orders-eu'.* matches the pattern 'orders-\.\*'"):
        builder.build()


def test_pattern_passes_over_topics_of_the_app_and_of_global_tables() -> None:
    builder = StreamsBuilder()
    builder.global_table("names", store="names")
    by_value = builder.stream(re.compile(".*")).select_key(lambda _, value: value)
    by_value.group_by_key().count(store="counts")
    assert len(builder.build().describe().sub_topologies) == 2


def test_topic_as_stream_and_table_is_refused() -> None:
    builder = StreamsBuilder()
    builder.stream("in")
    builder.table("in")
    with pytest.raises(TopologyError, match="topic 'in' is read by source"):
        builder.build()


def test_serdes_flow_as_far_as_types_stay() -> None:
    builder = StreamsBuilder(default_value=bytes)
    s = builder.stream("in", key=str, value=int)
    s.filter(lambda *_: True).peek(lambda *_: None).to("same")
    s.map_values(str).to("new-value")
    s.map_values(str, value=str).to("said-value")
    s.select_key(lambda _, v: v).to("new-key")
    s.select_key(lambda _, v: v, key=int).to("said-key")
    s.map(lambda k, v: (v, k)).to("both")
    s.to("own", key=bytes, value=str)  # type: ignore[arg-type]  # on purpose
    s.merge(builder.stream("other", key=str, value=int)).to("merged")
    s.merge(builder.stream("texts", key=str, value=str)).to("mixed")  # type: ignore[arg-type]  # on purpose
    s.group_by_key().count().to_stream().to("counts")
    assert sink_serdes(builder) == {
        "same": (StringSerde, IntegerSerde),
        "new-value": (StringSerde, BytesSerde),
        "said-value": (StringSerde, StringSerde),
        "new-key": (JsonSerde, IntegerSerde),
        "said-key": (IntegerSerde, IntegerSerde),
        "both": (JsonSerde, BytesSerde),
        "own": (BytesSerde, StringSerde),
        "merged": (StringSerde, IntegerSerde),
        "mixed": (StringSerde, BytesSerde),
        "counts": (StringSerde, IntegerSerde),
    }


def test_branches_by_name_hold_what_their_functions_return() -> None:
    builder = StreamsBuilder()

    def doubled(s: KStream[str, int]) -> KStream[str, int]:
        return s.map_values(lambda v: 2 * v, value=int)

    branches = (
        builder.stream("in", key=str, value=int)
        .split(name="size-")
        .branch(lambda _, v: v > 50, doubled, name="big")
        .branch(lambda _, v: v > 10, lambda s: s.to("mid"))
        .no_default_branch()
    )
    assert list(branches) == ["size-big"]
    branches["size-big"].to("big")
    records = [("in", "k", value, 1) for value in (60, 20, 5)]
    with run(builder, *records) as driver:
        assert [record.value for record in driver.read_all("big")] == [120]
        assert [record.value for record in driver.read_all("mid")] == [20]


def test_split_can_route_to_branches_added_in_any_order() -> None:
    builder = StreamsBuilder()
    branches = (
        builder.stream("in", key=str, value=int)
        .split(name="s-")
        .branch(lambda _, v: v == 1)
        .default_branch()
    )
    branches["s-0"].to("rest")
    branches["s-1"].to("one")
    with run(builder, ("in", "k", 1, 0), ("in", "k", 2, 0)) as driver:
        assert [record.value for record in driver.read_all("one")] == [1]
        assert [record.value for record in driver.read_all("rest")] == [2]


def test_one_topic_read_twice_is_one_source() -> None:
    builder = StreamsBuilder()
    builder.stream("in", key=str, value=int).to("one")
    builder.stream("in", key=str, value=int).map_values(lambda v: v + 1, value=int).to("two")
    with run(builder, ("in", "k", 1, 0)) as driver:
        assert [record.value for record in driver.read_all("one")] == [1]
        assert [record.value for record in driver.read_all("two")] == [2]


def test_repartitioning_drops_null_keys_unless_a_left_join_emits_them() -> None:
    builder = StreamsBuilder()
    table = builder.table("t", key=str, value=str)
    rekeyed = builder.stream("in", key=str, value=str).select_key(
        lambda _, v: v or None,  # type: ignore[arg-type,return-value]  # on purpose
        key=str,
    )
    rekeyed.repartition(name="plain").to("plain")
    rekeyed.left_join(table, lambda v, row: f"{v}+{row}", value=str, name="left").to("left")
    with run(builder, ("t", "a", "row", 0), ("in", "k", "a", 1), ("in", "k", "", 2)) as driver:
        assert [record.key for record in driver.read_all("plain")] == ["a"]
        assert driver.read_all("left") == [Record("a", "a+row", 1), Record(None, "+None", 2)]


def test_join_with_a_windowed_table_looks_up_key_and_window() -> None:
    from streamkit import TumblingWindows

    builder = StreamsBuilder()
    counts = (
        builder.stream("in", key=str, value=str)
        .group_by_key()
        .windowed_by(TumblingWindows(10))
        .count(store="w")
    )
    stream = counts.to_stream()
    stream.join(counts, lambda now, row: f"{now}={row}", value=str).to("out")
    with run(builder, ("in", "k", "v", 3), ("in", "k", "v", 4)) as driver:
        assert [record.value for record in driver.read_all("out")] == ["1=1", "2=2"]


def test_to_table_is_materialized_when_a_join_needs_it() -> None:
    builder = StreamsBuilder()
    s = builder.stream("in", key=str, value=str)
    latest = s.to_table()
    assert builder.build().stores == {}
    s.join(latest, lambda v, row: f"{v}+{row}", value=str).to("out")
    assert list(builder.build().stores) == ["KSTREAM-TOTABLE-STATE-STORE-0000000002"]
    with run(builder, ("in", "k", "a", 1)) as driver:
        assert [record.value for record in driver.read_all("out")] == ["a+a"]


def test_join_with_joined_tables_finds_keys_that_are_written_in_two_ways() -> None:
    """The stream's key bytes are those of the left table only."""
    builder = StreamsBuilder()
    text = StringSerde()
    left = builder.table("left", key=text, value=str)
    right = builder.table("right", key=JsonSerde(), value=str)
    both = left.outer_join(right, lambda one, other: f"{one} {other}", value=str)
    stream = builder.stream("in", key=text, value=str)
    stream.join(both, lambda value, row: f"{value} {row}", value=str).to("out")
    with run(builder, ("left", "k", "a", 0), ("right", "k", "b", 0), ("in", "k", "c", 0)) as driver:
        assert [record.value for record in driver.read_all("out")] == ["c a b"]


@pytest.mark.parametrize("peeks", [True, False])
def test_null_of_json_is_no_value_to_a_count(peeks: bool) -> None:
    """Whether anybody else looks at values or not."""
    builder = StreamsBuilder()
    numbers = builder.stream("in", key=str)
    if peeks:
        numbers = numbers.peek(lambda _key, _value: None)
    numbers.group_by_key().count(store="counts")
    with TopologyTestDriver(builder, backend="memory") as driver:
        for value in (b"null", b"{}", b" null"):
            driver.pipe_raw("in", b"k", value, 0)
        counts = driver.store("counts")
        assert isinstance(counts, TimestampedKeyValueStore)
        assert list(counts.all()) == [("k", (1, 0))]


def test_print_labels_lines_with_the_operator_before(capsys: pytest.CaptureFixture[str]) -> None:
    builder = StreamsBuilder()
    builder.stream(re.compile("x-.*"), key=str, value=str, name="read").print()
    driver = TopologyTestDriver(builder, backend="memory", topics=["x-1"])
    with driver:
        driver.pipe_input("x-1", "k", "v")
    assert capsys.readouterr().out == "[read]: k, v\n"


def test_table_names_its_store_if_the_program_did() -> None:
    builder = StreamsBuilder()
    assert builder.table("t", store="mine").store_name == "mine"
    assert builder.table("u").store_name is None
    assert builder.global_table("g", store="global").store_name == "global"
