"""From a sub-topology's specifications to the operators of one task, wired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamkit.operators.base import Operator
from streamkit.operators.sink import SinkOperator
from streamkit.operators.source import SourceOperator
from streamkit.topology.nodes import (
    GlobalStoreNode,
    ProcessorNode,
    SinkNode,
    SourceNode,
    TimestampExtractor,
)
from streamkit.topology.plan import SubTopology
from streamkit.topology.wiring import Node

__all__ = ["OperatorGraph", "make_global_operators", "make_operators"]


@dataclass(frozen=True, slots=True)
class OperatorGraph:
    """The operators of one task.

    Attributes:
        operators: all of them, parents first: the order for `init`; the reverse is for `close`.
        sources: by source node's name.
        by_topic: the source operator of each topic that is named (a pattern's topics: `source_of`).
    """

    operators: tuple[Operator, ...]
    sources: dict[str, SourceOperator]
    by_topic: dict[str, SourceOperator]
    _nodes: tuple[Node, ...]

    def source_of(self, topic: str) -> SourceOperator:
        """The source that reads `topic`, by name or by pattern.

        Raises:
            KeyError: none does.
        """
        source = self.by_topic.get(topic)
        if source is not None:
            return source
        for node in self._nodes:
            if isinstance(node, SourceNode) and node.pattern and node.pattern.fullmatch(topic):
                return self.sources[node.name]
        raise KeyError(topic)


def make_operators(
    sub_topology: SubTopology, default_extractor: TimestampExtractor | None = None
) -> OperatorGraph:
    """Build and wire the operators of one task; stores and `init` are the task's business.

    Args:
        default_extractor: event time for sources that name none; None: the record's own timestamp.
    """
    return _wire(sub_topology.nodes, default_extractor)


def make_global_operators(node: GlobalStoreNode) -> OperatorGraph:
    """The source and the updater of a global store."""
    return _wire((node.source, node.processor), None)


def _wire(nodes: Iterable[Node], default_extractor: TimestampExtractor | None) -> OperatorGraph:
    nodes = tuple(nodes)
    made: dict[str, Operator] = {}
    sources: dict[str, SourceOperator] = {}
    by_topic: dict[str, SourceOperator] = {}
    for node in nodes:
        operator: Operator
        if isinstance(node, SourceNode):
            source = SourceOperator(
                node.key_serde,
                node.value_serde,
                node.timestamp_extractor or default_extractor,
                changes=node.changes,
            )
            sources[node.name] = source
            by_topic.update(dict.fromkeys(node.topics, source))
            operator = source
        elif isinstance(node, ProcessorNode):
            operator = node.make()
        else:
            operator = _sink(node)
        operator.name = node.name
        made[node.name] = operator
        if not isinstance(node, SourceNode):
            for parent in node.parents:
                made[parent].children.append(operator)
    return OperatorGraph(tuple(made.values()), sources, by_topic, nodes)


def _sink(node: SinkNode) -> SinkOperator:
    fixed = isinstance(node.topic, str)
    return SinkOperator(
        node.topic if isinstance(node.topic, str) else None,
        node.key_serde,
        node.value_serde,
        topic_extractor=None if fixed else node.topic,
        partitioner=node.partitioner,
        reuse_raw_key=node.reuse_raw_key,
        changes=node.changes,
    )
