"""The operators of one task, made from the specifications of its sub-topology and wired."""

from __future__ import annotations

from streamkit.errors import TopologyError
from streamkit.operators.base import Operator
from streamkit.operators.late_records import LateRecords
from streamkit.operators.record_cache import CacheBudget, CacheFront, CacheGate, RecordCache
from streamkit.operators.sink import SinkOperator
from streamkit.operators.source import SourceOperator
from streamkit.topology.nodes import ProcessorNode, SinkNode, SourceNode
from streamkit.topology.plan import SubTopology

__all__ = ["OperatorGraph", "make_source"]


class OperatorGraph:
    """Fresh operators of one sub-topology.

    Attributes:
        operators: in the order of the topology's nodes: parents before children.
        gates: of the record caches, in the order of their stores.

    Args:
        cache: what the app's record caches may hold; None: it has none.
    """

    def __init__(self, sub_topology: SubTopology, cache: CacheBudget | None = None) -> None:
        self.operators: list[Operator] = []
        self.gates: list[CacheGate] = []
        caches: dict[str, RecordCache] = {}
        below: dict[str, Operator] = {}
        self._by_topic: dict[str, SourceOperator] = {}
        self._patterns: list[tuple[SourceNode, SourceOperator]] = []
        self._by_name: dict[str, Operator] = {}
        by_name = self._by_name
        for node in sub_topology.nodes:
            operator: Operator
            if isinstance(node, SourceNode):
                source = make_source(node)
                for topic in node.topics:
                    self._by_topic[topic] = source
                if node.pattern is not None:
                    self._patterns.append((node, source))
                operator = source
            else:
                operator = _make_sink(node) if isinstance(node, SinkNode) else _make(node)
                operator.name = node.name
                if cache is not None and isinstance(node, ProcessorNode) and node.cache is not None:
                    store = node.cache.store
                    merged = caches.setdefault(store, RecordCache(store, cache))
                    gate = CacheGate(merged, send_old=node.cache.send_old)
                    gate.name = node.name
                    operator.children.append(gate)
                    operator = CacheFront(operator, merged)
                    below[node.name] = gate
                    self.gates.append(gate)
                for parent in node.parents:
                    # What is late goes on at once.
                    above = by_name if isinstance(operator, LateRecords) else below
                    above.get(parent, by_name[parent]).children.append(operator)
            operator.name = node.name
            by_name[node.name] = operator
            self.operators.append(operator)
            if node.name in below:
                self.operators.append(below[node.name])
        order = {spec.name: at for at, spec in enumerate(sub_topology.stores)}
        self.gates.sort(key=lambda gate: order[gate.cache.store])

    def operator(self, name: str) -> Operator:
        """The operator called `name`, the first one if there is none."""
        return self._by_name.get(name, self.operators[0])

    def source_for(self, topic: str) -> SourceOperator:
        """The source that reads `topic`.

        Raises:
            TopologyError: none does.
        """
        source = self._by_topic.get(topic)
        if source is not None:
            return source
        for node, operator in self._patterns:
            if node.pattern is not None and node.pattern.fullmatch(topic):
                return operator
        raise TopologyError(f"no source of the sub-topology reads topic {topic!r}")


def make_source(node: SourceNode) -> SourceOperator:
    """The operator of a source node, its name not yet set."""
    return SourceOperator(
        node.key_serde, node.value_serde, node.timestamp_extractor, changes=node.changes
    )


def _make_sink(node: SinkNode) -> SinkOperator:
    topic = node.topic if isinstance(node.topic, str) else None
    return SinkOperator(
        topic,
        node.key_serde,
        node.value_serde,
        topic_extractor=None if topic is not None else node.topic,
        partitioner=node.partitioner,
        window_bytes=node.window_bytes,
        reuse_raw_key=node.reuse_raw_key,
        changes=node.changes,
    )


def _make(node: ProcessorNode) -> Operator:
    return node.make()
