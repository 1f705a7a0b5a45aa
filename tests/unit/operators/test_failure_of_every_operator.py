"""Whatever operator a user's function is given to: its error names operator, line and record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit import (
    FixedKeyProcessor,
    HoppingWindows,
    JoinWindows,
    KStream,
    KTable,
    Processor,
    Record,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    TumblingWindows,
    ValueTransformer,
    Window,
    Windows,
    sum_of,
)
from streamkit.errors import ProcessingError
from streamkit.testing import TopologyTestDriver

Build = Callable[["Case"], object]


class Case:
    """A program to which a case adds the operator called `culprit`, and others of many kinds beside it."""

    def __init__(self) -> None:
        self.builder = StreamsBuilder(default_key=str, default_value=str)
        self.stream: KStream[str, str] = (
            self.builder.stream("in", key=str, value=str)
            .filter(lambda *_: True, name="before")
            .peek(lambda *_: None, name="before-too")
        )
        self.stream.map_values(str.upper, value=str, name="beside").to("beside")
        self.other: KStream[str, str] = self.builder.stream("other", key=str, value=str)
        self.table: KTable[str, str] = self.builder.table("t", key=str, value=str, store="rows")


def boom(*_arguments: Any) -> Any:
    raise ValueError("boom")


class Fails(Processor[str, str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        boom(record)


class FailsOnValues(FixedKeyProcessor[str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        boom(record)


class FailsOnRows(ValueTransformer[str, str, str]):
    def transform(self, key: str, value: str | None) -> str | None:
        raise ValueError("boom")


class OneWindow(Windows):
    size_ms = 1000

    def windows_for(self, timestamp_ms: int) -> list[Window]:
        return [Window(0, 1000)]


class NoWindows(OneWindow):
    def windows_for(self, timestamp_ms: int) -> list[Window]:
        boom(timestamp_ms)
        return []


SPAN = JoinWindows(100)
CASES: dict[str, tuple[str, Build]] = {
    # name: topic of the record at fault, what adds the operator
    "filter": ("in", lambda c: c.stream.filter(lambda *a: boom(*a), name="culprit")),
    "filter_not": ("in", lambda c: c.stream.filter_not(lambda *a: boom(*a), name="culprit")),
    "map": ("in", lambda c: c.stream.map(lambda *a: boom(*a), name="culprit")),
    "select_key": ("in", lambda c: c.stream.select_key(lambda *a: boom(*a), name="culprit")),
    "map_values": ("in", lambda c: c.stream.map_values(lambda v: boom(v), name="culprit")),
    "map_values_with_key": (
        "in",
        lambda c: c.stream.map_values_with_key(lambda *a: boom(*a), name="culprit"),
    ),
    "flat_map": ("in", lambda c: c.stream.flat_map(lambda *a: boom(*a), name="culprit")),
    "flat_map, lazily": (
        "in",
        lambda c: c.stream.flat_map(lambda *a: (boom(x) for x in a), name="culprit"),
    ),
    "flat_map_values": (
        "in",
        lambda c: c.stream.flat_map_values(lambda v: boom(v), name="culprit"),
    ),
    "flat_map_values_with_key": (
        "in",
        lambda c: c.stream.flat_map_values_with_key(lambda *a: boom(*a), name="culprit"),
    ),
    "peek": ("in", lambda c: c.stream.peek(lambda *a: boom(*a), name="culprit")),
    "for_each": ("in", lambda c: c.stream.for_each(lambda *a: boom(*a), name="culprit")),
    "print": ("in", lambda c: c.stream.print(mapper=lambda *a: boom(*a), name="culprit")),
    "split": ("in", lambda c: c.stream.split(name="culprit").branch(lambda *a: boom(*a))),
    "topic extractor": ("in", lambda c: c.stream.to(lambda *a: boom(*a), name="culprit")),
    "partitioner": (
        "in",
        lambda c: c.stream.to("out", partitioner=lambda *a: boom(*a), name="culprit"),
    ),
    "process": ("in", lambda c: c.stream.process(Fails, name="culprit")),
    "process_values": ("in", lambda c: c.stream.process_values(FailsOnValues, name="culprit")),
    "group_by": (
        "in",
        lambda c: c.stream.group_by(lambda *a: boom(*a), key=str, name="culprit").count(),
    ),
    "reduce": (
        "in",
        lambda c: c.stream.group_by_key().reduce(lambda *a: boom(*a), name="culprit"),
    ),
    "aggregate": (
        "in",
        lambda c: c.stream.group_by_key().aggregate(str, lambda *a: boom(*a), name="culprit"),
    ),
    "initializer": (
        "in",
        lambda c: c.stream.group_by_key().aggregate(
            lambda: boom(), lambda _k, v, _a: v, name="culprit"
        ),
    ),
    "tumbling": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(TumblingWindows(10))
            .aggregate(str, lambda *a: boom(*a), name="culprit")
        ),
    ),
    "hopping": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(HoppingWindows(10, advance=5))
            .reduce(lambda *a: boom(*a), name="culprit")
        ),
    ),
    "sliding": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(SlidingWindows(10))
            .aggregate(str, lambda *a: boom(*a), name="culprit")
        ),
    ),
    "own windows": (
        "in",
        lambda c: c.stream.group_by_key().windowed_by(NoWindows()).count(name="culprit"),
    ),
    "in own windows": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(OneWindow())
            .aggregate(str, lambda *a: boom(*a), name="culprit")
        ),
    ),
    "session": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(SessionWindows(10))
            .aggregate(str, lambda *a: boom(*a), lambda _k, x, _y: x, name="culprit")
        ),
    ),
    "session merger": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(SessionWindows(10))
            .aggregate(str, lambda _k, v, _a: v, lambda *a: boom(*a), name="culprit")
        ),
    ),
    "cogroup": (
        "in",
        lambda c: (
            c.other.group_by_key()
            .cogroup(lambda _k, v, _a: v)
            .cogroup(c.stream.group_by_key(), lambda *a: boom(*a))
            .aggregate(str, name="culprit")
        ),
    ),
    "stream-stream join": (
        "in",
        lambda c: c.stream.join(c.other, lambda *a: boom(*a), windows=SPAN, name="culprit"),
    ),
    "other side of a stream-stream join": (
        "in",
        lambda c: c.other.join(c.stream, lambda *a: boom(*a), windows=SPAN, name="culprit"),
    ),
    "self join": (
        "in",
        lambda c: c.stream.join(c.stream, lambda *a: boom(*a), windows=SPAN, name="culprit"),
    ),
    "stream-table join": (
        "in",
        lambda c: c.stream.join(c.table, lambda *a: boom(*a), name="culprit"),
    ),
    "stream-table left join": (
        "in",
        lambda c: c.stream.left_join(c.table, lambda *a: boom(*a), name="culprit"),
    ),
    "global table's key": (
        "in",
        lambda c: c.stream.join_global(
            c.builder.global_table("g"),
            key=lambda *a: boom(*a),
            joiner=lambda x, _: x,
            name="culprit",
        ),
    ),
    "global table's joiner": (
        "in",
        lambda c: c.stream.left_join_global(
            c.builder.global_table("g"),
            key=lambda k, _: k,
            joiner=lambda *a: boom(*a),
            name="culprit",
        ),
    ),
    "table filter": ("t", lambda c: c.table.filter(lambda *a: boom(*a), name="culprit")),
    "table map_values": ("t", lambda c: c.table.map_values(lambda v: boom(v), name="culprit")),
    "table map_values with a store": (
        "t",
        lambda c: c.table.map_values_with_key(lambda *a: boom(*a), name="culprit", store="m"),
    ),
    "table group_by": (
        "t",
        lambda c: c.table.group_by(lambda *a: boom(*a), name="culprit").count(store="n"),
    ),
    "table reduce": (
        "t",
        lambda c: c.table.group_by(lambda _, v: ("all", v), key=str, value=str).reduce(
            lambda *a: boom(*a), lambda *a: boom(*a), name="culprit"
        ),
    ),
    "table aggregate": (
        "t",
        lambda c: c.table.group_by(lambda _, v: ("all", v), key=str, value=str).aggregate(
            str, lambda *a: boom(*a), lambda *a: boom(*a), name="culprit"
        ),
    ),
    "table join": (
        "t",
        lambda c: c.table.join(c.stream.to_table(store="s"), lambda *a: boom(*a), name="culprit"),
    ),
    "table left join": (
        "t",
        lambda c: c.table.left_join(c.builder.table("u"), lambda *a: boom(*a), name="culprit"),
    ),
    "table outer join": (
        "t",
        lambda c: c.builder.table("u").outer_join(c.table, lambda *a: boom(*a), name="culprit"),
    ),
    "foreign key": (
        "t",
        lambda c: c.table.join(
            c.builder.table("u"), lambda x, _: x, foreign_key=lambda v: boom(v), name="culprit"
        ),
    ),
    "foreign-key join": (
        "t",
        lambda c: c.table.left_join(
            c.builder.table("u"), lambda *a: boom(*a), foreign_key=lambda v: v, name="culprit"
        ),
    ),
    "foreign-key partitioner": (
        "t",
        lambda c: c.table.join(
            c.builder.table("u"),
            lambda x, _: x,
            foreign_key=lambda v: v,
            other_partitioner=lambda *a: boom(*a),
            name="culprit",
        ),
    ),
    "table transform_values": (
        "t",
        lambda c: c.table.transform_values(FailsOnRows, value=str, name="culprit"),
    ),
    "table transform_values with a store": (
        "t",
        lambda c: c.table.transform_values(FailsOnRows, value=str, name="culprit", store="m"),
    ),
    "agg": (
        "in",
        lambda c: c.stream.group_by_key().agg(n=sum_of(lambda v: boom(v)), name="culprit"),
    ),
    "agg in windows": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(TumblingWindows(10))
            .agg(n=sum_of(lambda v: boom(v)), name="culprit")
        ),
    ),
    "agg in sessions": (
        "in",
        lambda c: (
            c.stream.group_by_key()
            .windowed_by(SessionWindows(10))
            .agg(n=sum_of(lambda v: boom(v)), name="culprit")
        ),
    ),
    "timestamp": (
        "late",
        lambda c: c.builder.stream("late", timestamp=lambda *a: boom(*a), name="culprit"),
    ),
}


def failing(name: str, optimize: str = "none") -> ProcessingError:
    topic, build = CASES[name]
    case = Case()
    build(case)
    with TopologyTestDriver(case.builder.build(optimize=optimize), backend="memory") as driver:
        if topic == "in":
            for partner in ("other", "t"):
                driver.pipe_input(partner, "k", "partner", timestamp_ms=4)
        elif topic == "t" and "s" in driver_stores(case):
            driver.pipe_input("in", "k", "partner", timestamp_ms=4)
        for number in range(2):  # some functions are called for the second record only
            try:
                driver.pipe_input(topic, "k", "value", timestamp_ms=5 + number)
            except ProcessingError as error:
                return error
    pytest.fail("nothing was raised")


def driver_stores(case: Case) -> set[str]:
    return set(case.builder.build().stores)


@pytest.mark.parametrize("name", CASES)
def test_error_names_operator_line_and_record(name: str) -> None:
    error = failing(name)
    lines = str(error).splitlines()
    assert error.node is not None
    assert error.node.startswith("culprit")
    assert lines[0] == f"operator {error.node!r} raised ValueError: boom"
    assert "test_failure_of_every_operator.py:" in lines[1]
    assert "raise ValueError" in lines[1]
    assert "partition 0, offset " in lines[2]
    assert error.offset is not None
    assert "value" in lines[2]


def test_error_in_a_self_join_with_one_store() -> None:
    error = failing("self join", "single.store.self.join")
    assert error.node == "culprit-merge"


def test_error_of_a_view_that_a_join_looks_up_names_the_join() -> None:
    """The view has no store: its function runs when a row is looked up."""
    case = Case()
    armed: list[bool] = []
    view = case.table.map_values(lambda v: boom(v) if armed else v, value=str, name="view")
    case.stream.join(view, lambda x, _: x, name="lookup")
    with TopologyTestDriver(case.builder, backend="memory") as driver:
        driver.pipe_input("t", "k", "row", timestamp_ms=4)
        armed.append(True)
        with pytest.raises(
            ProcessingError, match="operator 'lookup' raised ValueError: boom"
        ) as error:
            driver.pipe_input("in", "k", "v", timestamp_ms=5)
    assert error.value.topic == "in"
