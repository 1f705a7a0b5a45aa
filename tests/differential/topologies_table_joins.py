"""Cases of joins of two tables by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import KTable, StreamsBuilder

Params = Mapping[str, Any]
Tables = tuple[KTable[str, str], KTable[str, str]]


def text(value: object) -> str:
    """str(v) of the vectors: null is 'null'."""
    return "null" if value is None else str(value)


def plus(left: object, right: object) -> str:
    return f"{text(left)}+{text(right)}"


def tables(builder: StreamsBuilder) -> Tables:
    return (
        builder.table("left", key=str, value=str, store="lefts"),
        builder.table("right", key=str, value=str, store="rights"),
    )


def table_table_inner(builder: StreamsBuilder, _params: Params) -> None:
    left, right = tables(builder)
    left.join(right, plus, value=str, store="joined").to_stream().to("out")


table_table_inner_two_keys = table_table_inner


def table_table_left(builder: StreamsBuilder, _params: Params) -> None:
    left, right = tables(builder)
    left.left_join(right, plus, value=str, store="joined").to_stream().to("out")


table_table_left_edge = table_table_left


def table_table_outer(builder: StreamsBuilder, _params: Params) -> None:
    left, right = tables(builder)
    left.outer_join(right, plus, value=str, store="joined").to_stream().to("out")


table_table_outer_edge = table_table_outer
