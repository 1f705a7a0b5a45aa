"""Mistakes of a program, each refused in the line that makes it, with what to do instead."""

from __future__ import annotations

from typing import Any

import pytest

import streamkit as sk
from streamkit.dsl.functions import check_function


def program() -> Any:
    """Untyped, as the checkers would refuse the mistakes too."""
    return sk.StreamsBuilder()


def orders(builder: Any) -> Any:
    return builder.stream("orders", key=str, value=int)


def stock(builder: Any) -> Any:
    return builder.table("stock", key=str, value=int)


def names(builder: Any) -> Any:
    return builder.global_table("names", key=str, value=str)


async def later(key: str, value: int) -> bool:
    return True


WINDOWS = sk.JoinWindows(5)

JOINS = {
    "global table in join": (
        lambda b: orders(b).join(names(b), lambda v, o: v),
        "a join takes a KStream or a KTable, not GlobalKTable; for it there is join_global",
    ),
    "name of a table": (
        lambda b: orders(b).left_join("stock", lambda v, o: v),
        "a join takes a KStream or a KTable, not str",
    ),
    "no windows": (
        lambda b: orders(b).join(b.stream("paid"), lambda v, o: v),
        r"needs windows=JoinWindows",
    ),
    "windows with a table": (
        lambda b: orders(b).join(stock(b), lambda v, o: v, windows=WINDOWS),
        "windows= is for joins of two streams",
    ),
    "grace with a stream": (
        lambda b: orders(b).left_join(b.stream("paid"), lambda v, o: v, windows=WINDOWS, grace=5),
        r"grace= is for joins with a table.*JoinWindows\(…, grace=…\)",
    ),
    "stores with a table": (
        lambda b: orders(b).join(stock(b), lambda v, o: v, store="x"),
        "store is for joins of two streams",
    ),
    "table in join_global": (
        lambda b: orders(b).join_global(stock(b), key=lambda k, v: k, joiner=lambda v, o: v),
        "join_global takes a GlobalKTable, not KTable; see join",
    ),
    "key function of a global join": (
        lambda b: orders(b).join_global(names(b), key=lambda v: v, joiner=lambda v, o: v),
        r"key= of join_global calls f\(key, value\), but <lambda> \(test_refusals.py:\d+\)",
    ),
    "joiner without with_key": (
        lambda b: orders(b).join(stock(b), lambda k, v, o: v),
        r"join calls f\(value, other\), but <lambda> .*: missing a required argument: 'o'",
    ),
    "joiner of an outer join": (
        lambda b: orders(b).outer_join(
            b.stream("paid"), lambda v, o: v, windows=WINDOWS, with_key=True
        ),
        r"outer_join calls f\(key, value, other\)",
    ),
    "merge with a table": (
        lambda b: orders(b).merge(stock(b)),
        "merge takes another KStream, not KTable",
    ),
}

FUNCTIONS = {
    "too few": (
        lambda b: orders(b).filter(lambda v: v),
        r"filter calls f\(key, value\), but <lambda> \(test_refusals.py:\d+\): too many",
    ),
    "too many": (
        lambda b: orders(b).map_values(lambda k, v: v),
        r"map_values calls f\(value\), but .*: missing a required argument: 'v'",
    ),
    "none at all": (
        lambda b: orders(b).flat_map(None),
        r"flat_map takes a function f\(key, value\), not None",
    ),
    "async": (lambda b: orders(b).peek(later), r"later \(test_refusals.py:\d+\) is async"),
    "of a branch": (lambda b: orders(b).split().branch(lambda v: v), "branch calls"),
    "grouping": (lambda b: orders(b).group_by(lambda v: v), "group_by calls"),
    "processor in place of its class": (
        lambda b: orders(b).process(sk.Processor()),
        r"process takes a function f\(\), not <",
    ),
}

OTHERS = {
    "branch after the default one": (
        lambda b: (
            split := orders(b).split(name="sizes-"),
            split.default_branch(),
            split.branch(lambda k, v: True),
        ),
        "split 'sizes-' has ended",
    ),
    "second default branch": (
        lambda b: (split := orders(b).split(), split.default_branch(), split.default_branch()),
        "has ended",
    ),
}


@pytest.mark.parametrize(
    ("mistake", "message"),
    [*JOINS.values(), *FUNCTIONS.values(), *OTHERS.values()],
    ids=[*JOINS, *FUNCTIONS, *OTHERS],
)
def test_mistake_is_refused_where_it_is_made(mistake: Any, message: str) -> None:
    with pytest.raises(sk.ConfigError, match=message):
        mistake(program())


@pytest.mark.parametrize("function", [max, str.upper, dict, sk.StringSerde, lambda *all_: all_])
def test_functions_that_may_do_are_let_through(function: Any) -> None:
    """Classes, builtins that don't tell what they take, and functions that take anything."""
    if function is sk.StringSerde:
        check_function(function, "process")
    else:
        check_function(function, "map_values", "value")
