"""The nodes of a topology, their order, and which of them belong together.

A sub-topology is a connected component: a node and its parents, and processors that share a store.
Components are numbered in the order of their first node; global stores count too, but make no tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from re import Pattern
from typing import TypeAlias

from streamkit.errors import TopologyError
from streamkit.state.spec import StoreSpec
from streamkit.topology.nodes import GlobalStoreNode, ProcessorNode, SinkNode, SourceNode

__all__ = ["InternalTopicSpec", "Node", "NodeGroup", "Wiring"]

Node: TypeAlias = SourceNode | ProcessorNode | SinkNode


@dataclass(frozen=True, slots=True)
class InternalTopicSpec:
    """A repartition topic, without the application id; partitions None: to be derived."""

    name: str
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """One connected component. `global_store` is set for the two nodes that fill a global store."""

    id: int
    nodes: tuple[Node, ...]
    global_store: GlobalStoreNode | None = None


class Wiring:
    """Mutable while a topology is built; read by `describe` and `plan`."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.stores: dict[str, StoreSpec] = {}
        self.global_stores: dict[str, GlobalStoreNode] = {}
        self.internal_topics: dict[str, InternalTopicSpec] = {}
        self.copartitioned: list[tuple[str, ...]] = []
        self._connected: dict[str, list[str]] = {}  # processor -> stores
        self._users: dict[str, list[str]] = {}  # store -> processors
        self._topics: dict[str, str] = {}  # topic -> source
        self._patterns: dict[str, Pattern[str]] = {}  # source -> pattern
        self._groups = _UnionFind()

    # -- adding ------------------------------------------------------------------------------------

    def add_source(self, node: SourceNode) -> None:
        if not node.topics and node.pattern is None:
            raise TopologyError(f"source {node.name!r} reads no topic: give one or more")
        if node.pattern is not None:
            self._register_pattern(node.pattern, node.name)
        self._add(node)
        for topic in node.topics:
            self._register_topic(topic, node.name)

    def add_processor(self, node: ProcessorNode) -> None:
        self._check_parents(node.name, node.parents)
        self._add(node)
        self._unite(node.name, node.parents)

    def add_sink(self, node: SinkNode) -> None:
        self._check_parents(node.name, node.parents)
        self._add(node)
        self._unite(node.name, node.parents)

    def add_store(self, spec: StoreSpec) -> None:
        known = self.stores.get(spec.name)
        if known is not None and known is not spec:
            raise TopologyError(
                f"a store named {spec.name!r} is there already: give it another name"
            )
        self.stores[spec.name] = spec
        self._users.setdefault(spec.name, [])

    def replace_store(self, spec: StoreSpec) -> None:
        self.stores[spec.name] = spec

    def add_global_store(self, node: GlobalStoreNode) -> None:
        self.add_store(node.store)
        self.add_source(node.source)
        self.add_processor(replace(node.processor, stores=()))
        self._connected[node.processor.name] = [node.store.name]
        self.global_stores[node.store.name] = node

    def add_internal_topic(self, topic: InternalTopicSpec) -> None:
        self.internal_topics.setdefault(topic.name, topic)

    def copartition(self, sources: tuple[str, ...]) -> None:
        self.copartitioned.append(sources)

    def connect(self, processor: str, store: str) -> None:
        node = self.nodes.get(processor)
        if not isinstance(node, ProcessorNode):
            what = "unknown" if node is None else "not a processor"
            raise TopologyError(f"can't connect store {store!r}: node {processor!r} is {what}")
        if store in self.global_stores:
            raise TopologyError(f"global store {store!r} needs no connection: every task sees it")
        if store not in self.stores:
            raise TopologyError(
                f"processor {processor!r} asks for store {store!r}, which is not added to the topology"
            )
        users = self._users[store]
        if users:
            self._groups.unite(users[0], processor)
        users.append(processor)
        stores = self._connected.setdefault(processor, [])
        if store not in stores:
            stores.append(store)

    # -- reading -----------------------------------------------------------------------------------

    def stores_of(self, processor: str) -> tuple[str, ...]:
        return tuple(self._connected.get(processor, ()))

    def groups(self) -> tuple[NodeGroup, ...]:
        """Connected components in the order of their first node, processors with their stores."""
        global_sources = {node.source.name: node for node in self.global_stores.values()}
        members: dict[str, list[Node]] = {}
        for name, node in self.nodes.items():
            if isinstance(node, ProcessorNode):
                node = replace(node, stores=self.stores_of(name))
            members.setdefault(self._groups.root(name), []).append(node)
        return tuple(
            NodeGroup(number, tuple(nodes), global_sources.get(nodes[0].name))
            for number, nodes in enumerate(members.values())
        )

    def source_topics(self, names: Iterable[str]) -> list[str]:
        """Topics of the named sources."""
        topics: list[str] = []
        for name in names:
            node = self.nodes[name]
            if isinstance(node, SourceNode):
                topics.extend(node.topics)
        return topics

    def source_patterns(self, names: Iterable[str]) -> list[Pattern[str]]:
        """Patterns of the named sources."""
        return [self._patterns[name] for name in names if name in self._patterns]

    @property
    def topic_sources(self) -> Mapping[str, str]:
        return self._topics

    # -- checks ------------------------------------------------------------------------------------

    def _add(self, node: Node) -> None:
        self._check_free(node.name)
        self.nodes[node.name] = node

    def _check_free(self, name: str) -> None:
        if name in self.nodes:
            raise TopologyError(f"a node named {name!r} is there already: give it another name")

    def _check_parents(self, name: str, parents: tuple[str, ...]) -> None:
        self._check_free(name)
        if not parents:
            raise TopologyError(f"node {name!r} has no parent: name the nodes that feed it")
        for parent in parents:
            node = self.nodes.get(parent)
            if parent == name or node is None:
                raise TopologyError(f"node {name!r}: its parent {parent!r} is not added yet")
            if isinstance(node, SinkNode):
                raise TopologyError(f"node {name!r}: a sink ({parent!r}) can't be a parent")

    def _unite(self, name: str, parents: tuple[str, ...]) -> None:
        for parent in parents:
            self._groups.unite(name, parent)

    def _register_topic(self, topic: str, source: str) -> None:
        other = self._topics.get(topic)
        if other is not None:
            raise TopologyError(
                f"topic {topic!r} is read by source {other!r} already: use that stream or table twice "
                "instead of a second source"
            )
        for reader, pattern in self._patterns.items():
            self._refuse_match(topic, source, pattern, reader)
        self._topics[topic] = source

    def _register_pattern(self, pattern: Pattern[str], source: str) -> None:
        global_sources = {node.source.name for node in self.global_stores.values()}
        for topic, reader in self._topics.items():
            if reader not in global_sources:
                self._refuse_match(topic, reader, pattern, source)
        self._patterns[source] = pattern

    def _refuse_match(
        self, topic: str, source: str, pattern: Pattern[str], pattern_source: str
    ) -> None:
        """Of two sources that read one topic, only one would get its records.

        A pattern never reads topics of the app's own.
        """
        if topic not in self.internal_topics and pattern.fullmatch(topic):
            raise TopologyError(
                f"topic {topic!r} of source {source!r} matches the pattern {pattern.pattern!r} of source "
                f"{pattern_source!r}, which would read it too: a topic is read by one source only"
            )


class _UnionFind:
    """Which names are in one component."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        path = []
        while (parent := self._parent.get(name, name)) != name:
            path.append(name)
            name = parent
        for step in path:
            self._parent[step] = name
        return name

    def unite(self, one: str, other: str) -> None:
        self._parent[self.root(one)] = self.root(other)
