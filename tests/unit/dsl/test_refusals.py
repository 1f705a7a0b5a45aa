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
        "process takes what makes a processor, once for each task: a class or a function",
    ),
}

TABLES = {
    "stream in a table's join": (
        lambda b: stock(b).join(orders(b), lambda v, o: v),
        "join of a table takes another KTable, not KStream",
    ),
    "foreign key": (
        lambda b: stock(b).left_join(stock(b), lambda v, o: v, foreign_key=lambda k, v: v),
        r"foreign_key calls f\(value\)",
    ),
    "foreign key with key": (
        lambda b: stock(b).join(stock(b), lambda v, o: v, foreign_key_with_key=lambda v: v),
        r"foreign_key_with_key calls f\(key, value\)",
    ),
    "joiner": (lambda b: stock(b).outer_join(stock(b), lambda v: v), "outer_join calls"),
    "filter": (lambda b: stock(b).filter(lambda v: v), "filter calls"),
    "map_values": (lambda b: stock(b).map_values(lambda k, v: v), "map_values calls"),
    "group_by": (lambda b: stock(b).group_by(lambda v: v), "group_by calls"),
    "to_stream": (lambda b: stock(b).to_stream(lambda v: v), "to_stream calls"),
    "transformer": (
        lambda b: stock(b).transform_values(sk.ValueTransformer()),
        "transform_values takes what makes a processor",
    ),
    "suppress for a number": (
        lambda b: stock(b).suppress(5),
        r"suppress takes UntilWindowCloses\(\) or UntilTimeLimit\(limit\), not 5",
    ),
    "subtractor": (
        lambda b: stock(b).group_by(lambda k, v: (k, v)).reduce(max, lambda v: v),
        r"reduce calls f\(so far, value\)",
    ),
    "adder": (
        lambda b: stock(b).group_by(lambda k, v: (k, v)).aggregate(int, lambda v, a: a, max),
        r"aggregate calls f\(key, value, aggregate\)",
    ),
}

GROUPS = {
    "reducer": (lambda b: orders(b).group_by_key().reduce(lambda v: v), "reduce calls"),
    "initial value in place of its function": (
        lambda b: orders(b).group_by_key().aggregate(0, lambda k, v, a: a),
        r"aggregate takes a function f\(\), not 0",
    ),
    "aggregator": (
        lambda b: orders(b).group_by_key().aggregate(int, lambda v, a: a),
        r"aggregate calls f\(key, value, aggregate\)",
    ),
    "merger": (
        lambda b: (
            orders(b)
            .group_by_key()
            .windowed_by(sk.SessionWindows(5))
            .aggregate(int, lambda k, v, a: a, lambda one, other: one)
        ),
        r"aggregate calls f\(key, one, other\)",
    ),
    "cogroup": (lambda b: orders(b).group_by_key().cogroup(lambda v, a: a), "cogroup calls"),
    "windows of a join": (
        lambda b: orders(b).group_by_key().windowed_by(WINDOWS),
        "windowed_by takes windows such as TumblingWindows",
    ),
    "length in place of windows": (
        lambda b: orders(b).group_by_key().windowed_by(5),
        r"windowed_by takes windows such as .*, not 5",
    ),
    "windows of cogrouped streams": (
        lambda b: orders(b).group_by_key().cogroup(lambda k, v, a: a).windowed_by(5),
        "windowed_by takes windows",
    ),
    "option that isn't there": (
        lambda b: orders(b).group_by_key().count(stor="x"),
        r"there is no option stor=, only: .*; did you mean store=\?",
    ),
    "option of a join that isn't there": (
        lambda b: orders(b).join(b.stream("p"), lambda v, o: v, windows=WINDOWS, left_store=1),
        "there is no option left_store=",
    ),
}

TOPICS = {
    "blank in a sink's topic": (lambda b: orders(b).to("a b"), r"name 'a b': only ASCII letters"),
    "empty topic of a sink": (lambda b: orders(b).to(""), "a name is not empty"),
    "slash in a stream's topic": (lambda b: b.stream(["a", "b/c"]), "name 'b/c'"),
    "no topic": (lambda b: b.stream([]), "a stream reads at least one topic"),
    "topic of a table": (lambda b: b.table("a:b"), "name 'a:b'"),
    "decorator without its call": (
        lambda b: sk.App("x").stream(program),  # type: ignore[call-overload]  # that is what is tested
        r'app.stream takes a topic: app.stream\("orders"\), not <function program',
    ),
    "agent without its call": (
        lambda b: sk.App("x").agent(program),  # type: ignore[call-overload]  # that is what is tested
        "app.agent takes a topic",
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
    [
        *JOINS.values(),
        *FUNCTIONS.values(),
        *TABLES.values(),
        *GROUPS.values(),
        *TOPICS.values(),
        *OTHERS.values(),
    ],
    ids=[*JOINS, *FUNCTIONS, *TABLES, *GROUPS, *TOPICS, *OTHERS],
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
