"""Cases of suppressed tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import (
    HoppingWindows,
    KTable,
    SessionWindows,
    StreamsBuilder,
    TumblingWindows,
    UntilTimeLimit,
    UntilWindowCloses,
)

Params = Mapping[str, Any]
Trace = dict[str, Any]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def empty() -> Trace:
    return {"n": 0, "vals": ""}


def trace(_key: str, value: object, aggregate: Trace) -> Trace:
    return {"n": aggregate["n"] + 1, "vals": f"{aggregate['vals']}{text(value)};"}


def merged(_key: str, one: Trace, other: Trace) -> Trace:
    return {"n": one["n"] + other["n"], "vals": one["vals"] + other["vals"]}


def windowed(builder: StreamsBuilder, params: Params) -> Any:
    windows: Any
    if "gap_ms" in params:
        windows = SessionWindows(params["gap_ms"], grace=params["grace_ms"])
    elif "advance_ms" in params:
        windows = HoppingWindows(
            params["size_ms"], advance=params["advance_ms"], grace=params["grace_ms"]
        )
    else:
        windows = TumblingWindows(params["size_ms"], grace=params["grace_ms"])
    return builder.stream("in", key=str, value=str).group_by_key().windowed_by(windows)


def counted(builder: StreamsBuilder, params: Params) -> None:
    counts = windowed(builder, params).count(store="win", retention=params["retention_ms"])
    counts.suppress(UntilWindowCloses()).to_stream().to("out")


def traced(builder: StreamsBuilder, params: Params) -> None:
    functions = (empty, trace, merged) if "gap_ms" in params else (empty, trace)
    table = windowed(builder, params).aggregate(
        *functions, value=dict, store="win", retention=params["retention_ms"]
    )
    table.suppress(UntilWindowCloses()).to_stream().to("out")


suppress_close_tumbling_count = counted
suppress_close_hopping_count = counted
suppress_close_tumbling_aggregate = traced
suppress_close_session_aggregate = traced
suppress_close_edge = traced


def suppress_time_limit_windowed(builder: StreamsBuilder, params: Params) -> None:
    counts = windowed(builder, params).count(store="win", retention=params["retention_ms"])
    counts.suppress(UntilTimeLimit(params["limit_ms"])).to_stream().to("out")


def suppress_time_limit_count(builder: StreamsBuilder, params: Params) -> None:
    counts = builder.stream("in", key=str, value=str).group_by_key().count(store="counts")
    until = UntilTimeLimit(params["limit_ms"], max_records=params.get("max_records"))
    counts.suppress(until).to_stream().to("out")


suppress_time_limit_max_records = suppress_time_limit_count


def suppress_time_limit_table(builder: StreamsBuilder, params: Params) -> None:
    table: KTable[str, str] = builder.table("t", key=str, value=str, store="source")
    limited = table.suppress(UntilTimeLimit(params["limit_ms"]))
    limited.map_values(lambda value: f"<{value}>", value=str).to_stream().to("out")


suppress_time_limit_edge = suppress_time_limit_table
