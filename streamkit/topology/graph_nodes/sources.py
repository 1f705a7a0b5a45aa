"""Where records come in: topics as streams, as tables and as global tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from re import Pattern
from typing import Any

from streamkit.operators.process import GlobalStoreUpdater
from streamkit.operators.timestamps import record_time_or_fail
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes.node import GraphNode, MakeLater
from streamkit.topology.nodes import (
    GlobalStoreNode,
    MakeOperator,
    NodeCache,
    OffsetReset,
    ProcessorNode,
    SourceNode,
    TimestampExtractor,
)
from streamkit.topology.topology import Topology

__all__ = [
    "GlobalTableGraphNode",
    "InternalSourceGraphNode",
    "SourceGraphNode",
    "SourceOptions",
    "TableSourceGraphNode",
]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source reads its topics."""

    key: Serde[Any]
    value: Serde[Any]
    timestamp: TimestampExtractor | None = None
    offset_reset: OffsetReset | None = None

    def node(
        self, name: str, topics: Sequence[str], pattern: Pattern[str] | None = None
    ) -> SourceNode:
        return SourceNode(
            name, tuple(topics), self.key, self.value, self.timestamp, self.offset_reset, pattern
        )


class SourceGraphNode(GraphNode):
    """Topics as a stream."""

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        options: SourceOptions,
        pattern: Pattern[str] | None = None,
    ) -> None:
        super().__init__(name)
        self.source_name: str = name
        self.topics: tuple[str, ...] = tuple(topics)
        self.options = options
        self.pattern = pattern

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_source_node(self.options.node(self.name, self.topics, self.pattern))


class TableSourceGraphNode(GraphNode):
    """A topic as a table.

    Args:
        make: asked when written.
        store: asked when written; None: the table is not materialized.
        cache: asked when written; merges its updates, see `NodeCache`.
    """

    def __init__(
        self,
        name: str,
        source_name: str,
        topic: str,
        options: SourceOptions,
        make: MakeLater,
        store: Callable[[], StoreSpec | None],
        cache: Callable[[], NodeCache | None],
    ) -> None:
        super().__init__(name)
        self.reuse_topic = False
        self.source_name: str = source_name
        self._source = source_name
        self._topic = topic
        self.options = options
        self._make = make
        self._store = store
        self._cache = cache

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_source_node(self.options.node(self._source, (self._topic,)))
        topology.add_processor_node(
            ProcessorNode(self.name, (self._source,), self._make(), cache=self._cache())
        )
        store = self._store()
        if store is not None:
            if self.reuse_topic:
                store = replace(store, source_changelog=self._topic)
            topology.add_state_store(store, self.name)


class GlobalTableGraphNode(GraphNode):
    """A topic as a table that every worker holds whole.

    Args:
        make: what puts each record into the store; None: as it is.
    """

    def __init__(
        self,
        name: str,
        source_name: str,
        topic: str,
        options: SourceOptions,
        store: StoreSpec,
        make: MakeOperator | None = None,
    ) -> None:
        super().__init__(name)
        self._make = make or partial(GlobalStoreUpdater, store.name)
        self.source_name: str = source_name
        self._source = source_name
        self._topic = topic
        self._options = options
        self._store = store

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_global_store_node(
            GlobalStoreNode(
                replace(self._store, logged=False, source_changelog=self._topic),
                self._options.node(self._source, (self._topic,)),
                ProcessorNode(
                    self.name,
                    (self._source,),
                    self._make,
                    (self._store.name,),
                ),
            )
        )


class InternalSourceGraphNode(GraphNode):
    """A topic of the app's own, read behind the sinks that write it."""

    def __init__(self, name: str, topic: str, key: Serde[Any], value: Serde[Any]) -> None:
        super().__init__(name)
        self.source_name: str = name
        self._topic = topic
        self._options = SourceOptions(key, value, record_time_or_fail)

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_internal_topic(self._topic)
        topology.add_source_node(self._options.node(self.name, (self._topic,)))
