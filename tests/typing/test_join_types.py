"""Types of joins: of streams, of tables by key, of global tables with keys; see test_dsl_types.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from streamkit import JoinWindows, KStream, KTable, StreamsBuilder


@dataclass
class Order:
    id: int
    customer: str


@dataclass
class Payment:
    order: int
    cents: int


def test_joins_of_streams() -> None:
    b = StreamsBuilder()
    orders = b.stream("orders", key=int, value=Order)
    paid = b.stream("paid", key=int, value=Payment)
    windows = JoinWindows(10)
    both = orders.join(paid, lambda order, payment: (order, payment.cents), windows=windows)
    assert_type(both, KStream[int, tuple[Order, int]])
    assert_type(
        orders.join(
            paid,
            lambda number, order, payment: (number, order, payment),
            windows=windows,
            with_key=True,
        ),
        KStream[int, tuple[int, Order, Payment]],
    )
    assert_type(
        orders.left_join(
            paid, lambda order, payment: (order.id, payment), name="left", windows=windows
        ),
        KStream[int, tuple[int, Payment | None]],
    )
    assert_type(
        orders.left_join(
            paid,
            lambda number, order, payment: (number, order, payment),
            windows=windows,
            with_key=True,
        ),
        KStream[int, tuple[int, Order, Payment | None]],
    )
    assert_type(
        orders.outer_join(paid, lambda order, payment: (order, payment), windows=windows),
        KStream[int, tuple[Order | None, Payment | None]],
    )
    assert_type(
        orders.outer_join(
            paid,
            lambda number, order, payment: (number, order, payment),
            windows=windows,
            with_key=True,
        ),
        KStream[int, tuple[int, Order | None, Payment | None]],
    )
    assert_type(both.late_records(orders), KStream[int, Order])
    assert_type(both.late_records(paid, name="late"), KStream[int, Payment])
    assert_type(both.late_records("left", name="also-late"), KStream[int, Any])


def test_joins_of_tables_by_key() -> None:
    b = StreamsBuilder()
    orders = b.table("orders", key=int, value=Order, store="orders")
    paid = b.table("paid", key=int, value=Payment, store="paid")
    assert_type(
        orders.join(paid, lambda order, payment: (order.customer, payment.cents)),
        KTable[int, tuple[str, int]],
    )
    assert_type(
        orders.left_join(paid, lambda order, payment: (order, payment), store="left"),
        KTable[int, tuple[Order, Payment | None]],
    )
    assert_type(
        orders.outer_join(paid, lambda order, payment: (order, payment)),
        KTable[int, tuple[Order | None, Payment | None]],
    )


def test_joins_with_tables_see_the_key() -> None:
    b = StreamsBuilder()
    orders = b.stream("orders", key=int, value=Order)
    names = b.table("names", key=int, value=str, store="names", history=1000)
    codes = b.global_table("codes", key=str, value=bytes)
    assert_type(
        orders.left_join(names, lambda number, _, name: (number, name), with_key=True, grace=5),
        KStream[int, tuple[int, str | None]],
    )
    assert_type(
        orders.join_global(
            codes,
            key=lambda _, order: order.customer,
            joiner=lambda number, order, code: (number, order.customer, code),
            with_key=True,
        ),
        KStream[int, tuple[int, str, bytes]],
    )
    assert_type(
        orders.left_join_global(
            codes,
            key=lambda _, order: order.customer,
            joiner=lambda number, _, code: (number, code),
            with_key=True,
        ),
        KStream[int, tuple[int, bytes | None]],
    )
