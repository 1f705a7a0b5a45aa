"""Cases of joins of two streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import JoinWindows, KStream, StreamsBuilder

Params = Mapping[str, Any]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def plus(left: object, right: object) -> str:
    return f"{text(left)}+{text(right)}"


def streams(builder: StreamsBuilder) -> tuple[KStream[str, str], KStream[str, str]]:
    return (
        builder.stream("left", key=str, value=str),
        builder.stream("right", key=str, value=str),
    )


def windows(params: Params) -> JoinWindows:
    return JoinWindows(
        before=params["before_ms"], after=params["after_ms"], grace=params["grace_ms"]
    )


def inner(builder: StreamsBuilder, params: Params) -> None:
    left, right = streams(builder)
    left.join(right, plus, windows=windows(params), value=str).to("out")


def left_join(builder: StreamsBuilder, params: Params) -> None:
    left, right = streams(builder)
    every = params["emit_interval_ms"]
    left.left_join(right, plus, windows=windows(params), value=str, every=every).to("out")


def outer(builder: StreamsBuilder, params: Params) -> None:
    left, right = streams(builder)
    every = params["emit_interval_ms"]
    left.outer_join(right, plus, windows=windows(params), value=str, every=every).to("out")


stream_join_inner_no_grace = inner
stream_join_inner_grace = inner
stream_join_inner_before_after = inner
stream_join_inner_edge = inner
stream_join_inner_before_only = inner
stream_join_inner_same_time = inner
stream_join_left_no_grace = left_join
stream_join_left_grace = left_join
stream_join_left_edge = left_join
stream_join_left_after_before = left_join
stream_join_outer_no_grace = outer
stream_join_outer_grace = outer
stream_join_outer_before_after = outer
stream_join_outer_edge = outer
stream_join_outer_throttled = outer


def multi_stage_clicks_views(builder: StreamsBuilder, params: Params) -> None:
    clicks = builder.stream("clicks", key=str, value=str)
    views = builder.stream("views", key=str, value=str)
    pairs = clicks.join(views, plus, windows=windows(params), value=str)
    pairs.to("pairs")
    counts = (
        pairs.filter(lambda _, pair: pair.split("+")[0] == pair.split("+")[1])
        .group_by(lambda _, pair: pair.split("+")[0], key=str, name="g")
        .count(store="per-page")
    )
    counts.to_stream().to("counts")
