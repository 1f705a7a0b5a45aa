"""Topologies for the takeover tests, one a kind of store, with inputs that leave something open in mid-way.

Counts have named stores: the oracle's Java calls give them `Materialized`, which uses up a generated name where
Kafka Streams' plain `count()`, as ours, does not.
"""

from __future__ import annotations

from takeover_lab import Case
from topology_json import Input, Node

__all__ = ["CASES"]


def _case(
    nodes: list[Node],
    first: str,
    second: str,
    *,
    partitions: int = 1,
    optimize: bool = False,
    forgets: bool = False,
) -> Case:
    shifts = (_inputs(first), _inputs(second))
    return Case(nodes, shifts, partitions, optimize, forgets)


def _inputs(text: str) -> list[Input]:
    """Inputs written as `topic key=value@time`; `-` is null."""
    inputs: list[Input] = []
    topic = ""
    for word in text.split():
        if "=" not in word:
            topic = word
            continue
        key, _, rest = word.partition("=")
        value, _, time = rest.partition("@")
        inputs.append(
            {
                "topic": topic,
                "key": None if key == "-" else key,
                "value": None if value == "-" else value,
                "ts": int(time),
            }
        )
    return inputs


def _windowed(how: str, windows: dict[str, int], kind: str = "window", **more: object) -> Node:
    return {
        "op": "aggregate",
        "of": [0],
        "how": how,
        "f": 0,
        "windows": windows,
        "kind": kind,
        **more,
    }


def _cogroup(windows: dict[str, int] | None = None, **more: object) -> Node:
    node: Node = {"op": "cogroup", "of": [0, 1], "f": 0, "by": [None, None], **more}
    return node if windows is None else {**node, "windows": windows}


_STREAM: Node = {"op": "stream", "topic": "in"}
_STREAM2: Node = {"op": "stream", "topic": "in2"}
_TABLE: Node = {"op": "table", "topic": "in", "store": "left"}
_TABLE2: Node = {"op": "table", "topic": "in2", "store": "right"}
_OUT = "out"


def _to(number: int) -> Node:
    return {"op": "to", "of": [number], "topic": _OUT}


def _end(number: int, *, windowed: bool = False) -> list[Node]:
    op = "windowed_to_stream" if windowed else "to_stream"
    return [{"op": op, "of": [number]}, _to(number + 1)]


_STREAM_INPUTS = (
    "in a=x@0 b=yy@3 a=azz@7 c=x@8 a=x@12 b=x@11",
    "in a=yy@13 b=azz@9 c=yy@14 -=x@15 a=x@4 a=bbbb@21 b=x@30 c=x@22 a=x@60",
)
_TWO_STREAMS = (
    "in a=x@0 b=yy@5 in2 a=X@3 c=Y@6 in b=x@8 c=zz@9 in2 d=W@10 in e=v@10",
    "in2 b=Z@12 e=T@11 in a=azz@13 d=u@12 in2 a=V@30 in c=x@31 in2 c=late@5 d=R@33 in d=s@60 in2 q=q@90",
)
_TWO_TABLES = (
    "in a=x@0 b=yy@5 in2 a=X@3 x=P@4 y=Q@6 c=Y@6 in c=xzz@8 a=yx@9 in2 x=PP@10 b=B@11",
    "in a=xx@12 in2 x=PPP@13 y=-@14 in b=-@15 in2 a=-@16 y=R@17 in c=yy@10 d=x@18 in2 d=D@19 x=-@20",
)
# Of two partitions, murmur2 puts these letters into the second and these pairs into the first: by their length.
_PLACED_TABLES = (
    "in d=fxx@0 ab=gyy@5 f=xx@6 in2 f=F@3 g=G@4 d=D@6 in d=ghz@8 ab=dyx@9 in2 g=GG@10 ab=AB@11",
    "in ab=xx@12 in2 g=GGG@13 f=-@14 in d=-@15 in2 ab=-@16 f=R@17 in f=dyy@18 h=gxx@19 in2 h=H@19 g=-@20",
)
_KEYED_INPUTS = (
    "in a=x@0 b=yy@3 a=azz@7 c=x@8 d=xx@9 d=-@10 a=-@11",
    "in d=yy@13 b=azzz@9 c=yy@14 d=x@15 d=bbbb@21 b=-@30",
)

_LATE = ("in a=x@0 b=yy@3 a=azz@7 c=x@30", "in a=late@6 b=yy@31 b=late@2 c=x@33 a=x@60")
_LATE_STREAMS = (
    "in a=x@0 b=yy@5 in2 a=X@3 in c=x@40",
    "in2 b=late@6 c=Y@41 in b=late@4 in2 a=Z@70",
)

CASES: dict[str, Case] = {
    "count": _case(
        [
            _STREAM,
            {"op": "aggregate", "of": [0], "how": "count", "by": 0, "store": "counts"},
            *_end(1),
        ],
        *_STREAM_INPUTS,
    ),
    "aggregate with a named store": _case(
        [
            _STREAM,
            {"op": "aggregate", "of": [0], "how": "aggregate", "f": 1, "store": "sums"},
            *_end(1),
        ],
        *_STREAM_INPUTS,
    ),
    "plain store of a processor": _case(
        [_STREAM, {"op": "process", "of": [0], "f": 0, "store": "memory"}, _to(1)],
        *_STREAM_INPUTS,
    ),
    # Stores without timestamps of their own have the time of what is forwarded in their changelogs.
    "sessions behind another time": _case(
        [
            _STREAM,
            {"op": "process_values", "of": [0], "f": 1, "store": "before"},
            {
                **_windowed("reduce", {"gap": 4, "grace": 10}, "session"),
                "of": [1],
            },
            *_end(2, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "processor behind sessions on close": _case(
        [
            _STREAM,
            _windowed("reduce", {"gap": 4, "grace": 3}, "session", on_close=True),
            {"op": "windowed_to_stream", "of": [1]},
            {"op": "process", "of": [2], "f": 2, "store": "memory"},
            _to(3),
        ],
        *_STREAM_INPUTS,
    ),
    "tumbling windows": _case(
        [_STREAM, _windowed("aggregate", {"size": 10, "grace": 5}), *_end(1, windowed=True)],
        *_STREAM_INPUTS,
    ),
    "hopping windows, repartitioned": _case(
        [
            _STREAM,
            _windowed("count", {"size": 10, "advance": 4, "grace": 20}, by=0, store="hops"),
            {"op": "windowed_map_values", "of": [1], "f": 0},
            *_end(2, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "sliding windows": _case(
        [_STREAM, _windowed("reduce", {"difference": 6, "grace": 20}), *_end(1, windowed=True)],
        *_STREAM_INPUTS,
    ),
    "windows on close": _case(
        [
            _STREAM,
            _windowed("count", {"size": 10, "grace": 2}, on_close=True, store="closing"),
            *_end(1, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "sessions": _case(
        [
            _STREAM,
            _windowed("aggregate", {"gap": 4, "grace": 10}, "session"),
            *_end(1, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "sessions on close": _case(
        [
            _STREAM,
            _windowed("reduce", {"gap": 4, "grace": 3}, "session", on_close=True),
            *_end(1, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "suppressed windows": _case(
        [
            _STREAM,
            _windowed("count", {"size": 10, "grace": 5}, store="counts"),
            {"op": "suppress_close", "of": [1]},
            *_end(2, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "suppressed sessions": _case(
        [
            _STREAM,
            _windowed("reduce", {"gap": 4, "grace": 5}, "session"),
            {"op": "suppress_close", "of": [1]},
            *_end(2, windowed=True),
        ],
        *_STREAM_INPUTS,
    ),
    "suppressed table": _case(
        [_TABLE, {"op": "suppress", "of": [0], "limit": 9, "full": "emit"}, *_end(1)],
        *_STREAM_INPUTS,
    ),
    **{
        f"suppressed table, bound by {bound}": _case(
            [
                _TABLE,
                {"op": "suppress", "of": [0], "limit": 40, bound: most, "full": "emit"},
                *_end(1),
            ],
            *_STREAM_INPUTS,
        )
        for bound, most in (("records", 2), ("bytes", 150))
    },
    "unlimited windows": _case(
        [_STREAM, _windowed("reduce", {"from": 5}), *_end(1, windowed=True)],
        *_STREAM_INPUTS,
    ),
    "cogroup": _case(
        [_STREAM, _STREAM2, _cogroup(by=[0, None], store="both"), *_end(2)],
        *_TWO_STREAMS,
    ),
    "cogroup of windows": _case(
        [
            _STREAM,
            _STREAM2,
            _cogroup({"size": 10, "advance": 5, "grace": 20}),
            *_end(2, windowed=True),
        ],
        *_TWO_STREAMS,
    ),
    "cogroup of sessions": _case(
        [
            _STREAM,
            _STREAM2,
            _cogroup({"gap": 4, "grace": 40}, store="both"),
            *_end(2, windowed=True),
        ],
        *_TWO_STREAMS,
    ),
    **{
        f"transformed values{name}": _case(
            [
                _TABLE,
                {"op": "table_transform_values", "of": [0], "f": 0, "uses": "calls", **stored},
                *_end(1),
            ],
            *_STREAM_INPUTS,
        )
        for name, stored in (("", {}), (" with a store", {"store": "numbered"}))
    },
    **{
        f"{how} join of streams": _case(
            [
                _STREAM,
                _STREAM2,
                {
                    "op": "stream_join",
                    "of": [0, 1],
                    "how": how,
                    "before": 8,
                    "after": 8,
                    "grace": 4,
                },
                _to(2),
            ],
            *_TWO_STREAMS,
        )
        for how in ("inner", "left", "outer")
    },
    **{
        f"{how} join of tables": _case(
            [_TABLE, _TABLE2, {"op": "table_join", "of": [0, 1], "how": how}, *_end(2)],
            *_TWO_TABLES,
        )
        for how in ("inner", "left", "outer")
    },
    **{
        f"{how} join by a foreign key": _case(
            [
                _TABLE,
                _TABLE2,
                {"op": "fk_join", "of": [0, 1], "how": how, "f": 0, "store": "joined"},
                *_end(2),
            ],
            *_TWO_TABLES,
        )
        for how in ("inner", "left")
    },
    "stream with table": _case(
        [
            _STREAM,
            _TABLE2,
            {"op": "stream_table_join", "of": [0, 1], "how": "left"},
            _to(2),
        ],
        *_TWO_TABLES,
    ),
    "stream with versioned table": _case(
        [
            _STREAM,
            {"op": "table", "topic": "in2", "store": "history", "history": 100},
            {"op": "stream_table_join", "of": [0, 1], "how": "left", "grace": 6},
            _to(2),
        ],
        *_TWO_TABLES,
        forgets=True,  # it never emits what lies in a restored join buffer
    ),
    "table of a stream": _case(
        [_STREAM, {"op": "to_table", "of": [0], "store": "rows"}, *_end(1)],
        *_STREAM_INPUTS,
    ),
    "grouped table": _case(
        [
            _TABLE,
            {"op": "table_group", "of": [0], "how": "aggregate", "f": 0},
            *_end(1),
        ],
        *_STREAM_INPUTS,
    ),
    "source topic as changelog": _case(
        [
            _TABLE,
            {"op": "table_map_values", "of": [0], "f": 0, "store": "mapped"},
            *_end(1),
        ],
        *_STREAM_INPUTS,
        optimize=True,
    ),
    # Kafka Streams forgets stream times, and takes in after a restart what was too late before.
    "late for windows": _case(
        [_STREAM, _windowed("aggregate", {"size": 10, "grace": 5}), *_end(1, windowed=True)],
        *_LATE,
        forgets=True,
    ),
    "late for sliding windows": _case(
        [_STREAM, _windowed("reduce", {"difference": 6, "grace": 5}), *_end(1, windowed=True)],
        *_LATE,
        forgets=True,
    ),
    "late for sessions": _case(
        [
            _STREAM,
            _windowed("aggregate", {"gap": 4, "grace": 5}, "session"),
            {"op": "suppress_close", "of": [1]},
            *_end(2, windowed=True),
        ],
        *_LATE,
        forgets=True,
    ),
    "late for a join with a table": _case(
        [
            _STREAM,
            {"op": "table", "topic": "in2", "store": "history", "history": 100},
            {"op": "stream_table_join", "of": [0, 1], "how": "left", "grace": 6},
            _to(2),
        ],
        "in2 a=X@1 in a=x@40",
        "in a=late@20 in2 a=Z@15 in b=y@60",
        forgets=True,
    ),
    "late for a join of streams": _case(
        [
            _STREAM,
            _STREAM2,
            {
                "op": "stream_join",
                "of": [0, 1],
                "how": "outer",
                "before": 8,
                "after": 8,
                "grace": 4,
            },
            _to(2),
        ],
        *_LATE_STREAMS,
    ),
    # To one partition, to all of them or to none, to that of a producer.
    "partitioners": _case(
        [
            _STREAM,
            {"op": "repartition", "of": [0], "partitioner": 1},
            {"op": "process", "of": [1], "f": 0, "store": "memory"},
            {**_to(2), "partitioner": 0},
            {"op": "to", "of": [0], "topic": "some", "partitioner": 1},
        ],
        *_KEYED_INPUTS,
        partitions=2,
    ),
    "join by a foreign key, by partitioners": _case(
        [
            _TABLE,
            _TABLE2,
            {"op": "fk_join", "of": [0, 1], "how": "left", "f": 0, "keyed": True, "partitioner": 0},
            *_end(2),
        ],
        *_PLACED_TABLES,
        partitions=2,
    ),
    "two partitions": _case(
        [
            _STREAM,
            _windowed("count", {"size": 10, "grace": 5}, by=0, store="counts"),
            {"op": "suppress_close", "of": [1]},
            *_end(2, windowed=True),
        ],
        *_STREAM_INPUTS,
        partitions=2,
    ),
}
"""By name."""
