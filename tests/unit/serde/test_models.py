"""Pydantic's models, the real ones, as keys and values."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

import streamkit as sk
from streamkit.dsl.annotations import serde_of_annotation
from streamkit.testing import TopologyTestDriver

T = TypeVar("T")


class Line(BaseModel):
    item: str
    cents: int = Field(ge=0)


class Order(BaseModel):
    model_config = ConfigDict(frozen=True)

    customer: str
    lines: list[Line]
    at: datetime
    total: Decimal = Decimal(0)
    note: str | None = None


class Renamed(BaseModel):
    """On the wire its field has another name."""

    item: str = Field(alias="itemName")


class Page(BaseModel, Generic[T]):
    rows: list[T]


class Tags(RootModel[list[str]]):
    pass


class Paid(BaseModel):
    kind: Literal["paid"] = "paid"
    cents: int


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("odd")
        return number


ORDER = Order(
    customer="ann",
    lines=[Line(item="tea", cents=250)],
    at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    total=Decimal("2.50"),
)


@pytest.mark.parametrize(
    "value",
    [
        ORDER,
        Renamed(itemName="tea"),
        Page[Line](rows=[Line(item="ale", cents=4)]),
        Tags(["a", "b"]),
        Paid(cents=3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_model_comes_back_equal(value: BaseModel) -> None:
    serde = sk.serde_for(type(value))
    assert serde.deserialize("t", serde.serialize("t", value)) == value


def test_alias_is_the_name_on_the_wire() -> None:
    serde = sk.serde_for(Renamed)
    assert serde.serialize("t", Renamed(itemName="tea")) == b'{"itemName":"tea"}'
    assert serde.deserialize("t", b'{"itemName": "ale"}').item == "ale"


def test_equal_models_give_equal_bytes() -> None:
    """As keys they land in one partition, whatever the order in which their fields were given."""
    serde = sk.serde_for(Line)
    one = Line(item="tea", cents=1)
    other = Line.model_validate({"cents": 1, "item": "tea"})
    assert serde.serialize("t", one) == serde.serialize("t", other)


def test_value_of_another_type_is_refused() -> None:
    with pytest.raises(sk.SerdeError, match=r"can't write a value of type str.*takes Order"):
        sk.serde_for(Order).serialize("t", "a")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "Invalid JSON"),
        (b'{"item": "tea", "cents": -1}', "cents"),
        (b'{"item": "tea"}', "cents"),
        (b"\xff", "Invalid JSON"),
    ],
)
def test_bytes_that_are_no_such_model_name_the_field(data: bytes, reason: str) -> None:
    with pytest.raises(sk.SerdeError, match=rf"(?s)expects JSON of Line.*{reason}"):
        sk.serde_for(Line).deserialize("t", data)


def test_validator_of_the_model_decides() -> None:
    with pytest.raises(sk.SerdeError, match="odd"):
        sk.serde_for(Even).deserialize("t", b'{"number": 3}')


def test_serde_crosses_processes() -> None:
    serde = pickle.loads(pickle.dumps(sk.serde_for(Order)))
    assert serde.deserialize("t", serde.serialize("t", ORDER)) == ORDER


def test_annotation_may_leave_out_none() -> None:
    serde = serde_of_annotation(Order | None, "values")
    assert serde is not None
    assert serde.name == "model[Order]"


def test_models_in_a_collection_are_refused_where_they_are_named() -> None:
    with pytest.raises(sk.ConfigError, match=r"Line is neither .* RootModel"):
        sk.serde_for(list[Line])


def test_models_go_through_a_program() -> None:
    app = sk.App("models")

    @app.stream("orders")
    def totals(orders: sk.KStream[str, Order]) -> None:
        by_customer = orders.group_by(lambda _, order: order.customer, key=str)
        sums = by_customer.aggregate(
            lambda: Paid(cents=0),
            lambda _, order, so_far: Paid(
                cents=so_far.cents + sum(line.cents for line in order.lines)
            ),
            value=Paid,
            store="totals",
        )
        sums.to_stream().to("totals")

    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_input("orders", "1", ORDER, timestamp_ms=0)
        driver.pipe_input("orders", "2", ORDER, timestamp_ms=1)
        assert [record.value for record in driver.read_all("totals")] == [
            Paid(cents=250),
            Paid(cents=500),
        ]
