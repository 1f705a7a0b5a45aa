"""Serdes from annotations: which types, where they count, and what is said when they can't be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pytest

import streamkit as sk
from streamkit.dsl.annotations import serde_of_annotation
from streamkit.testing import TopologyTestDriver

T = TypeVar("T")


@dataclass
class Order:
    item: str
    at: datetime
    note: str | None = None


class Total(msgspec.Struct):
    item: str
    count: int


class Row(TypedDict):
    item: str


class Pair(NamedTuple):
    left: str
    right: int


class Plain:
    """A class that nothing can read."""


@dataclass
class Holder:
    inside: list[Plain]


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "text"),
        (int, 7),
        (float, 0.5),
        (bytes, b"raw"),
        (bool, True),
        (UUID, UUID(int=7)),
        (datetime, NOON),
        (list[int], [1, 2]),
        (list[Order], [Order("a", NOON)]),
        (dict[str, Total], {"a": Total("a", 1)}),
        (Order, Order("a", NOON, "b")),
        (Total, Total("a", 3)),
        (Row, {"item": "a"}),
        (Pair, Pair("a", 1)),
        (int | str, "either"),
        (Annotated[int, "of what"], 7),
    ],
    ids=str,
)
def test_annotated_type_is_written_and_read(annotation: Any, value: object) -> None:
    serde = serde_of_annotation(annotation, "values")
    assert serde is not None
    assert serde.deserialize("t", serde.serialize("t", value)) == value


@pytest.mark.parametrize("annotation", [str | None, Annotated[str | None, "x"]], ids=str)
def test_optional_type_is_the_type_itself(annotation: Any) -> None:
    """None is no value in Kafka, and never reaches a serde."""
    serde = serde_of_annotation(annotation, "values")
    assert serde is not None
    assert serde.serialize("t", "text") == b"text"


@pytest.mark.parametrize("annotation", [Any, object, T], ids=str)
def test_open_type_says_nothing(annotation: Any) -> None:
    assert serde_of_annotation(annotation, "values") is None


@pytest.mark.parametrize("annotation", [Plain, Holder, list[Plain], dict[str, Plain]], ids=str)
def test_class_that_nothing_can_read_is_named(annotation: Any) -> None:
    with pytest.raises(sk.ConfigError, match=r"the values of x: Plain is neither a scalar"):
        serde_of_annotation(annotation, "values of x")


def test_union_that_json_cant_tell_apart_is_refused() -> None:
    with pytest.raises(sk.ConfigError, match=r"more than one dict-like type"):
        serde_of_annotation(Order | Row, "values")


def test_stream_is_read_as_the_function_is_annotated() -> None:
    app = sk.App("annotated")

    @app.stream("orders")
    def totals(orders: sk.KStream[str, Order]) -> None:
        counts = orders.group_by(lambda _, order: order.item, key=str).count(store="counts")
        counts.map_values_with_key(Total, value=Total).to_stream().to("totals")

    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_raw("orders", b"k", b'{"item":"tea","at":"2026-01-01T12:00:00Z"}', 1, ())
        (total,) = driver.read_all("totals", key=str, value=Total)
    assert (total.key, total.value) == ("tea", Total("tea", 1))


def test_table_is_read_and_kept_as_the_function_is_annotated() -> None:
    app = sk.App("annotated")

    @app.table("orders", store="orders")
    def items(orders: sk.KTable[UUID, Order | None]) -> None:
        orders.map_values(lambda order: order.item if order else "", value=str).to_stream().to(
            "out"
        )

    key = UUID(int=5)
    with TopologyTestDriver(app, backend="memory") as driver:
        raw_key = b'"%s"' % str(key).encode()
        driver.pipe_raw("orders", raw_key, b'{"item":"tea","at":"2026-01-01T12:00:00Z"}', 1, ())
        assert driver.store("orders").get(key)[0] == Order("tea", NOON)
        assert driver.read_all("out", value=str)[0].value == "tea"


def test_local_classes_count_too() -> None:
    """Annotations are texts here, and the class is known only where the function is."""

    @dataclass
    class Local:
        n: int

    app = sk.App("annotated")

    @app.stream("in")
    def plus(numbers: sk.KStream[str, Local]) -> None:
        numbers.map_values(lambda local: local.n + 1, value=int).to("out")

    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_raw("in", b"k", b'{"n":4}', 1, ())
        assert driver.read_all("out", key=str, value=int)[0].value == 5


def test_agent_reads_records_and_writes_what_its_context_says() -> None:
    app = sk.App("annotated")

    @app.agent("orders", to="lengths")
    def lengths(record: sk.Record[str, Order], context: sk.ProcessorContext[str, int]) -> None:
        context.forward(sk.Record(record.key, len(record.value.item), record.timestamp_ms))

    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_raw("orders", b"k", b'{"item":"tea","at":"2026-01-01T12:00:00Z"}', 1, ())
        assert driver.read_all("lengths", key=str, value=int)[0].value == 3


def test_topic_with_serdes_counts_more_than_annotations() -> None:
    app = sk.App("annotated")
    numbers: Any = app.topic("in", key=str, value=str)

    @app.stream(numbers)
    def same(numbers: sk.KStream[str, int]) -> None:
        numbers.to("out")

    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_raw("in", b"k", b"text", 1, ())
        assert driver.read_all("out", key=str, value=str)[0].value == "text"


def test_two_functions_may_say_the_same() -> None:
    app = sk.App("annotated")

    @app.stream("in")
    def one(orders: sk.KStream[str, Order]) -> None:
        orders.to("one")

    @app.stream("in")
    def two(orders: sk.KStream[str, Order]) -> None:
        orders.to("two")

    assert str(app.topology().describe()).count("Source:") == 1


def test_another_type_than_before_is_refused() -> None:
    app = sk.App("annotated")

    @app.stream("in")
    def one(orders: sk.KStream[str, Order]) -> None:
        orders.to("one")

    with pytest.raises(
        sk.ConfigError, match=r"as str and json\[Order\] before, and as str and int"
    ):

        @app.stream("in")
        def two(orders: sk.KStream[str, int]) -> None:
            orders.to("two")


def test_unannotated_functions_get_the_apps_serdes() -> None:
    app = sk.App("annotated", default_key=str, default_value=str)
    app.stream("in")(lambda words: words.to("out"))

    @app.table("t")
    def changes(table: Any) -> None:
        table.to_stream().to("changes")

    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_raw("in", b"k", b"text", 1, ())
        assert driver.read_all("out", key=str, value=str)[0].value == "text"


def test_wrong_kind_of_argument_is_refused() -> None:
    app = sk.App("annotated")
    stream: Any = app.stream("in")

    def wrong(table: sk.KTable[str, int]) -> None:
        table.to_stream()

    with pytest.raises(sk.ConfigError, match=r"wrong gets a KStream as its argument 'table'"):
        stream(wrong)


def test_class_without_serde_names_function_and_argument() -> None:
    app = sk.App("annotated")
    with pytest.raises(sk.ConfigError, match=r"values of 'plain' of .*unreadable"):

        @app.stream("in")
        def unreadable(plain: sk.KStream[str, Plain]) -> None:
            plain.to("out")


def test_name_that_isnt_there_is_told() -> None:
    app = sk.App("annotated")
    with pytest.raises(
        sk.ConfigError, match=r"can't read the annotations of .*early: name 'Missing'"
    ):

        @app.stream("in")
        def early(orders: sk.KStream[str, Missing]) -> None:  # type: ignore[name-defined]  # noqa: F821
            orders.to("out")
