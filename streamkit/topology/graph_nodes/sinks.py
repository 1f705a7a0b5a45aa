"""Where records go out: the end of a stream in a topic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from streamkit.serde import Serde
from streamkit.serde.windowed import window_bytes
from streamkit.topology.graph_nodes.node import GraphNode
from streamkit.topology.nodes import SinkNode, StreamPartitioner, TopicNameExtractor
from streamkit.topology.topology import Topology

__all__ = ["SinkGraphNode"]


class SinkGraphNode(GraphNode):
    """The end of a stream in a topic.

    Windows of one key go to one partition, as in Kafka Streams (WindowedStreamPartitioner).

    Args:
        reuse_raw_key: asked when written: the source record's key bytes are what `key` would write.
    """

    def __init__(
        self,
        name: str,
        topic: str | TopicNameExtractor,
        key: Serde[Any],
        value: Serde[Any],
        partitioner: StreamPartitioner | None,
        *,
        reuse_raw_key: Callable[[], bool] = bool,
    ) -> None:
        super().__init__(name)
        self._sink = SinkNode(
            name,
            (),
            topic,
            key,
            value,
            partitioner,
            window_bytes=window_bytes(key) if partitioner is None else 0,
        )
        self._reuse_raw_key = reuse_raw_key

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        topology.add_sink_node(
            replace(self._sink, parents=parents, reuse_raw_key=self._reuse_raw_key())
        )
