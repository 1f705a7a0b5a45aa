"""Cases of aggregations, tables, and joins of a stream with a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from streamkit.dsl import StreamsBuilder

Params = Mapping[str, Any]
Order = dict[str, Any]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def plus(left: object, right: object) -> str:
    return f"{text(left)}+{text(right)}"


def customer(_key: str | None, order: Order | None) -> Any:
    """The key that regroups orders."""
    return None if order is None or order["amt"] % 7 == 0 else order["cust"]


# -- aggregate, word_count ---------------------------------------------------------------------------


def group_by_key_count(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=str).group_by_key().count(store="counts").to_stream().to(
        "out"
    )


def group_by_count(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=dict).group_by(customer, key=str, name="g").count(
        store="counts"
    ).to_stream().to("out")


def group_by_key_reduce(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=int).group_by_key().reduce(
        lambda a, b: a + b, store="sums"
    ).to_stream().to("out")


def group_by_reduce(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=int).group_by(
        lambda _, value: "none" if value is None else f"m{value % 3}", key=str, name="g"
    ).reduce(lambda a, b: a + b, store="sums").to_stream().to("out")


def trace(_key: str, value: Any, aggregate: dict[str, Any]) -> dict[str, Any]:
    return {"n": aggregate["n"] + 1, "vals": f"{aggregate['vals']}{text(value)};"}


def no_trace() -> dict[str, Any]:
    return {"n": 0, "vals": ""}


def group_by_key_aggregate(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=str).group_by_key().aggregate(
        no_trace, trace, store="traces", value=dict
    ).to_stream().to("out")


aggregate_timestamps_edge = group_by_key_aggregate


def aggregate_returning_null(builder: StreamsBuilder, params: Params) -> None:
    def add(_key: str, value: int, aggregate: int) -> Any:
        return None if value == 0 or aggregate + value < 100 else aggregate + value

    builder.stream("in", key=str, value=int).group_by_key().aggregate(
        lambda: 100, add, store="sums", value=int
    ).to_stream().to("out")


def word_count_sentences(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("lines", key=str, value=str).flat_map_values(
        lambda line: re.findall(r"[a-z0-9]+", (line or "").lower()), value=str
    ).group_by(lambda _, word: word, key=str, name="by-word").count(store="words").to_stream().to(
        "counts"
    )


# -- table, to_table ---------------------------------------------------------------------------------


def table_source_unmaterialized(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int).to_stream().to("out")


def table_source_materialized(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int, store="source").to_stream().to("out")


def table_filter(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int).filter(lambda _, value: value >= 15).to_stream().to(
        "out"
    )


def table_filter_materialized(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int).filter(
        lambda _, value: value >= 15, store="kept"
    ).to_stream().to("out")


def table_filter_not(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int).filter_not(lambda _, value: value < 15).to_stream().to(
        "out"
    )


def table_map_values(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int).map_values_with_key(
        lambda key, value: f"{key}={text(value)}", value=str
    ).to_stream().to("out")


def table_map_values_materialized(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int).map_values_with_key(
        lambda key, value: f"{key}={text(value)}", value=str, store="mapped"
    ).to_stream().to("out")


def table_to_stream_with_mapper(builder: StreamsBuilder, params: Params) -> None:
    builder.table("t", key=str, value=int, store="source").to_stream(
        lambda key, value: f"gone-{key}" if value is None else f"{key}{value % 2}", key=str
    ).to("out")


def stream_to_table(builder: StreamsBuilder, params: Params) -> None:
    def at_least_8(value: int | None) -> Any:
        return None if value is None or value < 8 else value

    builder.stream("in", key=str, value=int).map_values(at_least_8, value=int).to_table(
        store="latest"
    ).to_stream().to("out")


# -- table_group -------------------------------------------------------------------------------------


def grouped_orders(builder: StreamsBuilder) -> Any:
    return builder.table("t", key=str, value=dict, store="orders").group_by(
        lambda _, order: (order["cust"], order["amt"]), key=str, value=int, name="g"
    )


def table_group_aggregate(builder: StreamsBuilder, params: Params) -> None:
    grouped_orders(builder).aggregate(
        lambda: "",
        lambda _, value, aggregate: f"{aggregate}+{value}",
        lambda _, value, aggregate: f"{aggregate}-{value}",
        store="logs",
        value=str,
    ).to_stream().to("out")


table_group_edge = table_group_aggregate


def table_group_sum_store(builder: StreamsBuilder, params: Params) -> None:
    grouped_orders(builder).aggregate(
        lambda: 0,
        lambda _, value, aggregate: aggregate + value,
        lambda _, value, aggregate: None if aggregate == value else aggregate - value,
        store="sums",
        value=int,
    ).to_stream().to("out")


def table_group_count(builder: StreamsBuilder, params: Params) -> None:
    grouped_orders(builder).count(store="counts").to_stream().to("out")


def table_group_reduce(builder: StreamsBuilder, params: Params) -> None:
    grouped_orders(builder).reduce(
        lambda aggregate, value: aggregate + value,
        lambda aggregate, value: aggregate - value,
        store="sums",
    ).to_stream().to("out")


# -- stream_table, global_table, diamond -------------------------------------------------------------


def stream_table_inner(builder: StreamsBuilder, params: Params) -> None:
    table = builder.table("t", key=str, value=str, store="table")
    builder.stream("s", key=str, value=str).join(table, plus, value=str).to("out")


def stream_table_left(builder: StreamsBuilder, params: Params) -> None:
    table = builder.table("t", key=str, value=str, store="table")
    builder.stream("s", key=str, value=str).left_join(table, plus, value=str).to("out")


def stream_table_rekeyed(builder: StreamsBuilder, params: Params) -> None:
    table = builder.table("t", key=str, value=str, store="table")

    def key_of(_key: str | None, order: Order | None) -> Any:
        return None if order is None or order["amt"] % 5 == 0 else order["cust"]

    builder.stream("s", key=str, value=dict).select_key(key_of, key=str).left_join(
        table,
        lambda key, order, row: f"{text(key)}:{plus(order and order['id'], row)}",
        with_key=True,
        value=str,
    ).to("out")


def _global_join(builder: StreamsBuilder, join: str) -> None:
    table = builder.global_table("g", key=str, value=str, store="global")
    stream: Any = builder.stream("s", key=str, value=dict)
    method: Callable[..., Any] = getattr(stream, join)
    method(
        table, key=customer, joiner=lambda order, row: plus(order and order["id"], row), value=str
    ).to("out")


def global_table_inner(builder: StreamsBuilder, params: Params) -> None:
    _global_join(builder, "join_global")


def global_table_left(builder: StreamsBuilder, params: Params) -> None:
    _global_join(builder, "left_join_global")


def diamond_table_then_stream(builder: StreamsBuilder, params: Params) -> None:
    stream = builder.stream("in", key=str, value=int)
    table = stream.to_table(store="latest")
    stream.filter(lambda _, value: value is not None).left_join(table, plus, value=str).to("out")


def diamond_stream_then_table(builder: StreamsBuilder, params: Params) -> None:
    stream = builder.stream("in", key=str, value=int)
    early = stream.filter(lambda _, value: value is not None)
    table = stream.to_table(store="latest")
    early.left_join(table, plus, value=str).to("out")


def diamond_count(builder: StreamsBuilder, params: Params) -> None:
    stream = builder.stream("in", key=str, value=int)
    counts = (
        stream.filter(lambda _, value: value is not None and value > 10)
        .group_by_key()
        .count(store="counts")
    )
    stream.join(counts, plus, value=str).to("out")
