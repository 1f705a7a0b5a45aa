"""Topics of the app's own between operations, through which records of one key meet in one task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from streamkit.operators.drop_null_key import DropNullKey
from streamkit.operators.timestamps import record_time_or_fail
from streamkit.serde import Serde
from streamkit.topology.graph_nodes.node import GraphNode
from streamkit.topology.names import NameCounter
from streamkit.topology.nodes import ProcessorNode, SinkNode, SourceNode, StreamPartitioner
from streamkit.topology.topology import Topology

__all__ = [
    "ChangeRepartitionGraphNode",
    "RawKey",
    "RepartitionGraphNode",
    "RepartitionOptions",
    "merged_repartition",
]


class RawKey:
    """What a source record's key bytes stand for, as far as the program goes.

    Attributes:
        serde: would write these bytes; merging repartition topics may change it until nodes are written.
    """

    __slots__ = ("serde",)

    def __init__(self, serde: Serde[Any]) -> None:
        self.serde: Serde[Any] = serde


@dataclass(frozen=True, slots=True)
class RepartitionOptions:
    """How records go through a repartition topic.

    Attributes:
        key, value: serdes; None where neither the program nor the stream before says one.
        default_key, default_value: in that case.
        partitions: None: derived from what feeds the topic.
        partitioner: None: murmur2 of the key.
        reuse_raw_key: asked when written: the source record's key bytes are what the key serde would write.
        optimizable: may be merged with others; those that a program asks for itself are not.
    """

    key: Serde[Any] | None
    value: Serde[Any] | None
    default_key: Serde[Any]
    default_value: Serde[Any]
    partitions: int | None = None
    partitioner: StreamPartitioner | None = None
    reuse_raw_key: Callable[[], bool] = bool
    optimizable: bool = True


class RepartitionGraphNode(GraphNode):
    """Through a topic of the app's own, so that records of one key meet in one task.

    Its name is that of the source behind the topic.

    Attributes:
        topic: without the application id.
        raw_key: of the records behind it.
        keep_null_keys: records without a key pass; set when the whole graph is known.
    """

    def __init__(
        self,
        source_name: str,
        *,
        topic: str,
        sink_name: str,
        filter_name: str,
        options: RepartitionOptions,
    ) -> None:
        super().__init__(source_name)
        self.topic = topic
        self.source_name: str = source_name
        self.options = options
        self.raw_key: RawKey = RawKey(self.key_serde)
        self.keep_null_keys = False
        self._sink_name = sink_name
        self._filter_name = filter_name

    @property
    def optimizable(self) -> bool:
        """It may be merged with others."""
        return self.options.optimizable

    @property
    def key_serde(self) -> Serde[Any]:
        """Of the keys in the topic."""
        return self.options.key if self.options.key is not None else self.options.default_key

    @property
    def value_serde(self) -> Serde[Any]:
        """Of the values in the topic."""
        return self.options.value if self.options.value is not None else self.options.default_value

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        topology.add_internal_topic(self.topic, self.options.partitions)
        topology.add_processor_node(
            ProcessorNode(
                self._filter_name, parents, partial(DropNullKey, keep=self.keep_null_keys)
            )
        )
        topology.add_sink_node(
            SinkNode(
                self._sink_name,
                (self._filter_name,),
                self.topic,
                self.key_serde,
                self.value_serde,
                self.options.partitioner,
                reuse_raw_key=self.options.reuse_raw_key(),
            )
        )
        topology.add_source_node(
            SourceNode(
                self.name,
                (self.topic,),
                self.key_serde,
                self.value_serde,
                timestamp_extractor=record_time_or_fail,
            )
        )


def merged_repartition(
    nodes: Sequence[RepartitionGraphNode], names: NameCounter
) -> RepartitionGraphNode:
    """One repartition node for `nodes`: with the first one's topic and the first serdes that are given."""
    first = nodes[0]
    keys = (node.options.key for node in nodes)
    values = (node.options.value for node in nodes)
    for prefix in ("KSTREAM-SINK-", "KSTREAM-FILTER-", "KSTREAM-SOURCE-"):
        names.node(prefix)  # as in Kafka Streams, they are used up
    return RepartitionGraphNode(
        f"{first.topic}-source",
        topic=first.topic,
        sink_name=f"{first.topic}-sink",
        filter_name=f"{first.topic}-filter",
        options=RepartitionOptions(
            next((key for key in keys if key is not None), None),
            next((value for value in values if value is not None), None),
            first.options.default_key,
            first.options.default_value,
        ),
    )


class ChangeRepartitionGraphNode(GraphNode):
    """Changes of a grouped table through a topic of the app's own."""

    def __init__(
        self, source_name: str, *, topic: str, sink_name: str, key: Serde[Any], value: Serde[Any]
    ) -> None:
        super().__init__(source_name)
        self.source_name: str = source_name
        self._topic = topic
        self._sink_name = sink_name
        self._key = key
        self._value = value

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        topology.add_internal_topic(self._topic)
        topology.add_sink_node(
            SinkNode(
                self._sink_name,
                parents,
                self._topic,
                self._key,
                self._value,
                changes=True,
            )
        )
        topology.add_source_node(
            SourceNode(
                self.name,
                (self._topic,),
                self._key,
                self._value,
                timestamp_extractor=record_time_or_fail,
                changes=True,
            )
        )
