"""What `agg` can compute: each function here gives one aggregate, to be named by its keyword.

An aggregate folds one value after the other into a state, and makes its result of that.

| aggregate | state, and its size | merges | subtracts |
| --- | --- | --- | --- |
| `count` | a number | yes | yes |
| `sum_of` | the sum | yes | yes |
| `mean` | sum and count | yes | yes |
| `min_of`, `max_of` | the value | yes | no |
| `first`, `last` | the value, and what it is ordered by | yes | no |
| `distinct`, `count_distinct` | every distinct value: grows with them | yes | no |
| `top_k` | up to k values | yes | no |

Sessions need aggregates that merge, tables those that subtract.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, overload

from streamkit.dsl.aggregate_kinds import (
    Aggregate,
    Count,
    CountDistinct,
    Distinct,
    Edge,
    Extreme,
    Mean,
    Sum,
    Take,
    TopK,
)
from streamkit.errors import ConfigError

__all__ = [
    "Aggregate",
    "count",
    "count_distinct",
    "distinct",
    "first",
    "last",
    "max_of",
    "mean",
    "min_of",
    "sum_of",
    "top_k",
]

V = TypeVar("V")
R = TypeVar("R")


@overload
def count() -> Aggregate[Any, int]: ...
@overload
def count(field: str) -> Aggregate[Any, int]: ...
@overload
def count(field: Callable[[V], object]) -> Aggregate[V, int]: ...
def count(field: str | Callable[[Any], object] | None = None) -> Aggregate[Any, int]:
    """How many records.

    Args:
        field: count only those where this isn't None: the name of a field or key of the value, or
            `f(value)`.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(n=count(), gifts=count("gift"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"gift": None}),
        ...       ("orders", "ann", {"gift": "card"}))
        orders ann={'gift': None} @0 -> ann={'gifts': 0, 'n': 1} @0
        orders ann={'gift': 'card'} @1 -> ann={'gifts': 1, 'n': 2} @1
    """
    return Count(_text("count", field), None if field is None else _taker(field, "count"))


@overload
def sum_of(field: str) -> Aggregate[Any, Any]: ...
@overload
def sum_of(field: Callable[[V], R | None]) -> Aggregate[V, R]: ...
def sum_of(field: str | Callable[[Any], Any]) -> Aggregate[Any, Any]:
    """The sum of a field: ints of any size, floats, Decimals, timedeltas; 0 if there is nothing to add.

    Args:
        field: the name of a field or key of the value, or `f(value)`; None is passed over.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(cents=sum_of("cents"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"cents": 5}), ("orders", "ann", {"cents": 7}))
        orders ann={'cents': 5} @0 -> ann={'cents': 5} @0
        orders ann={'cents': 7} @1 -> ann={'cents': 12} @1
    """
    return Sum(_text("sum_of", field), _taker(field, "sum_of"))


@overload
def mean(field: str) -> Aggregate[Any, Any]: ...
@overload
def mean(field: Callable[[V], int | float | None]) -> Aggregate[V, float | None]: ...
def mean(field: str | Callable[[Any], Any]) -> Aggregate[Any, Any]:
    """The mean of a field, None if there is nothing to divide; its state is the sum and the count.

    Args:
        field: the name of a field or key of the value, or `f(value)`; None is passed over.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(cents=mean("cents"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"cents": 5}), ("orders", "ann", {"cents": 8}))
        orders ann={'cents': 5} @0 -> ann={'cents': 5.0} @0
        orders ann={'cents': 8} @1 -> ann={'cents': 6.5} @1
    """
    return Mean(_text("mean", field), _taker(field, "mean"))


@overload
def min_of(field: str) -> Aggregate[Any, Any]: ...
@overload
def min_of(field: Callable[[V], R]) -> Aggregate[V, R | None]: ...
def min_of(field: str | Callable[[Any], Any]) -> Aggregate[Any, Any]:
    """The least of a field, None if there is none.

    Args:
        field: the name of a field or key of the value, or `f(value)`; None and NaN are passed over.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(least=min_of("cents"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"cents": 5}), ("orders", "ann", {"cents": 8}))
        orders ann={'cents': 5} @0 -> ann={'least': 5} @0
        orders ann={'cents': 8} @1 -> ann={'least': 5} @1
    """
    return Extreme("min", _text("min_of", field), _taker(field, "min_of"))


@overload
def max_of(field: str) -> Aggregate[Any, Any]: ...
@overload
def max_of(field: Callable[[V], R]) -> Aggregate[V, R | None]: ...
def max_of(field: str | Callable[[Any], Any]) -> Aggregate[Any, Any]:
    """The greatest of a field, None if there is none.

    Args:
        field: the name of a field or key of the value, or `f(value)`; None and NaN are passed over.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(most=max_of("cents"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"cents": 5}), ("orders", "ann", {"cents": 8}))
        orders ann={'cents': 5} @0 -> ann={'most': 5} @0
        orders ann={'cents': 8} @1 -> ann={'most': 8} @1
    """
    return Extreme("max", _text("max_of", field), _taker(field, "max_of"))


@overload
def first(*, by: str | Callable[[V], object] | None = None) -> Aggregate[V, V | None]: ...
@overload
def first(
    field: str, *, by: str | Callable[[Any], object] | None = None
) -> Aggregate[Any, Any]: ...
@overload
def first(
    field: Callable[[V], R], *, by: str | Callable[[V], object] | None = None
) -> Aggregate[V, R | None]: ...
def first(
    field: str | Callable[[Any], Any] | None = None,
    *,
    by: str | Callable[[Any], object] | None = None,
) -> Aggregate[Any, Any]:
    """The first value, or a field of it. Of sessions that merge, the earlier one's.

    Args:
        field: the name of a field or key of the value, or `f(value)`; None is passed over. Left out: the
            whole value.
        by: what tells the order, a field or `f(value)`; by default that in which records arrive.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(item=first("item"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"item": "tea"}),
        ...       ("orders", "ann", {"item": "ale"}))
        orders ann={'item': 'tea'} @0 -> ann={'item': 'tea'} @0
        orders ann={'item': 'ale'} @1 -> ann={'item': 'tea'} @1
    """
    return _edge("first", field, by)


@overload
def last(*, by: str | Callable[[V], object] | None = None) -> Aggregate[V, V | None]: ...
@overload
def last(field: str, *, by: str | Callable[[Any], object] | None = None) -> Aggregate[Any, Any]: ...
@overload
def last(
    field: Callable[[V], R], *, by: str | Callable[[V], object] | None = None
) -> Aggregate[V, R | None]: ...
def last(
    field: str | Callable[[Any], Any] | None = None,
    *,
    by: str | Callable[[Any], object] | None = None,
) -> Aggregate[Any, Any]:
    """The last value, or a field of it; arguments as `first`.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(item=last("item", by="at"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"item": "tea", "at": 9}),
        ...       ("orders", "ann", {"item": "ale", "at": 2}))
        orders ann={'item': 'tea', 'at': 9} @0 -> ann={'item': 'tea'} @0
        orders ann={'item': 'ale', 'at': 2} @1 -> ann={'item': 'tea'} @1
    """
    return _edge("last", field, by)


@overload
def distinct(field: str) -> Aggregate[Any, list[Any]]: ...
@overload
def distinct(field: Callable[[V], R | None]) -> Aggregate[V, list[R]]: ...
def distinct(field: str | Callable[[Any], Any]) -> Aggregate[Any, list[Any]]:
    """The different values of a field, in the order in which they came.

    Exact: the state holds each of them, in memory while a window is worked on, in the store and in the
    changelog; an update writes all of them. Bound what you count: by windows, or by a coarser field.

    Args:
        field: the name of a field or key of the value, or `f(value)`; None is passed over. It must be
            hashable.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(items=distinct("item"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"item": "tea"}),
        ...       ("orders", "ann", {"item": "ale"}), ("orders", "ann", {"item": "tea"}))
        orders ann={'item': 'tea'} @0 -> ann={'items': ['tea']} @0
        orders ann={'item': 'ale'} @1 -> ann={'items': ['tea', 'ale']} @1
        orders ann={'item': 'tea'} @2 -> ann={'items': ['tea', 'ale']} @2
    """
    return Distinct(_text("distinct", field), _taker(field, "distinct"))


@overload
def count_distinct(field: str) -> Aggregate[Any, int]: ...
@overload
def count_distinct(field: Callable[[V], object]) -> Aggregate[V, int]: ...
def count_distinct(field: str | Callable[[Any], Any]) -> Aggregate[Any, int]:
    """How many different values a field has; state and arguments as `distinct`.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(items=count_distinct("item"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"item": "tea"}),
        ...       ("orders", "ann", {"item": "tea"}))
        orders ann={'item': 'tea'} @0 -> ann={'items': 1} @0
        orders ann={'item': 'tea'} @1 -> ann={'items': 1} @1
    """
    return CountDistinct(_text("count_distinct", field), _taker(field, "count_distinct"))


@overload
def top_k(
    k: int, *, by: str | Callable[[V], object], lowest: bool = False
) -> Aggregate[V, list[V]]: ...
@overload
def top_k(
    k: int, *, by: str | Callable[[Any], object], of: str, lowest: bool = False
) -> Aggregate[Any, list[Any]]: ...
@overload
def top_k(
    k: int, *, by: str | Callable[[V], object], of: Callable[[V], R], lowest: bool = False
) -> Aggregate[V, list[R]]: ...
def top_k(
    k: int,
    *,
    by: str | Callable[[Any], object],
    of: str | Callable[[Any], Any] | None = None,
    lowest: bool = False,
) -> Aggregate[Any, Any]:
    """The k values with the greatest `by`, the greatest first; of equal ones the earlier stays.

    Args:
        k: how many, at least 1.
        by: a field of the value, or `f(value)`; values where it is None or NaN are passed over.
        of: what to keep of each value, a field or `f(value)`; None: the whole value.
        lowest: the k least instead, the least first.

    Raises:
        ConfigError: `k` is less than 1.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=dict)
        >>> table = orders.group_by_key().agg(top=top_k(2, by="cents"), store="orders")
        >>> table.to_stream().to("out")
        >>> trace(builder, ("orders", "ann", {"cents": 5}), ("orders", "ann", {"cents": 8}),
        ...       ("orders", "ann", {"cents": 7}))
        orders ann={'cents': 5} @0 -> ann={'top': [{'cents': 5}]} @0
        orders ann={'cents': 8} @1 -> ann={'top': [{'cents': 8}, {'cents': 5}]} @1
        orders ann={'cents': 7} @2 -> ann={'top': [{'cents': 8}, {'cents': 7}]} @2
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ConfigError(f"top_k keeps at least 1 value, not {k!r}: top_k(3, by='amount')")
    text = f"top_k({k}, by={_name(by)}{'' if of is None else f', of={_name(of)}'})"
    return TopK(
        text, k, _taker(by, "top_k"), None if of is None else _taker(of, "top_k"), lowest=lowest
    )


class _FieldOf:
    """Takes a field by its name: a key of a mapping, an attribute of anything else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            try:
                return value[self._name]
            except KeyError:
                raise LookupError(self._missing(map(str, value))) from None
        try:
            return getattr(value, self._name)
        except AttributeError:
            raise LookupError(self._missing(_names_of(value))) from None

    def _missing(self, known: Iterable[str]) -> str:
        names = list(known)
        close = difflib.get_close_matches(self._name, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names) or 'none'}."
        return (
            f"the value has no field {self._name!r}; {hint} For a field that may be missing give a "
            "function: lambda value: value.get(…)"
        )


def _names_of(value: Any) -> list[str]:
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    names: Iterable[str] = getattr(value, "__struct_fields__", getattr(value, "__dict__", ()))
    return [name for name in names if not name.startswith("_")]


def _taker(field: Any, function: str) -> Take:
    if isinstance(field, str):
        return _FieldOf(field)
    if callable(field):
        taker: Take = field
        return taker
    raise ConfigError(
        f"{function} takes the name of a field or a function of the value, not {field!r}"
    )


def _edge(kind: str, field: Any, by: Any) -> Aggregate[Any, Any]:
    parts = [] if field is None else [_name(field)]
    if by is not None:
        parts.append(f"by={_name(by)}")
    return Edge(
        kind,
        f"{kind}({', '.join(parts)})",
        None if field is None else _taker(field, kind),
        None if by is None else _taker(by, kind),
    )


def _text(function: str, field: Any) -> str:
    return f"{function}()" if field is None else f"{function}({_name(field)})"


def _name(field: Any) -> str:
    return repr(field) if isinstance(field, str) else getattr(field, "__name__", "…")
