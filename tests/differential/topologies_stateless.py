"""Cases without state: map, filter, flat_map, split, merge, routing, repartition, timestamp extractors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import StreamsBuilder
from streamkit.model import RecordInfo

Params = Mapping[str, Any]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def map_basic(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=int).map(
        lambda key, value: (
            "none" if key is None else key + "!",
            None if value is None else 2 * value,
        ),
        key=str,
        value=int,
    ).to("out")


def map_values_basic(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=str).map_values(
        lambda value: "was-null" if value is None else value.upper(), value=str
    ).map_values_with_key(lambda key, value: f"{text(key)}:{value}", value=str).to("out")


map_values_nulls = map_values_basic


def flat_map_basic(builder: StreamsBuilder, params: Params) -> None:
    def copies(key: str | None, value: int | None) -> list[tuple[str, int]]:
        if value is None:
            return []
        return [(f"{text(key)}{i}", value + i) for i in range(value % 4)]

    builder.stream("in", key=str, value=int).flat_map(copies, key=str, value=int).to("out")


def flat_map_values_split(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=str).flat_map_values(
        lambda value: [] if value is None else [part for part in value.split(" ") if part],
        value=str,
    ).to("out")


def filter_and_filter_not(builder: StreamsBuilder, params: Params) -> None:
    stream = builder.stream("in", key=str, value=int)
    stream.filter(lambda _, value: value is not None and value > 10).filter_not(
        lambda _, value: value % 2 == 0
    ).to("out")
    stream.filter_not(lambda _, value: value is not None and value > 10).to("rest")


filter_narrow = filter_and_filter_not


def select_key_peek(builder: StreamsBuilder, params: Params) -> None:
    seen: list[object] = []
    builder.stream("in", key=str, value=str).peek(lambda key, _: seen.append(key)).select_key(
        lambda _, value: None if value is None else value[:1], key=str
    ).peek(lambda key, _: seen.append(key)).to("out")


def split_default_branch(builder: StreamsBuilder, params: Params) -> None:
    branches = (
        builder.stream("in", key=str, value=int)
        .split(name="by-")
        .branch(lambda _, value: value is None, name="nulls")
        .branch(lambda _, value: value > 50, name="big")
        .branch(lambda _, value: value > 10, name="mid")
        .default_branch(name="rest")
    )
    branches["by-nulls"].to("out-nulls")
    branches["by-big"].to("out-big")
    branches["by-mid"].to("out-mid")
    branches["by-rest"].map_values(lambda value: -value, value=int).to("out-rest")


def merge_two(builder: StreamsBuilder, params: Params) -> None:
    left = builder.stream("left", key=str, value=str)
    right = builder.stream("right", key=str, value=str)
    left.merge(right).map_values(lambda value: f"<{text(value)}>", value=str).to("out")


def stateless_edge_values(builder: StreamsBuilder, params: Params) -> None:
    builder.stream("in", key=str, value=str).map_values(lambda value: value, value=str).to("out")


def dynamic_routing(builder: StreamsBuilder, params: Params) -> None:
    def topic(key: str | None, value: int | None, _: RecordInfo) -> str:
        return "out-none" if key is None or value is None else f"out-{value % 3}"

    builder.stream("in", key=str, value=int).to(topic)


def dynamic_routing_by_time(builder: StreamsBuilder, params: Params) -> None:
    def topic(_key: str | None, _value: str | None, info: RecordInfo) -> str:
        half = "even" if info.timestamp_ms // 10_000 % 2 == 0 else "odd"
        return f"{info.topic}-{half}"

    builder.stream("p", key=str, value=str).merge(
        builder.stream("q", key=str, value=str)
    ).map_values(lambda value: None if value is None else f"<{value}>", value=str).to(topic)


def repartition_after_select_key(builder: StreamsBuilder, params: Params) -> None:
    def remainder(_key: str | None, value: int | None) -> Any:
        return None if value is None or value % 5 == 0 else f"r{value % 5}"

    builder.stream("in", key=str, value=int).select_key(remainder, key=str).repartition(
        name="rp", key=str, value=int
    ).map_values_with_key(lambda key, value: f"{text(key)}={text(value)}", value=str).to("out")


def timestamp_extractor(builder: StreamsBuilder, params: Params) -> None:
    def event_time(key: Any, value: Any, record_timestamp_ms: int, partition_time_ms: int) -> int:
        return partition_time_ms if value is None else int(value["et"])

    builder.stream("in", key=str, value=dict, timestamp_extractor=event_time).filter(
        lambda _key, _value: True
    ).to("out")
