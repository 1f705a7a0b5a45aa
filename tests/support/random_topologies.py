"""Random topologies and inputs for the live oracle, in the form of `topology_json.py`.

Choices are made by hypothesis or by a seeded `Random`: the same operators come out of both. A topology is either free
(`free_case`), or leads through given operators one after another (`chain_case`), with what has to stand between them,
where one results in a stream and the next takes a table; such nodes are marked `between`. Each node names its
operator as the coverage counts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from oracle_functions import RAISES
from oracle_operators import OPERATORS, Operator
from topology_json import Input, Node

__all__ = ["Case", "Choices", "HypothesisChoices", "RandomChoices", "chain_case", "free_case"]

T = TypeVar("T")

Case = dict[str, Any]
"""Nodes, inputs, the backend of the stores, whether the topology is optimized, and goes on behind errors."""

MOST_OPERATORS = 6
MOST_INPUTS = 24
LAST_TIME = 60

_SOURCES = {
    "stream": "stream",
    "table": "table",
    "versioned": "table",
    "global": "global",
    "global_store": "global_store",
}


_LIGHT = {
    kind: tuple(
        name
        for name, operator in OPERATORS.items()
        if not operator.stateful and operator.takes[0] == kind and operator.gives == kind
    )
    for kind in ("stream", "windowed")
}
"""Operators without state that change no kind, to be put between others."""


_VIEWS = ("table_filter", "table_filter_not", "table_map_values", "table_transform_values")
"""Operators whose tables have the history of the table above, unless they have a store."""


_BEGINNINGS = ("stream", "table", "to_table", "aggregate", "cogroup", "table_group", "repartition")
"""Operations that a sub-topology may begin with."""


_MULTIPLY = (
    "stream_join",
    "self_join",
    "flat_map",
    "aggregate_hopping",
    "aggregate_sliding",
    "cogroup_windowed",
)
"""Operators that send on more than they get: the more of them, the fewer inputs."""


class Choices(Protocol):
    """Where randomness comes from."""

    def number(self, least: int, most: int) -> int:
        """One of `least` to `most`."""
        ...

    def pick(self, options: Sequence[T]) -> T:
        """One of these."""
        ...

    def chance(self, percent: int) -> bool:
        """True that often."""
        ...


class RandomChoices:
    """Choices of a seeded `Random`."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def pick(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent


class HypothesisChoices:
    """Choices of hypothesis, which makes failing ones small."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, least: int, most: int) -> int:
        return self._draw(st.integers(least, most))

    def pick(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def chance(self, percent: int) -> bool:
        return self._draw(st.integers(0, 99)) >= 100 - percent


def free_case(choices: Choices) -> Case:
    """Some operators on some sources, each on what is there."""
    build = _Build(choices)
    build.source("stream")
    for kind in ("stream", "table", "versioned", "global", "global_store"):
        if choices.chance(60 if kind == "global_store" else 40):
            build.source(kind)
    for _ in range(choices.number(1, MOST_OPERATORS)):
        build.any_operator()
    return build.case()


def chain_case(choices: Choices, names: Sequence[str]) -> Case:
    """These operators, each on what the one before results in."""
    build = _Build(choices)
    at = None
    for name in names:
        at = build.operator(name, at)
        build.tap(at)
    return build.case(until_later=True)


class _Build:
    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._raises = choices.chance(20)
        self._nodes: list[Node] = []
        self._kinds: list[str] = []
        self._topics: list[str] = []
        self._extractors: dict[str, str] = {}
        self._used: set[int] = set()
        self._final: set[int] = set()  # windowed tables that hold final results only

    # -- nodes -------------------------------------------------------------------------------------

    def source(self, kind: str) -> int:
        """A stream or table of a topic of its own."""
        choices = self._choices
        topic = f"in{len(self._topics)}"
        self._topics.append(topic)
        node: Node = {"op": _SOURCES[kind], "topic": topic}
        if kind == "stream" and choices.chance(10):
            node["more"] = [f"in{len(self._topics)}"]
            self._topics += node["more"]
        if kind in ("versioned", "global_store") or (kind != "stream" and choices.chance(50)):
            node["store"] = f"source{len(self._nodes)}"
        if kind == "versioned":
            node.update(history=choices.pick((20, 60)), kind="versioned")
        if kind == "global_store":
            node["kind"] = "plain"
        if not kind.startswith("global") and choices.chance(20):
            extractor = choices.pick(("earlier", "partition", "skip", "fail", "beyond"))
            if extractor == "earlier":
                node["earlier"] = choices.number(1, 20)
            else:
                node["extractor"] = extractor
                self._extractors.update(dict.fromkeys([topic, *node.get("more", ())], extractor))
        return self._add(node, kind, f"{kind}_source")

    def operator(self, name: str, at: int | None) -> int:
        """The operator on the node `at`, with what has to be between; None: on a source."""
        operator = OPERATORS[name]
        first = operator.takes[0]
        if at is None:
            at = self.source(first if first in _SOURCES else "stream")
            if not self._fits(at, first):
                at = self._turned(at, first)
        else:
            at = self._turned(at, first)
        return self._operate(name, operator, at)

    def any_operator(self) -> None:
        """An operator on nodes that are there."""
        choices = self._choices
        possible = [
            name
            for name, operator in OPERATORS.items()
            if any(self._fits(at, operator.takes[0]) for at in range(len(self._nodes)))
        ]
        name = choices.pick(possible)
        operator = OPERATORS[name]
        at = choices.pick(
            [at for at in range(len(self._nodes)) if self._fits(at, operator.takes[0])]
        )
        made = self._operate(name, operator, at)
        if choices.chance(40):
            self.tap(made)

    def _operate(self, name: str, operator: Operator, first: int) -> int:
        of = [first]
        for kind in operator.takes[1:]:
            if kind == "same":
                of.append(first)
            elif kind != "another":
                of.append(self._second(kind, first))
            elif self._choices.chance(30):
                of.append(self._second("stream", first))
        node: Node = {**operator.node, "of": of}
        for detail in operator.details:
            node.update(detail(self._choices, len(self._nodes)))
        if isinstance(node.get("by"), list):
            node["by"] = node["by"][: len(of)]
        self._used.update(of)
        gives = self._kinds[first] if operator.gives == "same" else operator.gives
        if "history" in node or (
            name in _VIEWS and "store" not in node and self._kinds[first] == "versioned"
        ):
            gives = "versioned"
        made = self._add(node, gives, name)
        if operator.final or (name.startswith("windowed_") and first in self._final):
            self._final.add(made)
        return made

    def _second(self, kind: str, first: int) -> int:
        """Another operand: mostly a source of its own, so that it has records of its own."""
        there = [at for at in range(len(self._nodes)) if self._fits(at, kind) and at != first]
        if there and self._choices.chance(35):
            return self._choices.pick(there)
        return self.source(kind)

    def _fits(self, at: int, kind: str) -> bool:
        found = self._kinds[at]
        if kind == "open":
            return found == "windowed" and at not in self._final
        if kind == "table":
            return found in ("table", "versioned")
        if kind == "changes":
            return found in ("table", "windowed")
        return found == kind

    def _turned(self, at: int, kind: str) -> int:
        """A node of that kind that goes on with `at`."""
        if self._kinds[at] == "windowed":
            at = self._lightly("windowed", at)
        if self._fits(at, kind):
            return self._lightly("stream", at) if kind == "stream" else at
        if self._kinds[at] == "windowed":
            at = self._between("windowed_to_stream", at)
        elif self._kinds[at] in ("table", "versioned"):
            at = self._between("to_stream", at)
        at = self._lightly("stream", at)
        if kind == "stream":
            return at
        if kind in ("windowed", "open"):
            return self._between("aggregate_tumbling", at)
        return self._between("to_table_versioned" if kind == "versioned" else "to_table", at)

    def _lightly(self, kind: str, at: int) -> int:
        """Sometimes with an operator more that keeps no state."""
        if self._choices.chance(30):
            return self._between(self._choices.pick(_LIGHT[kind]), at)
        return at

    def _between(self, name: str, at: int) -> int:
        made = self._operate(name, OPERATORS[name], at)
        self._nodes[made]["between"] = True
        return made

    def tap(self, at: int) -> None:
        """Write what the node results in to a topic."""
        if "tap" in self._nodes[at] or self._kinds[at] == "end":
            return
        end, kind = at, self._kinds[at]
        if kind != "stream":
            windowed = kind == "windowed"
            node: Node = {"op": "windowed_to_stream" if windowed else "to_stream", "of": [at]}
            end = self._add(node, "end", node["op"])
        self._nodes[at]["tap"] = f"out{at}"
        sink: Node = {"op": "to", "of": [end], "topic": f"out{at}"}
        if self._choices.chance(10):
            sink["dynamic"] = True
        if self._choices.chance(10):
            sink["partitioner"] = self._choices.number(0, 1)
        self._add(sink, "end", "to_dynamic" if sink.get("dynamic") else "to")
        if self._choices.chance(7):
            name = self._choices.pick(("for_each", "print"))
            self._operate(name, OPERATORS[name], end)

    def _add(self, node: Node, kind: str, name: str) -> int:
        node["name"] = name
        self._nodes.append(node)
        self._kinds.append(kind)
        return len(self._nodes) - 1

    # -- the whole ---------------------------------------------------------------------------------

    def case(self, *, until_later: bool = False) -> Case:
        """What nobody goes on with is written to a topic."""
        for at in range(len(self._nodes)):
            if at not in self._used and self._kinds[at] not in ("global", "global_store", "end"):
                self.tap(at)
        self._link()
        cache = self._choices.chance(20)
        if cache:
            # Caches of Kafka Streams go on to show windows that are past their retention.
            for node in self._nodes:
                if "from" not in (node.get("windows") or {"from": 0}):
                    node["retention"] = 500
        return {
            "nodes": self._nodes,
            "inputs": self._inputs(until_later),
            "backend": self._choices.pick(("memory", "memory", "rocksdb")),
            "cache": cache,
            "continue": self._choices.chance(10)
            or (self._raises and self._choices.chance(90))
            or any(n["op"] == "raise" for n in self._nodes),
            "optimize": self._choices.chance(50) and not any(map(_merges, self._nodes)),
        }

    def _link(self) -> None:
        """Make one task of all sub-topologies by a store that they share.

        Kafka's test driver runs them as one task in any case: with one stream time, and one order between
        records of the same time in internal topics.
        """
        others = {node["of"][1] for node in self._nodes if node["op"] == "fk_join"}
        linked = [
            at
            for at, node in enumerate(self._nodes)
            if node["op"] in _BEGINNINGS or "tap" in node or at in others
        ]
        for number, at in enumerate(linked):
            self._add({"op": "link", "of": [at], "first": number == 0}, "end", "link")

    def _inputs(self, until_later: bool) -> list[Input]:
        choices = self._choices
        ordered = choices.chance(60)
        growth = sum(1 for node in self._nodes if node["name"].startswith(_MULTIPLY))
        most = max(6, MOST_INPUTS // max(1, growth))
        given = [
            self._input(ordered)
            for _ in range(choices.number(most // 2 if until_later else 1, most))
        ]
        if ordered:
            given.sort(key=lambda one: one.get("sorted", one.get("ts", 0)) + one.get("late", 0))
        for one in given:
            one.pop("late", None)
            one.pop("sorted", None)
        if until_later or choices.chance(60):
            given += self._later((100, 140, 180, 220) if growth < 3 else (100, 220))
        return given

    def _input(self, ordered: bool) -> Input:
        choices = self._choices
        time = choices.number(0, LAST_TIME)
        if choices.chance(6):
            return {"advance": choices.number(1, 30), "sorted": time}
        given: Input = {
            "topic": choices.pick(self._topics),
            "key": None if choices.chance(6) else choices.pick("abc"),
            "value": None
            if choices.chance(12)
            else choices.pick(
                ("x", f"y{RAISES}" if self._raises else "yy", "azz", "bbbb", "c", "")
            ),
            "ts": time,
        }
        extractor = self._extractors.get(given["topic"])
        if extractor is not None and choices.chance(3 if extractor == "fail" else 20):
            given.update(ts=-choices.number(1, 5), sorted=time)
        if ordered and choices.chance(20):
            given["late"] = choices.number(1, 20)
        if choices.chance(15):
            given["headers"] = [["h", choices.pick("12")]]
        return given

    def _later(self, times: Sequence[int]) -> list[Input]:
        """Records that move time on, again and again, so that what waits comes out."""
        choices = self._choices
        later: list[Input] = []
        for time in times:
            later += [
                {
                    "topic": topic,
                    "key": choices.pick("abc"),
                    "value": choices.pick(("l", "mm")),
                    "ts": time,
                }
                for topic in self._topics
            ]
            later.append({"advance": 15})
        return later


def _merges(node: Node) -> bool:
    """Above merged streams Kafka Streams moves repartition topics wrongly, or stops: we leave them."""
    return node["op"] == "merge" or node.get("take") == 2
