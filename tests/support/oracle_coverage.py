"""What the oracle's topologies covered: each operator, and each ordered pair of operators with state.

An operator gave results if a topic, a file or a function got some that had come through it, and through others with
one operand at most. A source has to be given a record, and what goes on with it some results.

A pair (A, B) is covered when B goes on with A (with operators without state, or put between for their kinds, on the
way), and A gave results: so records came from A to B.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from oracle_operators import ENDS, OPERATORS, STATEFUL, VARIANTS
from topology_json import Input, Node, topics_of

__all__ = ["COUNTED", "Coverage", "chains"]

COUNTED = (*ENDS, *OPERATORS, *VARIANTS)
"""All that is counted, by name."""

_ON_THEIR_OWN = ("punctuate", "link")
"""Operations whose results need no record of the node above."""


def chains(names: Sequence[str], length: int) -> Iterator[list[str]]:
    """Sequences of names in which each name follows each, itself included, once."""
    size = len(names)
    left = {at: list(range(size)) for at in range(size)}
    path, walk = [0], list[int]()
    while path:  # Hierholzer's walk over all edges
        if left[path[-1]]:
            # Far steps first, so that neighbours in one chain are of different families.
            path.append(left[path[-1]].pop())
        else:
            walk.append(path.pop())
    for start in range(0, len(walk) - 1, length - 1):
        yield [names[at] for at in walk[start : start + length]]


class Coverage:
    """Counts."""

    def __init__(self) -> None:
        self.used = Counter[str]()
        self.gave_results = Counter[str]()
        self.pairs = Counter[tuple[str, str]]()
        self.cases = 0
        self.refused = 0
        self.failed = 0
        self.records = 0

    def count(
        self, nodes: Sequence[Node], inputs: Sequence[Input], answered: dict[str, Any]
    ) -> None:
        """Take a case in, with what Kafka Streams answered."""
        self.cases += 1
        if "error" in answered:
            self.refused += 1
            return
        self.failed += "failed" in answered
        rows = [row for step in answered["steps"] for row in step]
        self.records += len(rows)
        written = {row[0] for row in rows}
        written |= {name for name, lines in answered.get("printed", {}).items() if lines}
        filled = {name for name, content in answered.get("stores", {}).items() if content}
        gave = _with_results(nodes, {given.get("topic") for given in inputs}, written, filled)
        for at, node in enumerate(nodes):
            name = node["name"]
            for each in (name, *(form for form, takes in VARIANTS.items() if takes(node))):
                self.used[each] += 1
                self.gave_results[each] += at in gave
            if name in STATEFUL and not node.get("between"):
                for above in _stateful_above(nodes, node):
                    if above in gave:
                        self.pairs[nodes[above]["name"], name] += 1

    def missing_pairs(self) -> list[tuple[str, str]]:
        """Ordered pairs that are not covered."""
        return [
            (first, second)
            for first in STATEFUL
            for second in STATEFUL
            if not self.pairs[first, second]
        ]

    def rare(self, least_uses: int, least_results: int) -> dict[str, tuple[int, int]]:
        """What was used less often, or gave results less often: how often."""
        return {
            name: (self.used[name], self.gave_results[name])
            for name in COUNTED
            if self.used[name] < least_uses or self.gave_results[name] < least_results
        }

    def table(self) -> str:
        """A line an operator: how often it was used, gave results, and with how many others it was paired."""
        lines = [
            f"{self.cases} topologies, {self.records} records of results, {self.refused} refused, "
            f"{self.failed} stopped by Kafka Streams",
            f"{'operator':32}{'used':>8}{'results':>9}{'before':>8}{'after':>8}",
        ]
        for name in COUNTED:
            line = f"{name:32}{self.used[name]:8}{self.gave_results[name]:9}"
            if name in STATEFUL:
                before = sum(bool(self.pairs[name, other]) for other in STATEFUL)
                after = sum(bool(self.pairs[other, name]) for other in STATEFUL)
                line += f"{before:8}{after:8}"
            lines.append(line)
        covered = len(STATEFUL) ** 2 - len(self.missing_pairs())
        lines.append(f"ordered pairs of operators with state: {covered} of {len(STATEFUL) ** 2}")
        return "\n".join(lines)


def _with_results(
    nodes: Sequence[Node], given: set[str | None], written: set[str], filled: set[str]
) -> set[int]:
    """The nodes that gave results.

    Args:
        given: topics that got records.
        written: topics, files and functions that got results.
        filled: stores with something in them.
    """
    gave: set[int] = set()
    for at in reversed(range(len(nodes))):
        node = nodes[at]
        if node["op"] == "to":
            came = bool(written.intersection(topics_of(node)))
        elif node["op"] in ("for_each", "print"):
            came = f"{'seen' if node['op'] == 'for_each' else 'printed'}{at}" in written
        elif node["op"] == "global_store":
            came = node["store"] in filled
        elif "topic" in node:
            came = any(
                at in other.get("of", ()) for below, other in enumerate(nodes) if below in gave
            )
        else:
            came = at in gave
        if came:
            gave.add(at)
            of = node.get("of", ())
            if len(set(of)) == 1 and node["op"] not in _ON_THEIR_OWN:
                gave.update(of)
            if "topic" in node and node["op"] != "to" and not _topics(node) & given:
                gave.discard(at)
    return gave


def _topics(source: Node) -> set[str | None]:
    return {source["topic"], *source.get("more", ())}


def _stateful_above(nodes: Sequence[Node], node: Node) -> set[int]:
    found: set[int] = set()
    for above in node.get("of", ()):
        found |= (
            {above}
            if nodes[above]["name"] in STATEFUL and not nodes[above].get("between")
            else _stateful_above(nodes, nodes[above])
        )
    return found
