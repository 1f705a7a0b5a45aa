"""The kinds of nodes of the logical graph, and what each writes to the topology."""

from streamkit.topology.graph_nodes.joins import StreamJoinGraphNode, TableJoinGraphNode
from streamkit.topology.graph_nodes.node import GraphNode, RootNode
from streamkit.topology.graph_nodes.operators import OperatorGraphNode, StoreGraphNode
from streamkit.topology.graph_nodes.repartition import (
    ChangeRepartitionGraphNode,
    RawKey,
    RepartitionGraphNode,
    RepartitionOptions,
    merged_repartition,
)
from streamkit.topology.graph_nodes.sinks import SinkGraphNode
from streamkit.topology.graph_nodes.sources import (
    GlobalTableGraphNode,
    InternalSourceGraphNode,
    SourceGraphNode,
    SourceOptions,
    TableSourceGraphNode,
)

__all__ = [
    "ChangeRepartitionGraphNode",
    "GlobalTableGraphNode",
    "GraphNode",
    "InternalSourceGraphNode",
    "OperatorGraphNode",
    "RawKey",
    "RepartitionGraphNode",
    "RepartitionOptions",
    "RootNode",
    "SinkGraphNode",
    "SourceGraphNode",
    "SourceOptions",
    "StoreGraphNode",
    "StreamJoinGraphNode",
    "TableJoinGraphNode",
    "TableSourceGraphNode",
    "merged_repartition",
]
