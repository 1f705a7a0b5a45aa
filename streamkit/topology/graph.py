"""The logical graph that the DSL builds, and how it becomes a topology.

A node stands for one operation of the DSL. Nodes are written to the topology by priority, which is the
order in which the program added them, and only after all their parents, as Kafka Streams does; so names,
order of children and numbers of sub-topologies come out the same.

Source: InternalStreamsBuilder, GraphNode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamkit.serde import Serde
from streamkit.topology.arrangement import Arrangement
from streamkit.topology.graph_nodes import GraphNode, RepartitionGraphNode, RootNode
from streamkit.topology.names import NameCounter
from streamkit.topology.naming import UnnamedResource, unnamed_resources
from streamkit.topology.optimize import (
    Optimization,
    keep_null_keys_for_left_joins,
    merge_sources,
    optimize,
)
from streamkit.topology.topology import Topology

__all__ = ["Graph"]


class Graph:
    """Nodes of one program, from sources on.

    Attributes:
        names: the counter of generated names.
        default_key, default_value: serdes where neither the program nor the stream before says one.
        join_repartitions: the repartition node that joins of one stream share, by the stream's node.
    """

    def __init__(self, default_key: Serde[Any], default_value: Serde[Any]) -> None:
        self.names: NameCounter = NameCounter()
        self.default_key = default_key
        self.default_value = default_value
        self.join_repartitions: dict[GraphNode, RepartitionGraphNode] = {}
        self._root = RootNode("root")
        self._nodes: dict[GraphNode, None] = {}  # in the order in which they were first added
        self._next_priority = 0
        self._copartitioned: list[tuple[str, ...]] = []

    def add_source(self, node: GraphNode) -> None:
        """Add a node that has no parent in the program."""
        self.add(node, self._root)

    def add(self, node: GraphNode, *parents: GraphNode) -> None:
        """Add a node below `parents`, or below further parents if it is there already.

        What is added again moves behind everything that the program has added so far.
        """
        self._nodes.setdefault(node)
        for parent in parents:
            if node not in parent.children:
                parent.children.append(node)
                node.parents.append(parent)
            node.priority = self._next_priority
            self._next_priority += 1

    def copartition(self, sources: Sequence[str]) -> None:
        """The topics of these sources must agree in their number of partitions."""
        self._copartitioned.append(tuple(sources))

    def write(self, wanted: frozenset[Optimization] = frozenset()) -> Topology:
        """The topology; may be asked for again, also after the program has grown.

        Raises:
            TopologyError: names clash, or two sources share some but not all of their topics.
        """
        arranged = Arrangement(self._root, self._nodes, self._copartitioned)
        merge_sources(arranged)
        optimize(arranged, wanted, self.names.copy())
        keep_null_keys_for_left_joins(arranged)
        topology = Topology()
        for node in arranged.in_order():
            parents = tuple(parent.name for parent in arranged.parents(node))
            node.write(topology, parents)
        for sources in arranged.copartitioned:
            topology.copartition(sources)
        return topology

    def unnamed(self, topology: Topology) -> tuple[UnnamedResource, ...]:
        """What has only a generated name in a topology that was written here."""
        return unnamed_resources(topology.wiring, self.names)
