"""Which node of a program hangs below which: a copy that the passes before the writing may change.

The program itself stays as it is, so that it can be built again, or grow and be built again.

Source: GraphNode, InternalStreamsBuilder.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from streamkit.topology.graph_nodes import GraphNode

__all__ = ["Arrangement"]


class Arrangement:
    """Parents, children and priorities of nodes.

    Args:
        root: above all sources.
        nodes: all others, in the order in which the program added them.
        copartitioned: names of sources whose topics must agree in their partitions.
    """

    def __init__(
        self,
        root: GraphNode,
        nodes: Iterable[GraphNode],
        copartitioned: Sequence[tuple[str, ...]],
    ) -> None:
        self.root = root
        self.nodes: list[GraphNode] = list(nodes)
        self.copartitioned: list[tuple[str, ...]] = list(copartitioned)
        self.priority: dict[GraphNode, int] = {node: node.priority for node in self.nodes}
        everything = [root, *self.nodes]
        self._children = {node: list(dict.fromkeys(node.children)) for node in everything}
        self._parents = {node: list(dict.fromkeys(node.parents)) for node in everything}

    def children(self, node: GraphNode) -> tuple[GraphNode, ...]:
        """Those below `node` now, in order."""
        return tuple(self._children[node])

    def parents(self, node: GraphNode) -> tuple[GraphNode, ...]:
        """Those above `node` now, in order."""
        return tuple(self._parents[node])

    def add(self, node: GraphNode, priority: int) -> None:
        """Take in a new node, which stands alone until it is linked."""
        self.nodes.append(node)
        self.priority[node] = priority
        self._children[node] = []
        self._parents[node] = []

    def link(self, parent: GraphNode, child: GraphNode) -> None:
        """Put `child` below `parent` too."""
        if child not in self._children[parent]:
            self._children[parent].append(child)
            self._parents[child].append(parent)

    def unlink(self, parent: GraphNode, child: GraphNode) -> None:
        """Take `child` away from below `parent`."""
        if child in self._children[parent]:
            self._children[parent].remove(child)
            self._parents[child].remove(parent)

    def replace_source(self, name: str, by: str) -> None:
        """Where a source of that name had to agree with others, another one has to."""
        self.copartitioned = [
            tuple(by if source == name else source for source in sources)
            for sources in self.copartitioned
        ]

    def nearest_above(
        self, node: GraphNode, wanted: Callable[[GraphNode], bool]
    ) -> GraphNode | None:
        """`node` or the first node above it that is `wanted`, one way up after the other."""
        if wanted(node):
            return node
        for parent in self._parents[node]:
            found = self.nearest_above(parent, wanted)
            if found is not None:
                return found
        return None

    def ancestors(self, node: GraphNode) -> set[GraphNode]:
        """`node` and everything above it."""
        found = {node}
        queue = [node]
        while queue:
            for parent in self._parents[queue.pop()]:
                if parent not in found:
                    found.add(parent)
                    queue.append(parent)
        return found

    def in_order(self) -> list[GraphNode]:
        """All nodes below the root by priority, each after all its parents."""
        order: list[GraphNode] = []
        written = {self.root}
        queue: list[tuple[int, int, GraphNode]] = []
        pushed = 0

        def push_children(node: GraphNode) -> None:
            nonlocal pushed
            for child in self._children[node]:
                heapq.heappush(queue, (self.priority[child], pushed, child))
                pushed += 1

        push_children(self.root)
        while queue:
            node = heapq.heappop(queue)[2]
            if node not in written and written.issuperset(self._parents[node]):
                written.add(node)
                order.append(node)
                push_children(node)
        return order
