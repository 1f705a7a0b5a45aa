"""Cases of sliding and session windows, emission on window close, and cogrouped streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import (
    HoppingWindows,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    TumblingWindows,
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


def hashed(_key: str, value: object, aggregate: Trace) -> Trace:
    return {"n": aggregate["n"] + 1, "vals": f"{aggregate['vals']}#{text(value)};"}


def merged(_key: str, one: Trace, other: Trace) -> Trace:
    return {"n": one["n"] + other["n"], "vals": one["vals"] + other["vals"]}


def windowed(builder: StreamsBuilder, params: Params) -> Any:
    """The stream by the windows that the parameters describe, emitting as they say."""
    windows: Any
    if "gap_ms" in params:
        windows = SessionWindows(params["gap_ms"], grace=params["grace_ms"])
    elif "time_difference_ms" in params:
        windows = SlidingWindows(params["time_difference_ms"], grace=params["grace_ms"])
    elif "advance_ms" in params:
        windows = HoppingWindows(
            params["size_ms"], advance=params["advance_ms"], grace=params["grace_ms"]
        )
    else:
        windows = TumblingWindows(params["size_ms"], grace=params["grace_ms"])
    stream: Any = builder.stream("in", key=str, value=str).group_by_key().windowed_by(windows)
    if "emit_interval_ms" in params:
        return stream.emit_on_close(every=params["emit_interval_ms"])
    return stream


def store(params: Params) -> dict[str, Any]:
    retention = {} if params.get("retention_is_default") else {"retention": params["retention_ms"]}
    return {"store": "win", **retention}


def counted(builder: StreamsBuilder, params: Params) -> None:
    windowed(builder, params).count(**store(params)).to_stream().to("out")


def reduced(builder: StreamsBuilder, params: Params) -> None:
    table = windowed(builder, params).reduce(
        lambda a, b: f"{text(a)},{text(b)}", value=str, **store(params)
    )
    table.to_stream().to("out")


def traced(builder: StreamsBuilder, params: Params) -> None:
    functions = (empty, trace, merged) if "gap_ms" in params else (empty, trace)
    table = windowed(builder, params).aggregate(*functions, value=dict, **store(params))
    table.to_stream().to("out")


sliding_count_no_grace = counted
sliding_count_grace = counted
sliding_reduce_grace = reduced
sliding_reduce_no_grace = reduced
sliding_aggregate_no_grace = traced
sliding_edge = traced
session_count_no_grace = counted
session_count_grace = counted
session_count_default_retention = counted
session_reduce_grace = reduced
session_aggregate_no_grace = traced
session_edge = traced
emit_close_tumbling_count = counted
emit_close_tumbling_throttled = counted
emit_close_sliding_count = counted
emit_close_session_count = counted
emit_close_edge = traced
emit_close_hopping_aggregate = traced
emit_close_sliding_aggregate = traced
emit_close_session_aggregate = traced


def cogrouped(builder: StreamsBuilder) -> Any:
    x = builder.stream("x", key=str, value=str).group_by_key()
    y = builder.stream("y", key=str, value=int).group_by_key()
    return x.cogroup(trace).cogroup(y, hashed)


def cogroup_plain(builder: StreamsBuilder, _params: Params) -> None:
    table = cogrouped(builder).aggregate(empty, value=dict, store="agg")
    table.to_stream().to("out")


def cogroup_tumbling(builder: StreamsBuilder, params: Params) -> None:
    windows = TumblingWindows(params["size_ms"], grace=params["grace_ms"])
    table = (
        cogrouped(builder)
        .windowed_by(windows)
        .aggregate(empty, value=dict, store="agg", retention=params["retention_ms"])
    )
    table.to_stream().to("out")


def cogroup_session(builder: StreamsBuilder, params: Params) -> None:
    windows = SessionWindows(params["gap_ms"], grace=params["grace_ms"])
    table = (
        cogrouped(builder)
        .windowed_by(windows)
        .aggregate(empty, merged, value=dict, store="agg", retention=params["retention_ms"])
    )
    table.to_stream().to("out")
