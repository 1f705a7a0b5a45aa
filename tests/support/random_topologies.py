"""Random topologies and inputs for the live oracle, in the form of `topology_json.py`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from topology_json import Input, Node

__all__ = ["cases"]

MOST_OPERATORS = 6
MOST_INPUTS = 20

_HOW_JOINED = ("inner", "left", "outer")
_HOW_FOLDED = ("count", "reduce", "aggregate")

_GIVES = {
    "stream": "stream",
    "table": "table",
    "global": "global",
    "filter": "stream",
    "filter_not": "stream",
    "map_values": "stream",
    "map": "stream",
    "select_key": "stream",
    "flat_map_values": "stream",
    "flat_map": "stream",
    "merge": "stream",
    "repartition": "stream",
    "to_table": "table",
    "aggregate": "table",
    "windowed_aggregate": "windowed",
    "table_filter": "table",
    "table_map_values": "table",
    "windowed_map_values": "windowed",
    "to_stream": "stream",
    "windowed_to_stream": "stream",
    "table_group": "table",
    "table_join": "table",
    "stream_table_join": "stream",
    "global_join": "stream",
    "stream_join": "stream",
    "suppress_limit": "table",
    "suppress_close": "windowed",
}
"""What kind of thing each operator results in."""

_TAKES = {
    "filter": ("stream",),
    "filter_not": ("stream",),
    "map_values": ("stream",),
    "map": ("stream",),
    "select_key": ("stream",),
    "flat_map_values": ("stream",),
    "flat_map": ("stream",),
    "merge": ("stream", "stream"),
    "repartition": ("stream",),
    "to_table": ("stream",),
    "aggregate": ("stream",),
    "windowed_aggregate": ("stream",),
    "table_filter": ("table",),
    "table_map_values": ("table",),
    "windowed_map_values": ("windowed",),
    "to_stream": ("table",),
    "windowed_to_stream": ("windowed",),
    "table_group": ("table",),
    "table_join": ("table", "table"),
    "stream_table_join": ("stream", "table"),
    "global_join": ("stream", "global"),
    "stream_join": ("stream", "stream"),
    "suppress_limit": ("table",),
    "suppress_close": ("windowed",),
}
"""What each operator goes on."""


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Node], list[Input]]:
    """A topology, and what it is given."""
    build = _Build(draw)
    topics = build.sources()
    for _ in range(draw(st.integers(1, MOST_OPERATORS))):
        build.operator()
    build.ends()
    record = st.fixed_dictionaries(
        {
            "topic": st.sampled_from(topics),
            "key": st.sampled_from(("a", "b", "c", None)),
            "value": st.sampled_from(("x", "yy", "azz", "bbbb", None)),
            "ts": st.integers(0, 60),
        }
    )
    inputs = draw(st.lists(record, min_size=1, max_size=MOST_INPUTS))
    return build.nodes, inputs


class _Build:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.nodes: list[Node] = []
        self._kinds: list[str] = []
        self._used: set[int] = set()
        self._closing: set[int] = set()  # windowed tables that are final results

    def sources(self) -> list[str]:
        draw = self._draw
        topics = []
        others = draw(st.lists(st.sampled_from(("stream", "table", "global")), max_size=3))
        for number, kind in enumerate(("stream", *others)):
            topics.append(f"in{number}")
            node = {"op": kind, "topic": topics[-1]}
            if kind == "global" or (kind == "table" and draw(st.booleans())):
                node["store"] = f"source{number}"
            self._add(kind, node)
        return topics

    def operator(self) -> None:
        possible = [
            name
            for name, kinds in _TAKES.items()
            if all(
                len(self._of(name, kind)) >= (2 if kinds == (kind, kind) else 1) for kind in kinds
            )
        ]
        name = self._draw(
            st.sampled_from([name for name in possible for _ in range(_weight(name))])
        )
        of: list[int] = []
        for kind in _TAKES[name]:
            of.append(
                self._draw(st.sampled_from([at for at in self._of(name, kind) if at not in of]))
            )
        self._used.update(of)
        if name == "suppress_close" or (name == "windowed_map_values" and of[0] in self._closing):
            self._closing.add(len(self.nodes))
        node: Node = {"op": name, "of": of, **self._details(name)}
        if node.get("on_close"):
            self._closing.add(len(self.nodes))
        self._add(name, node)

    def _of(self, name: str, kind: str) -> list[int]:
        return [
            at
            for at, found in enumerate(self._kinds)
            if found == kind and not (name == "suppress_close" and at in self._closing)
        ]

    def ends(self) -> None:
        """What nobody goes on with is written to a topic."""
        for at in range(len(self.nodes)):
            if at in self._used or self._kinds[at] == "global":
                continue
            end = at
            if self._kinds[at] != "stream":
                op = "to_stream" if self._kinds[at] == "table" else "windowed_to_stream"
                end = len(self.nodes)
                self._add(op, {"op": op, "of": [at]})
            self.nodes.append({"op": "to", "of": [end], "topic": f"out{at}"})
            self._kinds.append("end")

    def _add(self, name: str, node: Node) -> None:
        if node["op"] == "windowed_aggregate":
            node["op"] = "aggregate"
        self.nodes.append(node)
        self._kinds.append(_GIVES[name])

    def _details(self, name: str) -> dict[str, Any]:
        draw = self._draw
        found: dict[str, Any] = {}
        if name in ("filter", "filter_not", "map_values", "table_filter", "table_map_values"):
            found["f"] = draw(st.integers(0, 2))
        if name in ("windowed_map_values",):
            found["f"] = draw(st.integers(0, 2))
        if name in ("map", "select_key", "flat_map", "global_join", "table_group"):
            found["f"] = draw(st.integers(0, 3))
        if name in ("aggregate", "windowed_aggregate"):
            found["f"] = draw(st.integers(0, 1))
            found["by"] = draw(st.sampled_from((None, None, 0, 1, 3)))
        if name in ("aggregate", "windowed_aggregate", "table_group"):
            found["how"] = draw(st.sampled_from(_HOW_FOLDED))
        if name == "windowed_aggregate":
            found["windows"], found["kind"] = draw(_windows())
            found["on_close"] = draw(st.sampled_from((False, False, True)))
        if name in ("table_join", "stream_join"):
            found["how"] = draw(st.sampled_from(_HOW_JOINED))
        if name in ("stream_table_join", "global_join"):
            found["how"] = draw(st.sampled_from(_HOW_JOINED[:2]))
        if name == "stream_join":
            for part, most in (("before", 15), ("after", 15), ("grace", 10)):
                found[part] = draw(st.integers(0, most))
        if name == "suppress_limit":
            found["limit"] = draw(st.integers(0, 20))
        stored = ("to_table", "aggregate", "windowed_aggregate", "table_filter")
        if name in (*stored, "table_map_values", "table_group", "table_join") and draw(
            st.booleans()
        ):
            found["store"] = f"store{len(self.nodes)}"
        return found


def _weight(name: str) -> int:
    """Operators that keep state are what is to be judged most."""
    return 3 if "table" in name or "join" in name or "aggregate" in name or "close" in name else 1


@st.composite
def _windows(draw: st.DrawFn) -> tuple[dict[str, int], str]:
    given = {"grace": draw(st.sampled_from((0, 5, 20)))}
    kind = draw(st.sampled_from(("tumbling", "hopping", "sliding", "session")))
    if kind == "session":
        given["gap"] = draw(st.integers(1, 12))
        return given, "session"
    if kind == "sliding":
        given["difference"] = draw(st.integers(1, 12))
    else:
        given["size"] = draw(st.integers(2, 15))
        if kind == "hopping":
            given["advance"] = draw(st.integers(1, given["size"]))
    return given, "window"
