"""Plans: internal topics, changelogs, partitions, co-partitioning, values that need no decoding."""

from __future__ import annotations

import re
from typing import Any

import cloudpickle
import pytest

from streamkit import (
    KStream,
    SessionWindows,
    StreamsBuilder,
    TaskId,
    TopologyError,
    TumblingWindows,
)
from streamkit.operators.count import StreamCount
from streamkit.serde import JsonSerde
from streamkit.topology import ProcessorNode, SourceNode, TopologyPlan, plan


def stream(b: StreamsBuilder, topic: str = "in") -> KStream[str, str]:
    return b.stream(topic, key=str, value=str)


def planned(b: StreamsBuilder, *, optimize: bool = False) -> TopologyPlan:
    return plan(b.build(optimize=optimize), "app")


def value_of(_key: object, value: str) -> str:
    return value


def first(left: str, _right: object) -> str:
    return left


def test_internal_topics_carry_the_application_id_and_kafka_streams_settings() -> None:
    b = StreamsBuilder()
    counts = stream(b).group_by(value_of, name="by-word").count(store="words")
    counts.to_stream().to("out")
    p = planned(b)
    assert sorted(p.internal_topics) == ["app-by-word-repartition", "app-words-changelog"]
    repartition = p.internal_topics["app-by-word-repartition"]
    assert (repartition.kind, repartition.partitions) == ("repartition", None)
    assert repartition.config == {
        "cleanup.policy": "delete",
        "segment.bytes": "52428800",
        "retention.ms": "-1",
        "message.timestamp.type": "CreateTime",
    }
    assert p.internal_topics["app-words-changelog"].config["cleanup.policy"] == "compact"
    assert [sub.source_topics for sub in p.sub_topologies] == [
        ("in",),
        ("app-by-word-repartition",),
    ]
    assert p.sub_topologies[0].sink_topics == ("app-by-word-repartition",)
    assert p.sub_topologies[1].changelogs == {"words": "app-words-changelog"}
    assert p.external_topics == ("in",)


def test_window_changelog_is_kept_a_day_longer_than_the_store() -> None:
    b = StreamsBuilder()
    windowed = stream(b).group_by_key().windowed_by(TumblingWindows(10_000, grace=2_000))
    windowed.count(store="w", log={"segment.bytes": "1024"})
    config = planned(b).internal_topics["app-w-changelog"].config
    assert config["cleanup.policy"] == "compact,delete"
    assert config["retention.ms"] == str(12_000 + 86_400_000)
    assert config["segment.bytes"] == "1024"


def test_store_without_log_has_no_changelog() -> None:
    b = StreamsBuilder()
    stream(b).group_by_key().count(store="c", log=False)
    p = planned(b)
    assert p.internal_topics == {}
    assert p.sub_topologies[0].changelogs == {}


def test_optimized_source_table_uses_its_topic_as_changelog() -> None:
    b = StreamsBuilder()
    b.table("prices", key=str, value=str, store="prices-store")
    p = planned(b, optimize=True)
    assert p.internal_topics == {}
    assert p.sub_topologies[0].changelogs == {"prices-store": "prices"}


def test_global_table_makes_no_task_but_takes_a_number() -> None:
    b = StreamsBuilder()
    codes = b.global_table("codes", key=str, value=str)
    stream(b).join_global(codes, key=value_of, joiner=first).to("out")
    p = planned(b)
    assert [sub.id for sub in p.sub_topologies] == [1]
    assert [node.source.topics for node in p.global_stores] == [("codes",)]
    assert p.tasks({"in": 2}) == (TaskId(1, 0), TaskId(1, 1))
    assert p.sub_topology(1).sources[0].topics == ("in",)
    with pytest.raises(KeyError):
        p.sub_topology(0)


def test_repartition_topic_and_changelog_are_as_wide_as_what_feeds_them() -> None:
    b = StreamsBuilder()
    words = stream(b, "a").merge(stream(b, "b")).group_by(value_of, name="g").count(store="s")
    words.to_stream().group_by(lambda k, _: k, name="h").count(store="t")
    resolved = planned(b).resolve({"a": 3, "b": 5, "unrelated": 9})
    assert resolved.partitions == {
        "a": 3,
        "b": 5,
        "app-g-repartition": 5,
        "app-s-changelog": 5,
        "app-h-repartition": 5,
        "app-t-changelog": 5,
    }
    assert resolved.task_counts == {0: 5, 1: 5, 2: 5}


def test_repartition_topic_gets_the_partitions_it_was_given() -> None:
    b = StreamsBuilder()
    stream(b).repartition(name="r", partitions=7).group_by_key().count(store="s")
    resolved = planned(b).resolve({"in": 2})
    assert resolved.partitions["app-r-repartition"] == 7
    assert resolved.partitions["app-s-changelog"] == 7


def test_repartition_before_a_join_is_as_wide_as_the_table() -> None:
    b = StreamsBuilder()
    table = b.table("t", key=str, value=str)
    stream(b).select_key(value_of).join(table, first, name="j").to("out")
    p = planned(b)
    assert p.copartition_groups == (frozenset({"app-j-repartition", "t"}),)
    assert p.resolve({"in": 8, "t": 3}).partitions["app-j-repartition"] == 3


def test_joined_topics_that_differ_are_named_with_their_counts() -> None:
    b = StreamsBuilder()
    stream(b).join(b.table("t", key=str, value=str), first).to("out")
    with pytest.raises(TopologyError, match=r"'in' has 4, 't' has 3.*repartition\(\)"):
        planned(b).resolve({"in": 4, "t": 3})


def test_fixed_repartition_topic_that_differs_from_the_table_is_an_error() -> None:
    b = StreamsBuilder()
    table = b.table("t", key=str, value=str)
    stream(b).repartition(name="r", partitions=5).join(table, first).to("out")
    with pytest.raises(TopologyError, match="'app-r-repartition' has 5, 't' has 3"):
        planned(b).resolve({"in": 4, "t": 3})


def test_groups_that_share_a_topic_are_one() -> None:
    b = StreamsBuilder()
    t, u = b.table("t", key=str, value=str), b.table("u", key=str, value=str)
    s = stream(b)
    s.join(t, first).to("one")
    s.join(u, first).to("two")
    assert planned(b).copartition_groups == (frozenset({"in", "t", "u"}),)


def test_missing_topics_are_named() -> None:
    b = StreamsBuilder()
    stream(b, "orders").merge(stream(b, "payments")).to("out")
    with pytest.raises(TopologyError, match="topics do not exist: 'orders', 'payments'"):
        planned(b).resolve({})
    with pytest.raises(TopologyError, match="topic does not exist: 'payments'"):
        planned(b).resolve({"orders": 1})


def test_pattern_reads_the_topics_that_are_there() -> None:
    b = StreamsBuilder()
    b.stream(re.compile("orders-.*"), key=str, value=str).to("out")
    p = planned(b)
    assert [pattern.pattern for pattern in p.patterns] == ["orders-.*"]
    resolved = p.resolve({"orders-eu": 2, "orders-us": 4, "my-orders-eu": 9})
    assert resolved.topics == {0: ("orders-eu", "orders-us")}
    assert resolved.task_counts == {0: 4}


@pytest.mark.parametrize(
    ("pattern", "topic"),
    [
        (re.compile("orders-.*", re.I), "Orders-EU"),
        (re.compile("(?i)orders-.*"), "Orders-EU"),
        (re.compile("orders- .*  # of all regions", re.X), "orders-eu"),
        (re.compile("a|orders-.*"), "orders-eu"),
    ],
)
def test_subscription_matches_what_the_patterns_match(pattern: re.Pattern[str], topic: str) -> None:
    """A worker subscribes to names and patterns as one pattern."""
    b = StreamsBuilder()
    b.stream(pattern, key=str, value=str).to("out")
    stream(b, "pay.ments").to("copy")
    subscription = planned(b).subscription
    assert isinstance(subscription, re.Pattern)
    assert subscription.fullmatch(topic)
    assert subscription.fullmatch("pay.ments")
    assert not subscription.fullmatch("pay-ments")
    assert not subscription.fullmatch("Pay.ments")
    assert not subscription.fullmatch("refunds")


def test_subscription_without_patterns_is_names() -> None:
    b = StreamsBuilder()
    stream(b, "orders").select_key(lambda _, v: v).repartition(name="by").to("out")
    assert planned(b).subscription == ("orders", "app-by-repartition")


def test_topic_of_two_patterns_is_refused() -> None:
    b = StreamsBuilder()
    b.stream(re.compile("orders-.*"), key=str, value=str).to("out")
    b.stream(re.compile(".*-eu"), key=str, value=str).to("copy")
    p = planned(b)
    assert p.resolve({"orders-us": 1, "payments-eu": 1}).task_counts == {0: 1, 1: 1}
    with pytest.raises(
        TopologyError, match=r"'orders-eu' matches the patterns 'orders-.*' and '.*-eu'"
    ):
        p.resolve({"orders-eu": 1})


def source_of(p: TopologyPlan, number: int = 0) -> SourceNode:
    return p.sub_topologies[number].sources[0]


def test_source_of_a_count_keeps_values_as_bytes() -> None:
    b = StreamsBuilder()
    stream(b).group_by_key().count(store="s")
    assert source_of(planned(b)).value_serde is None


@pytest.mark.parametrize("value", [int, dict, JsonSerde()])
def test_source_of_a_count_decodes_what_may_be_no_value(value: Any) -> None:
    """JSON's null is none, and other serdes refuse bytes that aren't theirs: such records don't count."""
    b = StreamsBuilder()
    b.stream("in", key=str, value=value).group_by_key().count(store="s")
    assert source_of(planned(b)).value_serde is not None


def test_source_decodes_values_that_somebody_looks_at() -> None:
    b = StreamsBuilder()
    s = stream(b)
    s.group_by_key().count(store="s")
    s.to("copy")
    assert source_of(planned(b)).value_serde is not None


def test_source_decodes_values_that_tell_the_time() -> None:
    b = StreamsBuilder()
    timed = b.stream("in", key=str, value=str, timestamp=lambda _, v: int(v))
    timed.group_by_key().count(store="s")
    assert source_of(planned(b)).value_serde is not None


def test_topics_of_windowed_keys_are_partitioned_by_the_keys_alone() -> None:
    """As in Kafka Streams; its repartition topics keep windows apart, as records of a window meet behind them."""
    b = StreamsBuilder()
    grouped = stream(b).group_by_key()
    windows = grouped.windowed_by(TumblingWindows(10)).count(store="w").to_stream()
    windows.to("windows")
    windows.to("first", partitioner=lambda *_: 0)
    windows.repartition(name="again").to("again", value=int)
    grouped.windowed_by(SessionWindows(10)).count(store="s").to_stream().to("sessions")
    grouped.count(store="c").to_stream().to("counts")
    sinks = [sink for sub in planned(b).sub_topologies for sink in sub.sinks]
    assert {sink.topic: sink.window_bytes for sink in sinks} == {
        "windows": 8,
        "first": 0,
        "app-again-repartition": 0,
        "again": 8,
        "sessions": 16,
        "counts": 0,
    }


def count_node(p: TopologyPlan) -> StreamCount:
    [node] = [n for n in p.sub_topologies[-1].nodes if isinstance(n, ProcessorNode) and n.stores]
    operator = node.make()
    assert isinstance(operator, StreamCount)
    return operator


@pytest.mark.parametrize(
    ("change", "reused"),
    [
        (lambda s: s.filter(lambda *_: True), True),
        (lambda s: s.map_values(len), True),
        (lambda s: s.select_key(value_of, key=str), True),  # behind the repartition topic
        (lambda s: s.map(lambda k, v: (v, k), key=str).to_table(store="t").to_stream(), True),
        (lambda s: s.process(lambda: None, key=str).repartition(name="r"), True),
    ],
)
def test_key_bytes_are_reused_where_keys_are_still_the_sources(
    change: object, reused: bool
) -> None:
    b = StreamsBuilder()
    assert callable(change)
    change(stream(b)).group_by_key(key=str).count(store="s")
    nodes = [n for n in planned(b).sub_topologies[-1].nodes if isinstance(n, ProcessorNode)]
    [make] = [n.make for n in nodes if "s" in n.stores]
    assert make.keywords["reuse_raw_key"] is reused  # type: ignore[attr-defined]  # a partial


def test_key_bytes_are_not_reused_for_another_serde() -> None:
    b = StreamsBuilder()
    b.stream("in", key=dict).group_by_key().count(store="s")  # JSON isn't canonical
    b.stream("in2", key=str).group_by_key().count(store="s2", key=int)
    for sub in planned(b).sub_topologies:
        [make] = [n.make for n in sub.processors if n.stores]
        assert make.keywords["reuse_raw_key"] is False  # type: ignore[attr-defined]  # a partial


def test_plan_crosses_cloudpickle() -> None:
    b = StreamsBuilder()
    table = b.table("t", key=str, value=str).filter(lambda *_: True).map_values(lambda v: v + "!")
    codes = b.global_table("g", key=str, value=str)
    joined = stream(b).join(table, first).join_global(codes, key=value_of, joiner=first)
    joined.group_by(value_of).windowed_by(TumblingWindows(10)).count().to_stream().to("out")
    p = cloudpickle.loads(cloudpickle.dumps(planned(b)))
    assert [len(sub.nodes) for sub in p.sub_topologies] == [
        len(sub.nodes) for sub in planned(b).sub_topologies
    ]
    for sub in p.sub_topologies:
        for node in sub.processors:
            node.make()
