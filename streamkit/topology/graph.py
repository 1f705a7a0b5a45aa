"""The logical graph that the DSL builds, and how it becomes a topology.

A node stands for one operation of the DSL. Nodes are written to the topology by priority, which is the
order in which the program added them, and only after all their parents, as Kafka Streams does; so names,
order of children and numbers of sub-topologies come out the same.

Source: InternalStreamsBuilder, GraphNode.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

from streamkit.errors import TopologyError
from streamkit.serde import Serde
from streamkit.topology.graph_nodes import (
    GraphNode,
    RepartitionGraphNode,
    RootNode,
    SourceGraphNode,
    TableSourceGraphNode,
)
from streamkit.topology.names import NameCounter
from streamkit.topology.topology import Topology

__all__ = ["Graph"]


class Graph:
    """Nodes of one program, from sources on.

    Attributes:
        names: the counter of generated names.
        default_key, default_value: serdes where neither the program nor the stream before says one.
    """

    def __init__(self, default_key: Serde[Any], default_value: Serde[Any]) -> None:
        self.names = NameCounter()
        self.default_key = default_key
        self.default_value = default_value
        self._root = RootNode("root")
        self._next_priority = 0
        self._copartitioned: list[tuple[str, ...]] = []

    def add_source(self, node: GraphNode) -> None:
        """Add a node that has no parent in the program."""
        self.add(node, self._root)

    def add(self, node: GraphNode, *parents: GraphNode) -> None:
        """Add a node below `parents`, or below further parents if it is there already."""
        for parent in parents:
            parent.children.append(node)
            node.parents.append(parent)
            node.priority = self._next_priority
            self._next_priority += 1

    def copartition(self, sources: Sequence[str]) -> None:
        """The topics of these sources must agree in their number of partitions."""
        self._copartitioned.append(tuple(sources))

    def write(self, *, optimize: bool = False) -> Topology:
        """The topology.

        Args:
            optimize: source topics of tables serve as their changelogs.

        Raises:
            TopologyError: names clash, or two sources share some but not all of their topics.
        """
        self._merge_sources()
        self._keep_null_keys_for_left_joins()
        topology = Topology()
        nodes = self._in_order()
        for node in nodes:
            if isinstance(node, TableSourceGraphNode):
                node.reuse_topic = optimize
            node.write(topology)
        for sources in self._copartitioned:
            topology.copartition(sources)
        return topology

    def _in_order(self) -> list[GraphNode]:
        order: list[GraphNode] = []
        written = {id(self._root)}
        queue: list[tuple[int, int, GraphNode]] = []
        pushed = 0

        def push_children(node: GraphNode) -> None:
            nonlocal pushed
            for child in node.children:
                heapq.heappush(queue, (child.priority, pushed, child))
                pushed += 1

        push_children(self._root)
        while queue:
            node = heapq.heappop(queue)[2]
            if id(node) in written:
                continue
            if all(id(parent) in written for parent in node.parents):
                written.add(id(node))
                order.append(node)
                push_children(node)
        return order

    def _merge_sources(self) -> None:
        """Sources of the same topics become one: the first, with the children of all."""
        by_topics: dict[object, SourceGraphNode] = {}
        by_topic: dict[str, SourceGraphNode] = {}
        for node in list(self._root.children):
            if not isinstance(node, SourceGraphNode):
                continue
            identity: object = frozenset(node.topics)
            if node.pattern is not None:
                identity = (node.pattern.pattern, node.pattern.flags)
            first = by_topics.get(identity)
            if first is not None:
                first.absorb(node)
                self._root.children.remove(node)
                self._copartitioned = [
                    tuple(first.name if name == node.name else name for name in names)
                    for names in self._copartitioned
                ]
                continue
            for topic in node.topics:
                other = by_topic.setdefault(topic, node)
                if other is not node:
                    raise TopologyError(
                        f"topic {topic!r} is read by {other.name!r} together with other topics than "
                        f"by {node.name!r}: read the same topics in both, or each topic on its own"
                    )
            by_topics[identity] = node

    def _keep_null_keys_for_left_joins(self) -> None:
        """Repartitioning drops records without a key unless a left join downstream emits them."""
        above_left_join: set[int] = set()
        done: set[int] = set()

        def visit(node: GraphNode) -> None:
            if id(node) in done:
                return
            for child in node.children:
                visit(child)
                if child.emits_null_keys or id(child) in above_left_join:
                    above_left_join.add(id(node))
            done.add(id(node))
            if isinstance(node, RepartitionGraphNode):
                node.keep_null_keys = id(node) in above_left_join

        visit(self._root)
