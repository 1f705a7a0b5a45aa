"""A topology in words and pictures: Kafka Streams' text form, JSON, Mermaid, SVG.

Kafka Streams prints sets in the order of Java's hash tables and trees; the text form reproduces that
order, so that the description of one topology is the same text in Java and in Python.

Source: InternalTopologyBuilder.TopologyDescription.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from streamkit.topology.java_order import TreeOrder, hash_order
from streamkit.topology.mermaid import draw_mermaid
from streamkit.topology.nodes import ProcessorNode, SourceNode
from streamkit.topology.parts import (
    GlobalStoreDescription,
    NodeDescription,
    Part,
    SubTopologyDescription,
)
from streamkit.topology.svg import draw_svg
from streamkit.topology.wiring import Node, NodeGroup, Wiring

__all__ = [
    "GlobalStoreDescription",
    "NodeDescription",
    "SubTopologyDescription",
    "TopologyDescription",
    "describe_topology",
]


@dataclass(frozen=True, slots=True)
class TopologyDescription:
    """The parts of a topology by number; `str` gives Kafka Streams' text."""

    parts: tuple[Part, ...]

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
        return draw_mermaid(self.parts)

    def to_svg(self) -> str:
        """The same picture as an SVG document, drawn without other programs."""
        return draw_svg(self.parts)


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


def _describe_group(group: NodeGroup) -> Part:
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
