"""transform_values of a table: state, look-ups and what the transformer sees."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ProcessingError
from streamkit.testing import TopologyTestDriver


class Numbered(sk.ValueTransformer[str, str, str]):
    """The value and how often its key was asked for."""

    def init(self, context: sk.ValueTransformerContext) -> None:
        super().init(context)
        self.calls = context.store("calls")

    def transform(self, key: str, value: str | None) -> str | None:
        number = (self.calls.get(key) or 0) + 1
        self.calls.put(key, number)
        return None if value is None else f"{value}{number}"


def numbered(builder: sk.StreamsBuilder, **options: Any) -> sk.KTable[str, str]:
    builder.add_state_store(
        sk.StoreSpec("calls", sk.StoreKind.KEY_VALUE, sk.serde_for(str), sk.serde_for(int))
    )
    table = builder.table("in", key=str, value=str)
    return table.transform_values(Numbered, stores=["calls"], value=str, **options)


def pairs(driver: TopologyTestDriver, topic: str = "out") -> list[tuple[Any, Any]]:
    return [(record.key, record.value) for record in driver.read_all(topic)]


def test_transformer_keeps_state_and_sees_deletions() -> None:
    builder = sk.StreamsBuilder()
    numbered(builder, store="rows").to_stream().to("out")
    with TopologyTestDriver(builder) as driver:
        for value in ("x", None, "y"):
            driver.pipe_input("in", "a", value, timestamp_ms=1)
        assert pairs(driver) == [("a", "x1"), ("a", None), ("a", "y3")]


def test_join_asks_a_transformer_of_its_own_where_there_is_no_store() -> None:
    """As in Kafka Streams: each look-up of a row is a call."""
    builder = sk.StreamsBuilder()
    rows = numbered(builder)
    stream = builder.stream("s", key=str, value=str)
    stream.join(rows, lambda left, right: left + right, value=str).to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=1)
        for _ in range(2):
            driver.pipe_input("s", "a", "-", timestamp_ms=2)
        assert pairs(driver) == [("a", "-x2"), ("a", "-x3")]


def test_looked_up_row_tells_its_time_and_no_topic() -> None:
    seen: list[Any] = []

    class Looking(sk.ValueTransformer[str, str, str]):
        def transform(self, key: str, value: str | None) -> str | None:
            info = self.context.record_info
            seen.append(None if info is None else (info.topic, info.timestamp_ms))
            return value

    builder = sk.StreamsBuilder()
    rows = builder.table("in", key=str, value=str).transform_values(Looking, value=str)
    stream = builder.stream("s", key=str, value=str)
    stream.join(rows, lambda left, right: left + right, value=str).to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "a", "x", timestamp_ms=1)
        driver.pipe_input("s", "a", "-", timestamp_ms=2)
    assert seen == [("in", 1), None]


def test_each_transformer_is_closed_once() -> None:
    """The view's own, and those of the joins that look rows up through it and through what stands above."""
    made: list[Closing] = []

    class Closing(sk.ValueTransformer[str, str, str]):
        def __init__(self) -> None:
            self.closed = 0
            made.append(self)

        def transform(self, key: str, value: str | None) -> str | None:
            return value

        def close(self) -> None:
            self.closed += 1

    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    rows = builder.table("in", store="rows", history=10).transform_values(Closing, value=str)
    others = rows.filter(lambda *_: True).map_values(str.upper)
    stream = builder.stream("s")
    joiner = "{}{}".format
    stream.join(rows, joiner, value=str)
    stream.join(others, joiner, grace=5, value=str)
    joined = rows.join(builder.table("t"), joiner, value=str)
    joined.left_join(builder.table("u"), joiner, value=str)
    joined.left_join(builder.table("v"), joiner, foreign_key=lambda value: value, value=str)
    before = len(made)
    with TopologyTestDriver(builder, backend="memory") as driver:
        driver.pipe_input("in", "k", "v", timestamp_ms=1)
    used = made[before:]
    assert len(used) >= 5
    assert {each.closed for each in used} == {1}


def test_store_that_is_not_named_is_an_error() -> None:
    builder = sk.StreamsBuilder()
    table = builder.table("in", key=str, value=str)
    table.transform_values(Numbered, value=str).to_stream().to("out")
    with pytest.raises(ProcessingError, match="calls"):
        TopologyTestDriver(builder)
