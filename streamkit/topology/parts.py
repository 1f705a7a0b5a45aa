"""The parts of a topology's description: nodes, sub-topologies and global stores, in Kafka Streams' words.

Source: org.apache.kafka.streams.TopologyDescription.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["GlobalStoreDescription", "NodeDescription", "Part", "SubTopologyDescription"]


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

    @property
    def topic_labels(self) -> tuple[str, ...]:
        """What to call the topics that it reads or writes in a drawing."""
        if self.pattern is not None:
            return (self.pattern,)
        if self.extractor is not None:
            return (f"named by {self.extractor}",)
        return self.topics

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


Part: TypeAlias = SubTopologyDescription | GlobalStoreDescription
