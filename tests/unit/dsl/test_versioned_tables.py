"""Tables with a history, wherever a table can have a store: what comes out of order changes the past only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit.dsl import KTable, StreamsBuilder
from streamkit.errors import ConfigError
from streamkit.operators.table_transform_values import ValueTransformer
from streamkit.state import StoreKind
from streamkit.testing import TopologyTestDriver


class Same(ValueTransformer[Any, Any, Any]):
    def transform(self, key: Any, value: Any) -> Any:
        return value


def _first(value: str) -> str:
    return value[:1]


def _joined(left: Any, right: Any) -> str:
    return f"{left}+{right}"


def _aggregated(table: KTable[str, str], **options: Any) -> Any:
    grouped = table.group_by(lambda key, value: (key, value), key=str, value=str)
    return grouped.reduce(lambda _, new: new, lambda old, _: old, value=str, **options)


VERSIONED: dict[str, Callable[..., Any]] = {
    "filter": lambda table, **options: table.filter(lambda _, value: bool(value), **options),
    "filter_not": lambda table, **options: table.filter_not(lambda _, value: not value, **options),
    "map_values": lambda table, **options: table.map_values(str, value=str, **options),
    "transform_values": lambda table, **options: table.transform_values(Same, value=str, **options),
    "join": lambda table, **options: table.join(table, lambda left, _: left, value=str, **options),
    "foreign-key join": lambda table, **options: table.join(
        table, lambda left, _: left, foreign_key=_first, value=str, **options
    ),
    "grouped table": _aggregated,
    "stream": lambda table, **options: table.to_stream().to_table(**options),
    "reduce": lambda table, **options: (
        table.to_stream().group_by_key().reduce(lambda _, new: new, value=str, **options)
    ),
    "aggregate": lambda table, **options: (
        table.to_stream()
        .group_by_key()
        .aggregate(str, lambda _key, value, _: value, value=str, **options)
    ),
    "cogroup": lambda table, **options: (
        table.to_stream()
        .group_by_key()
        .cogroup(lambda _key, value, _: value)
        .aggregate(str, value=str, **options)
    ),
}


@pytest.mark.parametrize("name", VERSIONED)
def test_every_table_can_have_a_history(name: str) -> None:
    """Its store keeps the versions, and a join with a grace period takes it."""
    builder = StreamsBuilder(default_key=str, default_value=str)
    table = VERSIONED[name](builder.table("in", key=str, value=str), store="rows", history=100)
    other = builder.stream("other", key=str, value=str)
    if name != "foreign-key join":  # its result is in a sub-topology with other topics
        other.join(table, _joined, grace=10, value=str).to("out")
    topology = builder.build()
    assert topology.stores["rows"].kind is StoreKind.VERSIONED
    with TopologyTestDriver(topology) as driver:
        driver.pipe_input("in", "a", "a", timestamp_ms=5)
        assert [version.value for version in driver.store("rows").versions("a")] == ["a"]


@pytest.mark.parametrize("name", VERSIONED)
def test_history_needs_the_name_of_a_store(name: str) -> None:
    table = StreamsBuilder(default_key=str, default_value=str).table("in", key=str, value=str)
    with pytest.raises(ConfigError, match="store="):
        VERSIONED[name](table, history=100)


def test_count_with_a_history_counts_on_from_the_latest_version() -> None:
    builder = StreamsBuilder(default_key=str, default_value=str)
    table = builder.stream("in", key=str, value=str).group_by_key().count(store="n", history=100)
    table.to_stream().to("out", key=str, value=int)
    with TopologyTestDriver(builder.build()) as driver:
        for time in (10, 5, 20):
            driver.pipe_input("in", "a", "x", timestamp_ms=time)
        sent = [(row.value, row.timestamp_ms) for row in driver.read_all("out", key=str, value=int)]
        assert sent == [(1, 10), (2, 10), (3, 20)]
        assert driver.store("n").get("a", 15).value == 2


def test_rows_older_than_the_history_are_dropped() -> None:
    builder = StreamsBuilder(default_key=str, default_value=str)
    table = builder.table("in", key=str, value=str)
    table.map_values(str, value=str, store="rows", history=10).to_stream().to("out")
    with TopologyTestDriver(builder.build()) as driver:
        for key, time in (("a", 50), ("b", 30)):
            driver.pipe_input("in", key, "x", timestamp_ms=time)
        assert [row.key for row in driver.read_all("out", key=str, value=str)] == ["a"]
        assert list(driver.dropped.values()) == [1]
