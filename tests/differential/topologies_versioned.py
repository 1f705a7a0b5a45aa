"""Cases of versioned tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import KTable, StreamsBuilder

Params = Mapping[str, Any]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def plus(left: object, right: object) -> str:
    return f"{text(left)}+{text(right)}"


def table(builder: StreamsBuilder, topic: str, store: str, params: Params) -> KTable[str, str]:
    history = params["history_retention_ms"]
    return builder.table(topic, key=str, value=str, store=store, history=history)


def versioned_table(builder: StreamsBuilder, params: Params) -> None:
    table(builder, "t", "hist", params).to_stream().to("out")


versioned_table_edge = versioned_table
versioned_table_short_history = versioned_table


def versioned_table_group_sum(builder: StreamsBuilder, params: Params) -> None:
    history = params["history_retention_ms"]
    orders = builder.table("t", key=str, value=dict, store="hist", history=history)
    orders.filter(lambda _, order: order["amt"] > 5).to_stream().to("changes")
    sums = orders.group_by(
        lambda _, order: (order["cust"], order["amt"]), key=str, value=int, name="g"
    ).aggregate(
        lambda: 0,
        lambda _, amount, total: total + amount,
        lambda _, amount, total: total - amount,
        value=int,
        store="sums",
    )
    sums.to_stream().to("out")


def table_table_versioned_inner(builder: StreamsBuilder, params: Params) -> None:
    left = table(builder, "left", "lefts", params)
    right = table(builder, "right", "rights", params)
    left.join(right, plus, value=str, store="joined").to_stream().to("out")


def stream_versioned_table_inner(builder: StreamsBuilder, params: Params) -> None:
    rows = table(builder, "t", "table", params)
    builder.stream("s", key=str, value=str).join(rows, plus, value=str).to("out")


def stream_versioned_table_grace_inner(builder: StreamsBuilder, params: Params) -> None:
    rows = table(builder, "t", "table", params)
    stream = builder.stream("s", key=str, value=str)
    stream.join(rows, plus, value=str, grace=params["grace_ms"]).to("out")


stream_versioned_table_grace_inner_short = stream_versioned_table_grace_inner


def stream_versioned_table_grace_edge(builder: StreamsBuilder, params: Params) -> None:
    rows = table(builder, "t", "table", params)
    stream = builder.stream("s", key=str, value=str)
    stream.left_join(rows, plus, value=str, grace=params["grace_ms"]).to("out")
