"""What the oracle's topologies covered: each operator, and each ordered pair of operators with state.

A pair (A, B) is covered when B goes on with A (with operators without state, or put between for their kinds, on the
way), A's results were written to a topic, and there was one at least: so records came from A to B.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from oracle_operators import OPERATORS, STATEFUL
from topology_json import Node, topics_of

__all__ = ["Coverage", "chains"]


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

    def count(self, nodes: Sequence[Node], answered: dict[str, Any]) -> None:
        """Take a case in, with what Kafka Streams answered."""
        self.cases += 1
        if "error" in answered:
            self.refused += 1
            return
        self.failed += "failed" in answered
        rows = [row for step in answered["steps"] for row in step]
        self.records += len(rows)
        written = {row[0] for row in rows}
        gave = {
            at
            for at, node in enumerate(nodes)
            if node["op"] == "to" and written.intersection(topics_of(node))
            for at in _tapped(nodes, node)
        }
        for at, node in enumerate(nodes):
            name = node["name"]
            self.used[name] += 1
            self.gave_results[name] += at in gave
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

    def table(self) -> str:
        """A line an operator: how often it was used, gave results, and with how many others it was paired."""
        lines = [
            f"{self.cases} topologies, {self.records} records of results, {self.refused} refused, "
            f"{self.failed} stopped by Kafka Streams",
            f"{'operator':28}{'used':>8}{'results':>9}{'before':>8}{'after':>8}",
        ]
        for name in OPERATORS:
            line = f"{name:28}{self.used[name]:8}{self.gave_results[name]:9}"
            if name in STATEFUL:
                before = sum(bool(self.pairs[name, other]) for other in STATEFUL)
                after = sum(bool(self.pairs[other, name]) for other in STATEFUL)
                line += f"{before:8}{after:8}"
            lines.append(line)
        covered = len(STATEFUL) ** 2 - len(self.missing_pairs())
        lines.append(f"ordered pairs of operators with state: {covered} of {len(STATEFUL) ** 2}")
        return "\n".join(lines)


def _tapped(nodes: Sequence[Node], sink: Node) -> list[int]:
    return [at for at, node in enumerate(nodes) if node.get("tap") == sink["topic"]]


def _stateful_above(nodes: Sequence[Node], node: Node) -> set[int]:
    found: set[int] = set()
    for above in node.get("of", ()):
        found |= (
            {above}
            if nodes[above]["name"] in STATEFUL and not nodes[above].get("between")
            else _stateful_above(nodes, nodes[above])
        )
    return found
