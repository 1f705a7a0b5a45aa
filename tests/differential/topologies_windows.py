"""Cases of windowed aggregations, and of several stages with windows in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import HoppingWindows, StreamsBuilder, TumblingWindows

Params = Mapping[str, Any]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def windows(params: Params) -> TumblingWindows | HoppingWindows:
    if "advance_ms" in params:
        return HoppingWindows(
            params["size_ms"], advance=params["advance_ms"], grace=params["grace_ms"]
        )
    return TumblingWindows(params["size_ms"], grace=params["grace_ms"])


def retention(params: Params) -> dict[str, Any]:
    """Nothing where the case relies on the default."""
    return {} if params.get("retention_is_default") else {"retention": params["retention_ms"]}


def windowed(builder: StreamsBuilder, params: Params) -> Any:
    return builder.stream("in", key=str, value=str).group_by_key().windowed_by(windows(params))


def tumbling_count_no_grace(builder: StreamsBuilder, params: Params) -> None:
    windowed(builder, params).count(store="win", **retention(params)).to_stream().to("out")


tumbling_count_grace = tumbling_count_no_grace
tumbling_count_big_grace = tumbling_count_no_grace
tumbling_default_retention = tumbling_count_no_grace
hopping_count_no_grace = tumbling_count_no_grace
hopping_count_grace = tumbling_count_no_grace


def tumbling_reduce_grace(builder: StreamsBuilder, params: Params) -> None:
    windowed(builder, params).reduce(
        lambda a, b: f"{text(a)},{text(b)}", store="win", **retention(params)
    ).to_stream().to("out")


hopping_reduce_grace = tumbling_reduce_grace


def tumbling_aggregate_no_grace(builder: StreamsBuilder, params: Params) -> None:
    windowed(builder, params).aggregate(
        lambda: {"n": 0, "vals": ""},
        lambda _, value, aggregate: {
            "n": aggregate["n"] + 1,
            "vals": f"{aggregate['vals']}{text(value)};",
        },
        store="win",
        value=dict,
        **retention(params),
    ).to_stream().to("out")


tumbling_edge = tumbling_aggregate_no_grace
hopping_aggregate_no_grace = tumbling_aggregate_no_grace
hopping_edge = tumbling_aggregate_no_grace


def multi_stage_order_totals(builder: StreamsBuilder, params: Params) -> None:
    names = builder.table("customers", key=str, value=str, store="names")
    builder.stream("orders", key=str, value=dict).filter(
        lambda _, order: order is not None
    ).select_key(lambda _, order: order["cust"], key=str).map_values(
        lambda order: order["amt"], value=int
    ).repartition(name="by-cust", key=str, value=int).group_by_key().windowed_by(
        windows(params)
    ).reduce(lambda a, b: a + b, store="totals", **retention(params)).to_stream().map(
        lambda key, total: (key.key, f"{key.start_ms}:{text(total)}"), key=str, value=str
    ).left_join(names, lambda total, name: f"{total}+{text(name)}", value=str).to("out")


def above(total: int, limit: int) -> Any:
    return None if total <= limit else f"{total}>{limit}"


def multi_stage_pipeline_300(builder: StreamsBuilder, params: Params) -> None:
    limits = builder.table("limits", key=str, value=int, store="limit")
    sums = (
        builder.stream("in", key=str, value=dict)
        .filter(lambda _, order: order is not None)
        .group_by(lambda _, order: order["cust"], key=str, name="g")
        .windowed_by(windows(params))
        .aggregate(
            lambda: 0,
            lambda _, order, aggregate: aggregate + order["amt"],
            store="win",
            value=int,
            **retention(params),
        )
        .to_stream()
    )
    sums.to("sums")
    sums.map(lambda key, total: (key.key, total), key=str, value=int).join(
        limits,
        above,
        value=str,
    ).filter(lambda _, value: value is not None).to("alerts")
