"""Optimization beyond the texts of Kafka Streams (test_kafka_descriptions.py): settings, and safety."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit import ConfigError, JoinWindows, KStream, Serde, StreamsBuilder
from streamkit.testing import TopologyTestDriver
from streamkit.topology import plan
from streamkit.topology.optimize import Optimization, optimizations


def rekeyed(b: StreamsBuilder, topic: str = "in") -> KStream[str, str]:
    return b.stream(topic, key=str, value=str).select_key(lambda _, v: v[0], key=str)


def repartition_topics(b: StreamsBuilder, optimize: str) -> list[str]:
    planned = plan(b.build(optimize=optimize), "app")
    topics = planned.internal_topics.values()
    return [topic.name for topic in topics if topic.kind == "repartition"]


def test_settings_are_those_of_kafka_streams() -> None:
    everything = frozenset(Optimization)
    assert optimizations("none") == optimizations(False) == frozenset()
    assert optimizations("all") == optimizations(True) == everything
    both = {Optimization.MERGE_REPARTITION_TOPICS, Optimization.SINGLE_STORE_SELF_JOIN}
    assert optimizations("merge.repartition.topics, single.store.self.join") == both
    assert optimizations(["merge.repartition.topics", "single.store.self.join"]) == both


@pytest.mark.parametrize(
    "setting", ["", "everything", "all,none", "merge.repartition.topics,all", []]
)
def test_unknown_optimizations_are_refused_with_the_known_ones(setting: str | list[str]) -> None:
    with pytest.raises(ConfigError, match=r"'none', 'all', or some of merge\.repartition\.topics"):
        optimizations(setting)


def test_operations_below_one_node_share_a_topic() -> None:
    """Kafka Streams 4.3 stops with an error where two of them are below the same filter."""
    b = StreamsBuilder()
    kept = rekeyed(b).filter(lambda _k, _v: True)
    kept.group_by_key().count(store="one")
    kept.group_by_key().count(store="two")
    assert len(repartition_topics(b, "none")) == 2
    assert repartition_topics(b, "all") == ["app-one-repartition"]


def test_topic_stays_where_another_way_changes_keys() -> None:
    """Moved above the merge, it would leave the other stream's records where they are."""
    b = StreamsBuilder()
    one = rekeyed(b, "one")
    one.group_by_key().count(store="alone")
    one.merge(rekeyed(b, "two")).group_by_key().count(store="both")
    assert repartition_topics(b, "all") == ["app-alone-repartition", "app-both-repartition"]


def test_streams_merged_in_below_are_copartitioned_with_the_topic() -> None:
    b = StreamsBuilder()
    one = rekeyed(b, "one")
    one.group_by_key().count(store="alone")
    one.merge(b.stream("two", key=str, value=str)).group_by_key().count(store="both")
    planned = plan(b.build(optimize="all"), "app")
    assert planned.resolve({"one": 2, "two": 5}).partitions["app-alone-repartition"] == 5


def test_merged_topic_serves_stores_with_other_serdes() -> None:
    """Key bytes of the topic must not be taken for those of a store whose keys are written otherwise."""

    class Reversed(Serde[int]):
        canonical = True

        def serialize(self, topic: str, value: int) -> bytes:
            return str(value).encode()[::-1]

        def deserialize(self, topic: str, data: bytes) -> int:
            return int(data[::-1])

    b = StreamsBuilder()
    s = b.stream("in", key=str, value=str).select_key(lambda _, v: len(v), key=int)
    s.group_by_key(name="plain").count(store="one")
    s.group_by_key(name="reversed", key=Reversed()).count(store="two")
    with TopologyTestDriver(b.build(optimize="all"), backend="memory") as driver:
        driver.pipe_input("in", "k", "a" * 12)
        for store in ("one", "two"):
            (row,) = driver.store(store).all()
            assert row[0] == 12


@pytest.mark.parametrize("how", ["inner", "left", "outer"])
def test_self_join_with_one_store_sends_what_two_stores_do(how: str) -> None:
    times = [0, 4, 4, 12, 30, 31, 31, 40]
    if how == "inner":  # in the others, a record that is too late goes out alone from two stores
        times = [0, 4, 4, 12, 2, 30, 17, 1, 29]

    def outputs(optimize: str) -> list[tuple[object, ...]]:
        b = StreamsBuilder()
        s = rekeyed(b)
        method: Any = {"inner": s.join, "left": s.left_join, "outer": s.outer_join}[how]
        windows = JoinWindows(before=5, after=10, grace=3)
        joined = method(s, lambda x, y: f"{x}{y}", windows=windows, value=str)
        joined.to("out")
        with TopologyTestDriver(b.build(optimize=optimize), backend="memory") as driver:
            for number, time in enumerate(times):
                driver.pipe_input("in", "k", f"{'ab'[number % 3 == 0]}{number}", timestamp_ms=time)
            found = driver.read_all("out", key=str, value=str)
            stores = len(plan(b.build(optimize=optimize), "app").sub_topologies[-1].stores)
            assert stores == (1 if optimize == "all" else 2 + (how != "inner"))
            return [(r.key, r.value, r.timestamp_ms) for r in found]

    assert outputs("all") == outputs("none") != []
