"""The operators of the oracle's topologies: what each takes, what it results in, and its random details.

`VARIANTS` names what else is counted: an operator in a form of its own, by the details of its node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ENDS", "OPERATORS", "STATEFUL", "VARIANTS", "Operator"]

Detail = Callable[[Any, int], dict[str, Any]]
"""Part of a node, from `Choices` and the node's number."""


@dataclass(frozen=True)
class Operator:
    """An operator as the coverage counts it.

    Attributes:
        takes: kinds of its operands: "stream", "table" (with history or not), "versioned" (with history),
            "windowed", "open" (windowed, not final yet), "changes" (table or windowed), "global", "same" as
            the first, "another" stream at times.
        gives: kind of its result; "same" as the first operand; "end" if there is none.
        node: what stands in its node in any case.
        details: the rest of its node.
        stateful: it keeps state or reads that of others.
        final: it results in final results of windows, or in windows that never close.
    """

    takes: tuple[str, ...]
    gives: str
    node: Mapping[str, Any]
    details: tuple[Detail, ...] = ()
    stateful: bool = False
    final: bool = field(default=False, kw_only=True)


def _one_of(name: str, most: int) -> Detail:
    return lambda choices, _: {name: choices.number(0, most)}


def _span(name: str, least: int, most: int) -> Detail:
    return lambda choices, _: {name: choices.number(least, most)}


def _how(*ways: str) -> Detail:
    return lambda choices, _: {"how": choices.pick(ways)}


def _stored(kind: str = "table", percent: int = 50) -> Detail:
    def detail(choices: Any, number: int) -> dict[str, Any]:
        return {"store": f"store{number}", "kind": kind} if choices.chance(percent) else {}

    return detail


def _row_store(choices: Any, number: int) -> dict[str, Any]:
    """The store of a table, if it gets one: at times one with versions."""
    detail = _stored()(choices, number)
    if detail and choices.chance(30):
        return _history(choices, number)
    return detail


def _history(choices: Any, number: int) -> dict[str, Any]:
    return {"store": f"store{number}", "kind": "versioned", "history": choices.pick((15, 60))}


def _by(choices: Any, _number: int) -> dict[str, Any]:
    return {"by": choices.pick((None, None, 0, 1, 3))}


def _keyed(choices: Any, _number: int) -> dict[str, Any]:
    """Its function takes the key too."""
    return {"keyed": True} if choices.chance(40) else {}


def _partitioner(most: int, percent: int) -> Detail:
    return lambda choices, _: (
        {"partitioner": choices.number(0, most)} if choices.chance(percent) else {}
    )


def _to_stream_by(choices: Any, _number: int) -> dict[str, Any]:
    return {"by": choices.pick((0, 1, 3))} if choices.chance(20) else {}


def _by_each(choices: Any, _number: int) -> dict[str, Any]:
    return {"by": [choices.pick((None, None, 0, 1)) for _ in range(3)]}


def _tumbling(choices: Any, _number: int) -> dict[str, Any]:
    return {"windows": {"size": choices.number(2, 15), "grace": choices.pick((0, 5, 20))}}


def _hopping(choices: Any, _number: int) -> dict[str, Any]:
    size = choices.number(2, 15)
    advance = choices.number((size + 2) // 3, size)
    return {"windows": {"size": size, "advance": advance, "grace": choices.pick((0, 5, 20))}}


def _sliding(choices: Any, _number: int) -> dict[str, Any]:
    return {"windows": {"difference": choices.number(1, 12), "grace": choices.pick((0, 5, 20))}}


def _sessions(choices: Any, _number: int) -> dict[str, Any]:
    return {"windows": {"gap": choices.number(1, 12), "grace": choices.pick((0, 5, 20))}}


def _unlimited(choices: Any, _number: int) -> dict[str, Any]:
    return {"windows": {"from": choices.number(0, 30)}}


def _own(choices: Any, _number: int) -> dict[str, Any]:
    """Of one length: where lengths differ, suppress and caches show the longest in place of a window's own."""
    length = choices.number(1, 50)
    lengths = [length] * choices.number(1, 5)
    return {"windows": {"lengths": lengths, "grace": choices.pick((0, 5, 20))}}


def _time_windows(choices: Any, number: int) -> dict[str, Any]:
    return dict(choices.pick((_tumbling, _hopping, _sliding))(choices, number))


def _windows_of_time(choices: Any, number: int) -> dict[str, Any]:
    return dict(choices.pick((_time_windows, _time_windows, _own))(choices, number))


def _retention(choices: Any, _number: int) -> dict[str, Any]:
    return {"retention": choices.number(40, 80)} if choices.chance(20) else {}


def _global_key(choices: Any, _number: int) -> dict[str, Any]:
    return {"f": choices.pick((0, 1, 1, 3))}


def _join_span(choices: Any, _number: int) -> dict[str, Any]:
    before, after = choices.number(0, 15), choices.number(0, 15)
    if choices.chance(12):  # only later ones, or only earlier ones
        before = -choices.number(1, after) if after else before
    elif choices.chance(12):
        after = -choices.number(1, before) if before else after
    return {"before": before, "after": after, "grace": choices.number(0, 10)}


def _join_stores(choices: Any, number: int) -> dict[str, Any]:
    if choices.chance(70):
        return {}
    stores: dict[str, Any] = {"unlogged": True} if choices.chance(30) else {}
    if choices.chance(50):
        stores["base"] = f"base{number}"
    for side in ("this", "other"):
        if choices.chance(50):
            stores[side] = f"{side}{number}"
    return stores


def _bounds(choices: Any, _number: int) -> dict[str, Any]:
    bounds: dict[str, Any] = {"full": "stop" if choices.chance(10) else "emit"}
    if choices.chance(60):
        bounds["records"] = choices.number(1, 3)
    if "records" not in bounds or choices.chance(30):
        bounds["bytes"] = choices.number(60, 300)
    return bounds


def _close_bounds(choices: Any, _number: int) -> dict[str, Any]:
    return {"records": choices.number(2, 6)} if choices.chance(10) else {}


def _store_of_processor(_choices: Any, number: int) -> dict[str, Any]:
    return {"store": f"store{number}", "kind": "plain"}


def _raises(choices: Any, _number: int) -> dict[str, Any]:
    return {"at": choices.pick(("zz", "bb", "yy'"))}


def _start(choices: Any, _number: int) -> dict[str, Any]:
    return {"start": choices.number(0, 80)} if choices.chance(40) else {}


def _used_store(choices: Any, number: int) -> dict[str, Any]:
    """Rows of a transformer that counts depend on how often it is asked, so it gets a store of its own."""
    if not choices.chance(40):
        return _row_store(choices, number)
    stored = _history if choices.chance(30) else _stored(percent=100)
    return {"uses": f"calls{number}", **stored(choices, number)}


_F2, _F3, _F4 = _one_of("f", 1), _one_of("f", 2), _one_of("f", 3)
_FOLD = (_how("count", "reduce", "aggregate"), _F2, _by)
_IN_WINDOW, _IN_SESSION = (_stored("window"), _retention), (_stored("session"), _retention)
_S, _T, _W = ("stream",), ("table",), ("windowed",)
_TWO_STREAMS = (("stream", "stream"), "stream")


def _stateless(
    op: str, takes: tuple[str, ...], gives: str, *details: Detail, **rest: Any
) -> Operator:
    return Operator(takes, gives, {"op": op, **rest}, details)


def _stateful(
    op: str, takes: tuple[str, ...], gives: str, *details: Detail, final: bool = False, **rest: Any
) -> Operator:
    return Operator(takes, gives, {"op": op, **rest}, details, stateful=True, final=final)


def _windowed(windows: Detail, kind: str, **rest: Any) -> Operator:
    stored = _IN_SESSION if kind == "session" else _IN_WINDOW
    return _stateful("aggregate", _S, "windowed", *_FOLD, windows, *stored, **rest)


def _cogroup(gives: str, *details: Detail) -> Operator:
    return _stateful("cogroup", ("stream", "stream", "another"), gives, _F2, _by_each, *details)


def _foreign(how: str) -> Operator:
    details = (_F3, _keyed, _partitioner(0, 30), _row_store)
    return _stateful("fk_join", ("table", "table"), "table", *details, how=how)


OPERATORS: dict[str, Operator] = {
    # streams
    "filter": _stateless("filter", _S, "stream", _F3),
    "filter_not": _stateless("filter_not", _S, "stream", _span("f", 1, 2)),
    "map_values": _stateless("map_values", _S, "stream", _F3),
    "map_values_with_key": _stateless("map_values_with_key", _S, "stream", _F3),
    "map": _stateless("map", _S, "stream", _F4),
    "select_key": _stateless("select_key", _S, "stream", _F4),
    "flat_map_values": _stateless("flat_map_values", _S, "stream"),
    "flat_map_values_with_key": _stateless("flat_map_values_with_key", _S, "stream"),
    "flat_map": _stateless("flat_map", _S, "stream", _F4),
    "raise": _stateless("raise", _S, "stream", _raises),
    "peek": _stateless("peek", _S, "stream"),
    "merge": _stateless("merge", ("stream", "stream"), "stream"),
    "split": _stateless("split", _S, "stream", _F3, _one_of("take", 2)),
    "route": _stateless("route", _S, "stream", _F2, _one_of("take", 1)),
    "repartition": _stateless("repartition", _S, "stream", _partitioner(1, 70)),
    "for_each": _stateless("for_each", _S, "end"),
    "print": _stateless("print", _S, "end", _F3),
    # tables
    "to_table": _stateful("to_table", _S, "table", _row_store),
    "to_table_versioned": _stateful("to_table", _S, "versioned", _history),
    "to_stream": _stateless("to_stream", _T, "stream", _to_stream_by),
    "windowed_to_stream": _stateless("windowed_to_stream", _W, "stream", _F2),
    "windowed_filter": _stateless("windowed_filter", _W, "windowed", _F3),
    "windowed_map_values": _stateless("windowed_map_values", _W, "windowed", _F3),
    "table_filter": _stateful("table_filter", _T, "table", _F3, _row_store),
    "table_filter_not": _stateful("table_filter_not", _T, "table", _span("f", 1, 2), _row_store),
    "table_map_values": _stateful("table_map_values", _T, "table", _F3, _keyed, _row_store),
    "table_transform_values": _stateful("table_transform_values", _T, "table", _F3, _used_store),
    "table_group": _stateful(
        "table_group", _T, "table", _how("count", "reduce", "aggregate"), _F4, _row_store
    ),
    # aggregations
    "count": _stateful("aggregate", _S, "table", _by, _row_store, how="count"),
    "reduce": _stateful("aggregate", _S, "table", _by, _row_store, how="reduce"),
    "aggregate": _stateful("aggregate", _S, "table", _F2, _by, _row_store, how="aggregate"),
    "aggregate_tumbling": _windowed(_tumbling, "window"),
    "aggregate_hopping": _windowed(_hopping, "window"),
    "aggregate_sliding": _windowed(_sliding, "window"),
    "aggregate_own": _windowed(_own, "window"),
    "aggregate_session": _windowed(_sessions, "session"),
    "aggregate_unlimited": _stateful(
        "aggregate", _S, "windowed", *_FOLD, _unlimited, _stored("window"), final=True
    ),
    "aggregate_on_close": _windowed(_time_windows, "window", on_close=True, final=True),
    "session_on_close": _windowed(_sessions, "session", on_close=True, final=True),
    "cogroup": _cogroup("table", _row_store),
    "cogroup_windowed": _cogroup("windowed", _windows_of_time, *_IN_WINDOW),
    "cogroup_session": _cogroup("windowed", _sessions, *_IN_SESSION),
    # joins
    "stream_join_inner": _stateful(
        "stream_join", *_TWO_STREAMS, _keyed, _join_span, _join_stores, how="inner"
    ),
    "stream_join_left": _stateful(
        "stream_join", *_TWO_STREAMS, _keyed, _join_span, _join_stores, how="left"
    ),
    "stream_join_outer": _stateful(
        "stream_join", *_TWO_STREAMS, _keyed, _join_span, _join_stores, how="outer"
    ),
    "self_join": _stateful(
        "stream_join",
        ("stream", "same"),
        "stream",
        _keyed,
        _join_span,
        _join_stores,
        _how("inner", "left", "outer"),
    ),
    "stream_table_join_inner": _stateful(
        "stream_table_join", ("stream", "table"), "stream", _keyed, how="inner"
    ),
    "stream_table_join_left": _stateful(
        "stream_table_join", ("stream", "table"), "stream", _keyed, how="left"
    ),
    "stream_table_join_grace": _stateful(
        "stream_table_join",
        ("stream", "versioned"),
        "stream",
        _keyed,
        _how("inner", "left"),
        _span("grace", 0, 14),
    ),
    "global_join_inner": _stateful(
        "global_join", ("stream", "global"), "stream", _global_key, _keyed, how="inner"
    ),
    "global_join_left": _stateful(
        "global_join", ("stream", "global"), "stream", _global_key, _keyed, how="left"
    ),
    "table_join_inner": _stateful(
        "table_join", ("table", "table"), "table", _row_store, how="inner"
    ),
    "table_join_left": _stateful("table_join", ("table", "table"), "table", _row_store, how="left"),
    "table_join_outer": _stateful(
        "table_join", ("table", "table"), "table", _row_store, how="outer"
    ),
    "fk_join_inner": _foreign("inner"),
    "fk_join_left": _foreign("left"),
    # suppression
    "suppress_limit": _stateful(
        "suppress", ("changes",), "same", _span("limit", 0, 20), full="emit"
    ),
    "suppress_bounded": _stateful("suppress", ("changes",), "same", _span("limit", 0, 40), _bounds),
    "suppress_close": _stateful("suppress_close", ("open",), "windowed", _close_bounds, final=True),
    # processors
    "process": _stateful("process", _S, "stream", _F3, _store_of_processor),
    "process_values": _stateful("process_values", _S, "stream", _F3, _store_of_processor),
    "punctuate_stream": _stateful(
        "punctuate",
        _S,
        "stream",
        _span("every", 1, 30),
        _start,
        _store_of_processor,
        clock="stream",
    ),
    "punctuate_wall": _stateful(
        "punctuate", _S, "stream", _span("every", 1, 30), _start, _store_of_processor, clock="wall"
    ),
}

STATEFUL = [name for name, operator in OPERATORS.items() if operator.stateful]

ENDS = (
    "stream_source",
    "table_source",
    "versioned_source",
    "global_source",
    "global_store_source",
    "to",
    "to_dynamic",
)
"""What streams and tables begin and end with."""


def _is(op: str, detail: str, *among: object) -> Callable[[Mapping[str, Any]], bool]:
    """Nodes of that operation with a detail, or with one of these values of it."""
    return lambda node: node["op"] == op and detail in node and (not among or node[detail] in among)


def _extractor(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda node: node.get("extractor") == name


VARIANTS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    **{
        f"{op} with key": _is(op, "keyed")
        for op in (
            "table_map_values",
            "stream_join",
            "stream_table_join",
            "global_join",
            "fk_join",
        )
    },
    "to_stream with a new key": _is("to_stream", "by"),
    "cogroup of three": lambda node: node["op"] == "cogroup" and len(node["of"]) == 3,
    "repartition by a partitioner": _is("repartition", "partitioner"),
    "fk_join by partitioners": _is("fk_join", "partitioner"),
    "to: one partition": _is("to", "partitioner", 0),
    "to: several or no partitions": _is("to", "partitioner", 1),
    "route of values": _is("route", "f", 1),
    "store with history": lambda node: "history" in node and node["op"] != "table",
    "extractor: earlier": lambda node: "earlier" in node,
    **{f"extractor: {name}": _extractor(name) for name in ("partition", "skip", "fail", "beyond")},
}
"""Forms of operators that are counted, too: which nodes are of each."""
