"""A topology in words: Kafka Streams' text form, Mermaid, JSON.

Kafka Streams prints sets in the order of Java's hash tables and trees; the text form reproduces that
order, so that the description of one topology is the same text in Java and in Python.

Source: InternalTopologyBuilder.TopologyDescription.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from streamkit.topology.java_order import TreeOrder, hash_order
from streamkit.topology.nodes import ProcessorNode, SourceNode
from streamkit.topology.wiring import Node, NodeGroup, Wiring

__all__ = [
    "GlobalStoreDescription",
    "NodeDescription",
    "SubTopologyDescription",
    "TopologyDescription",
    "describe_topology",
]


@dataclass(slots=True)
class NodeDescription:
    """One node.

    Attributes:
        kind: "source", "processor" or "sink".
        topics: of a source, in Java's order; of a sink, its topic, or nothing if a function names it.
        pattern: of a source that reads by pattern.
        extractor: name of a sink's topic function.
        stores: of a processor.
        successors, predecessors: names, as Kafka Streams orders them.
    """

    name: str
    kind: str
    topics: tuple[str, ...] = ()
    pattern: str | None = None
    extractor: str | None = None
    stores: tuple[str, ...] = ()
    successors: list[str] = field(default_factory=list)
    predecessors: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        after = f"\n      --> {', '.join(self.successors) or 'none'}"
        before = f"\n      <-- {', '.join(self.predecessors) or 'none'}"
        if self.kind == "source":
            topics = self.pattern if self.pattern is not None else f"[{', '.join(self.topics)}]"
            return f"Source: {self.name} (topics: {topics}){after}"
        if self.kind == "sink":
            if self.extractor is not None:
                return f"Sink: {self.name} (extractor class: {self.extractor}){before}"
            return f"Sink: {self.name} (topic: {self.topics[0]}){before}"
        return f"Processor: {self.name} (stores: [{', '.join(self.stores)}]){after}{before}"


@dataclass(frozen=True, slots=True)
class SubTopologyDescription:
    """A connected part of the topology; its nodes are sorted by how much hangs below them."""

    id: int
    nodes: tuple[NodeDescription, ...]

    def __str__(self) -> str:
        body = "".join(f"    {node}\n" for node in self.nodes)
        return f"Sub-topology: {self.id}\n{body}\n"


@dataclass(frozen=True, slots=True)
class GlobalStoreDescription:
    """The source and the processor that fill a global store."""

    id: int
    source: NodeDescription
    processor: NodeDescription

    @property
    def nodes(self) -> tuple[NodeDescription, ...]:
        return self.source, self.processor

    def __str__(self) -> str:
        return (
            f"Sub-topology: {self.id} for global store (will not generate tasks)\n"
            f"    {self.source}\n    {self.processor}\n"
        )


@dataclass(frozen=True, slots=True)
class TopologyDescription:
    """The parts of a topology by number; `str` gives Kafka Streams' text."""

    parts: tuple[SubTopologyDescription | GlobalStoreDescription, ...]

    @property
    def sub_topologies(self) -> tuple[SubTopologyDescription, ...]:
        """The parts that run as tasks, by number."""
        return tuple(part for part in self.parts if isinstance(part, SubTopologyDescription))

    @property
    def global_stores(self) -> tuple[GlobalStoreDescription, ...]:
        """The parts that every worker holds whole."""
        return tuple(part for part in self.parts if isinstance(part, GlobalStoreDescription))

    def __str__(self) -> str:
        return "Topologies:\n " + "".join(f"  {part}" for part in self.parts)

    def to_json(self) -> str:
        """The same as one JSON object: sub-topologies with nodes, topics, stores and edges."""
        parts = []
        for part in self.parts:
            is_global = isinstance(part, GlobalStoreDescription)
            nodes = [_as_dict(node) for node in part.nodes]
            parts.append({"id": part.id, "global": is_global, "nodes": nodes})
        return json.dumps({"sub_topologies": parts}, indent=2)

    def to_mermaid(self) -> str:
        """A Mermaid flow chart: topics as stadiums, stores as cylinders, a box a sub-topology."""
        lines = ["flowchart TD"]
        ids: dict[str, str] = {}

        def ref(kind: str, name: str) -> str:
            return ids.setdefault(f"{kind}:{name}", f"{kind}{len(ids)}")

        topics: dict[str, str] = {}
        edges: list[str] = []
        for part in self.parts:
            is_global = isinstance(part, GlobalStoreDescription)
            nodes = part.nodes
            title = f"Global store {part.id}" if is_global else f"Sub-topology {part.id}"
            lines.append(f'  subgraph part{part.id}["{title}"]')
            for node in nodes:
                lines.append(f'    {ref("n", node.name)}["{node.name}"]')
                for store in node.stores:
                    edges.append(f"  {ref('n', node.name)} <--> {ref('s', store)}")
                    lines.append(f'    {ref("s", store)}[("{store}")]')
            lines.append("  end")
            for node in nodes:
                edges.extend(f"  {ref('n', node.name)} --> {ref('n', s)}" for s in node.successors)
                for topic in _mermaid_topics(node):
                    topics[topic] = ref("t", topic)
                    pair = (ref("t", topic), ref("n", node.name))
                    first, second = pair if node.kind == "source" else pair[::-1]
                    edges.append(f"  {first} --> {second}")
        lines.extend(f'  {ident}(["{topic}"])' for topic, ident in topics.items())
        return "\n".join([*lines, *dict.fromkeys(edges)]) + "\n"


def _mermaid_topics(node: NodeDescription) -> tuple[str, ...]:
    if node.pattern is not None:
        return (node.pattern,)
    if node.extractor is not None:
        return (f"named by {node.extractor}",)
    return node.topics


def _as_dict(node: NodeDescription) -> dict[str, object]:
    return {
        "name": node.name,
        "kind": node.kind,
        "topics": list(node.topics),
        "pattern": node.pattern,
        "topic_function": node.extractor,
        "stores": list(node.stores),
        "successors": list(node.successors),
        "predecessors": list(node.predecessors),
    }


def describe_topology(wiring: Wiring) -> TopologyDescription:
    """The description of what `wiring` holds now."""
    return TopologyDescription(tuple(_describe_group(group) for group in wiring.groups()))


def _describe_group(group: NodeGroup) -> SubTopologyDescription | GlobalStoreDescription:
    if group.global_store is not None:
        source, processor = (_describe_node(node) for node in group.nodes[:2])
        source.successors.append(processor.name)
        processor.predecessors.append(source.name)
        return GlobalStoreDescription(group.id, source, processor)

    nodes = {node.name: node for node in group.nodes}
    order = hash_order(nodes)
    described = {name: _describe_node(nodes[name]) for name in order}
    sizes = dict.fromkeys(order, 1)

    def before(one: str, other: str) -> bool:
        return (-sizes[one], one) < (-sizes[other], other)

    predecessors = {name: TreeOrder(before) for name in order}
    successors = {name: TreeOrder(before) for name in order}

    def grow(name: str, delta: int) -> None:
        sizes[name] += delta
        for predecessor in predecessors[name]:
            grow(predecessor, delta)

    # The sets are ordered by sizes as they are at the moment of insertion, as in the Java library.
    for name in order:
        node = nodes[name]
        if isinstance(node, SourceNode):
            continue
        for parent in node.parents:
            predecessors[name].add(parent)
            successors[parent].add(name)
            grow(parent, sizes[name])
    for name in order:
        described[name].predecessors = list(predecessors[name])
        described[name].successors = list(successors[name])
    ranked = sorted(order, key=lambda name: (-sizes[name], name))
    return SubTopologyDescription(group.id, tuple(described[name] for name in ranked))


def _describe_node(node: Node) -> NodeDescription:
    if isinstance(node, SourceNode):
        pattern = node.pattern.pattern if node.pattern is not None else None
        return NodeDescription(node.name, "source", tuple(hash_order(node.topics)), pattern=pattern)
    if isinstance(node, ProcessorNode):
        return NodeDescription(node.name, "processor", stores=tuple(hash_order(node.stores)))
    if isinstance(node.topic, str):
        return NodeDescription(node.name, "sink", topics=(node.topic,))
    extractor = getattr(node.topic, "__qualname__", type(node.topic).__qualname__)
    return NodeDescription(node.name, "sink", extractor=extractor)
