"""Graph to plan: what a topology consists of, and what tasks are made from."""

from streamkit.topology.describe import TopologyDescription
from streamkit.topology.nodes import (
    GlobalStoreNode,
    InternalTopic,
    ProcessorNode,
    SinkNode,
    SourceNode,
    StreamPartitioner,
    TimestampExtractor,
    TopicNameExtractor,
)
from streamkit.topology.partitions import ResolvedTopics
from streamkit.topology.plan import SubTopology, TopologyPlan, plan
from streamkit.topology.topology import Topology

__all__ = [
    "GlobalStoreNode",
    "InternalTopic",
    "ProcessorNode",
    "ResolvedTopics",
    "SinkNode",
    "SourceNode",
    "StreamPartitioner",
    "SubTopology",
    "TimestampExtractor",
    "TopicNameExtractor",
    "Topology",
    "TopologyDescription",
    "TopologyPlan",
    "plan",
]
