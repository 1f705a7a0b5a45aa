"""Cases of joins of two tables by a foreign key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import KTable, StreamsBuilder

Params = Mapping[str, Any]
Order = dict[str, Any]


def customer(order: Order) -> str | None:
    return None if order["amt"] % 5 == 0 else str(order["cust"])


def described(order: Order, name: str | None) -> str:
    return f"{order['id']}+{'null' if name is None else name}"


def tables(builder: StreamsBuilder) -> tuple[KTable[str, Order], KTable[str, str]]:
    return (
        builder.table("orders", key=str, value=dict[str, Any], store="orders-store"),
        builder.table("customers", key=str, value=str, store="customers-store"),
    )


def foreign_key_inner(builder: StreamsBuilder, _params: Params) -> None:
    orders, customers = tables(builder)
    joined = orders.join(customers, described, foreign_key=customer, value=str, store="joined")
    joined.to_stream().to("out")


foreign_key_inner_edge = foreign_key_inner


def foreign_key_left(builder: StreamsBuilder, _params: Params) -> None:
    orders, customers = tables(builder)
    joined = orders.left_join(customers, described, foreign_key=customer, value=str, store="joined")
    joined.to_stream().to("out")


foreign_key_left_edge = foreign_key_left
