"""One case of the live oracle: asked, compared, and made smaller where the answers differ."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from random_topologies import Case
from streams_oracle import StreamsOracle
from topology_json import Node, answer

__all__ = ["differences", "report", "smaller"]

_EXTRACTOR = re.compile(r"extractor class: [^)]*")
_NOT_OPTIMIZED = "Found a null keyChangingChild node"
"""Kafka Streams' optimization says so of good programs with streams that are merged or cogrouped; ours run."""
_BUGS = ("java.lang.NullPointerException", "java.lang.ClassCastException")
"""Where Kafka Streams stops with one, nobody wants the same: what came before is compared."""


def differences(oracle: StreamsOracle, case: Case) -> tuple[dict[str, Any], list[str]]:
    """Kafka Streams' answer, and in what ours differs."""
    expected = oracle.ask(case)
    found = answer(
        case["nodes"],
        case["inputs"],
        backend=case["backend"],
        optimize=case["optimize"],
        go_on=case.get("continue", False),
        cache=case.get("cache", False),
    )
    return expected, list(_compared(case, expected, found))


def _compared(case: Case, expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    described, own = (_EXTRACTOR.sub("", each.get("described", "")) for each in (expected, found))
    if described and own and described != own:
        lines = difflib.unified_diff(described.splitlines(), own.splitlines(), "Kafka", "ours", n=1)
        yield "\n".join(["described:", *lines])
    inputs = case["inputs"]
    theirs, ours = expected.get("steps", []), found.get("steps", [])
    if expected.get("failed", "").startswith(_BUGS):
        ours = ours[: len(theirs)]
    elif ("failed" in expected) != ("failed" in found):
        yield f"failed: Kafka Streams {expected.get('failed')}, ours {found.get('failed')}"
    if _NOT_OPTIMIZED in expected.get("error", ""):
        return
    if ("error" in expected) != ("error" in found):
        yield f"error: Kafka Streams {expected.get('error')}, ours {found.get('error')}"
    for number in range(max(len(theirs), len(ours))):
        one = theirs[number] if number < len(theirs) else "stopped"
        other = ours[number] if number < len(ours) else "stopped"
        if one != other:
            given = list(inputs[number].values())
            yield f"input {number} {given}:\n  Kafka Streams {one}\n  ours          {other}"
    for store, rows in expected.get("stores", {}).items():
        own = found.get("stores", {}).get(store, [])
        if sorted(map(json.dumps, rows)) != sorted(map(json.dumps, own)):
            yield f"store {store}:\n  Kafka Streams {rows}\n  ours          {own}"
    for file, lines in expected.get("printed", {}).items():
        own = found.get("printed", {}).get(file)
        if lines != own:
            yield f"{file}:\n  Kafka Streams {lines!r}\n  ours          {own!r}"


def smaller(case: Case, fails: Callable[[Case], bool], most_tries: int = 400) -> Case:
    """A case that still fails, with fewer inputs, nodes and details."""
    tries = 0
    again = True
    while again and tries < most_tries:
        again = False
        for candidate in _candidates(case):
            tries += 1
            if tries > most_tries:
                break
            if fails(candidate):
                case, again = candidate, True
                break
    return case


def _candidates(case: Case) -> Iterator[Case]:
    inputs, nodes = case["inputs"], case["nodes"]
    for size in (8, 4, 2, 1):
        for start in range(0, len(inputs), size):
            yield {**case, "inputs": inputs[:start] + inputs[start + size :]}
    for at in reversed(range(len(nodes))):
        without = _without(nodes, at)
        if without is not None:
            yield {**case, "nodes": without}
    if case["backend"] != "memory":
        yield {**case, "backend": "memory"}
    if case["optimize"]:
        yield {**case, "optimize": False}
    if case.get("cache"):
        yield {**case, "cache": False}
    if case.get("continue"):
        yield {**case, "continue": False}
    for at, given in enumerate(inputs):
        if given.get("headers"):
            plain = {name: value for name, value in given.items() if name != "headers"}
            yield {**case, "inputs": [*inputs[:at], plain, *inputs[at + 1 :]]}
    for at, node in enumerate(nodes):
        for option in (
            "store",
            "dynamic",
            "earlier",
            "extractor",
            "keyed",
            "partitioner",
            "more",
            "retention",
            "base",
            "this",
            "other",
            "unlogged",
        ):
            if option in node and node["op"] not in ("process", "process_values", "punctuate"):
                plain = {name: value for name, value in node.items() if name != option}
                if option != "store" or "history" not in node:
                    yield {**case, "nodes": [*nodes[:at], plain, *nodes[at + 1 :]]}


def _without(nodes: list[Node], at: int) -> list[Node] | None:
    """The nodes without one that no other goes on with; or with its children on its own first parent."""
    gone = nodes[at]
    if gone["op"] == "link":
        return None
    children = [node for node in nodes if at in node.get("of", ())]
    if children:
        streams = ("filter", "map_values", "select_key", "repartition", "peek", "route")
        if gone["op"] not in (*streams, "table_filter", "table_map_values", "windowed_filter"):
            return None
    if len(nodes) == 1:
        return None

    def renumbered(of: int) -> int:
        target = gone["of"][0] if of == at else of
        return int(target) - (target > at)

    kept = []
    for number, node in enumerate(nodes):
        if number != at:
            of = node.get("of")
            kept.append(node if of is None else {**node, "of": [renumbered(one) for one in of]})
    return kept


def report(case: Case, lines: list[str]) -> str:
    """The case, to be pasted into a test."""
    shown = ["nodes = [", *(f"    {_plain(node)}," for node in case["nodes"]), "]"]
    shown += ["inputs = [", *(f"    {given!r}," for given in case["inputs"]), "]"]
    shown.append(
        f"backend {case['backend']}, optimize {case['optimize']}, continue {case.get('continue')}, "
        f"cache {case.get('cache')}"
    )
    return "\n".join([*shown, *lines])


def _plain(node: Node) -> str:
    return repr({k: v for k, v in node.items() if k not in ("name", "between", "tap")})
