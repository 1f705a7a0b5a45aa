"""Topology: sources, processors, sinks and stores wired by name, checked as they are added.

What the DSL ends in, and the low-level Processor API for users. Nodes keep the order in which they were
added: children get a record in that order, and sub-topologies are numbered by it, as in Kafka Streams.

Names of internal topics and changelogs carry no application id here; `plan` puts it in front.

Source: org.apache.kafka.streams.Topology, InternalTopologyBuilder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from re import Pattern
from typing import Any

from streamkit.operators.process import GlobalStoreUpdater, ProcessorAdapter, ProcessorSupplier
from streamkit.serde import serde_for
from streamkit.state.spec import StoreSpec
from streamkit.topology.describe import TopologyDescription, describe_topology
from streamkit.topology.nodes import (
    GlobalStoreNode,
    MakeOperator,
    OffsetReset,
    ProcessorNode,
    SinkNode,
    SourceNode,
    StreamPartitioner,
    TimestampExtractor,
    TopicNameExtractor,
)
from streamkit.topology.wiring import InternalTopicSpec, Wiring

__all__ = ["Topology"]


class Topology:
    """A directed graph of sources, processors and sinks, with the stores that processors share.

    Example:
        >>> topology = Topology()
        >>> _ = topology.add_source("in", "words", key=str, value=str)
        >>> _ = topology.add_sink("out", "copies", "in", key=str, value=str)
        >>> print(topology.describe())
        Topologies:
           Sub-topology: 0
            Source: in (topics: [words])
              --> out
            Sink: out (topic: copies)
              <-- in
        <BLANKLINE>
        <BLANKLINE>
    """

    def __init__(self) -> None:
        self._wiring = Wiring()

    # -- what users call ---------------------------------------------------------------------------

    def add_source(
        self,
        name: str,
        topics: str | Sequence[str] | Pattern[str],
        *,
        key: Any = bytes,
        value: Any = bytes,
        timestamp: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
    ) -> Topology:
        """Read topics, or all topics whose whole name matches a compiled pattern.

        Args:
            name: unique in the topology.
            topics: a name, names, or a pattern.
            key, value: types or serdes; bytes as they are by default.
            timestamp: event time of each record; None: the record's own.
            offset_reset: where to begin without a committed offset: "earliest", "latest", "none" (an error),
                or a timedelta: that long before now; None: the app's default.

        Raises:
            TopologyError: the name or a topic is taken, or no topic is given.
        """
        names: tuple[str, ...] = ()
        pattern: Pattern[str] | None = None
        if isinstance(topics, Pattern):
            pattern = topics
        else:
            names = (topics,) if isinstance(topics, str) else tuple(topics)
        self.add_source_node(
            SourceNode(
                name=name,
                topics=names,
                key_serde=_serde(key),
                value_serde=_serde(value),
                timestamp_extractor=timestamp,
                offset_reset=offset_reset,
                pattern=pattern,
            )
        )
        return self

    def add_processor(
        self,
        name: str,
        supplier: ProcessorSupplier[Any, Any, Any, Any],
        *parents: str,
        stores: Iterable[str] = (),
    ) -> Topology:
        """Hand the records of `parents` to a processor.

        Args:
            name: unique in the topology.
            supplier: makes the processor, once for each task.
            parents: sources or processors.
            stores: names of stores to connect, added before or later with `add_state_store`.

        Raises:
            TopologyError: the name is taken, a parent is unknown, or none is given.
        """
        self.add_processor_node(ProcessorNode(name, tuple(parents), _Adapted(supplier)))
        names = tuple(stores)
        if names:
            self.connect(name, *names)
        return self

    def add_sink(
        self,
        name: str,
        topic: str | TopicNameExtractor,
        *parents: str,
        key: Any = bytes,
        value: Any = bytes,
        partitioner: StreamPartitioner | None = None,
    ) -> Topology:
        """Write the records of `parents` to a topic, or to the topic that a function names for each.

        Args:
            name: unique in the topology.
            topic: a topic's name or `f(key, value, info)`.
            parents: sources or processors.
            key, value: types or serdes; bytes as they are by default.
            partitioner: `f(topic, key, value, partitions)`, see `StreamPartitioner`; None: murmur2 of the key.

        Raises:
            TopologyError: the name is taken, a parent is unknown, or none is given.
        """
        self.add_sink_node(
            SinkNode(name, tuple(parents), topic, _serde(key), _serde(value), partitioner)
        )
        return self

    def add_state_store(self, spec: StoreSpec, *processors: str) -> Topology:
        """Add a store and connect it to processors.

        Raises:
            TopologyError: another store has the name, or a processor is unknown.
        """
        self._wiring.add_store(spec)
        for processor in processors:
            self._wiring.connect(processor, spec.name)
        return self

    def connect(self, processor: str, *stores: str) -> Topology:
        """Connect a processor to stores; processors that share a store run in one task.

        Raises:
            TopologyError: the processor or a store is unknown.
        """
        for store in stores:
            self._wiring.connect(processor, store)
        return self

    def add_global_store(
        self,
        spec: StoreSpec,
        topic: str,
        supplier: ProcessorSupplier[Any, Any, Any, Any] | None = None,
        *,
        source_name: str,
        processor_name: str,
        key: Any = bytes,
        value: Any = bytes,
        timestamp: TimestampExtractor | None = None,
    ) -> Topology:
        """Add a store that every worker fills with the whole of `topic` before its tasks start.

        Args:
            supplier: the processor that puts each record into the store; None: the record as it is.

        Raises:
            TopologyError: a name or the topic is taken.
        """
        make: MakeOperator = (
            _Adapted(supplier) if supplier is not None else _GlobalUpdate(spec.name)
        )
        self.add_global_store_node(
            GlobalStoreNode(
                replace(spec, logged=False, source_changelog=topic),
                SourceNode(source_name, (topic,), _serde(key), _serde(value), timestamp),
                ProcessorNode(processor_name, (source_name,), make, (spec.name,)),
            )
        )
        return self

    def add_read_only_state_store(
        self,
        spec: StoreSpec,
        topic: str,
        supplier: ProcessorSupplier[Any, Any, Any, Any],
        *,
        source_name: str,
        processor_name: str,
        key: Any = bytes,
        value: Any = bytes,
        timestamp: TimestampExtractor | None = None,
    ) -> Topology:
        """Add a store that a topic fills and is restored from: the topic is its changelog.

        Each task holds the rows of its partitions; other processors may be connected, to read them.

        Args:
            spec: a key-value store; its serdes write what is in the topic.
            supplier: makes the processor that puts each record into the store, as it is.

        Raises:
            TopologyError: a name or the topic is taken.

        Source: Topology.addReadOnlyStateStore (KIP-813).
        """
        self.add_source(source_name, topic, key=key, value=value, timestamp=timestamp)
        self.add_processor(processor_name, supplier, source_name)
        return self.add_state_store(
            replace(spec, logged=True, source_changelog=topic), processor_name
        )

    def describe(self) -> TopologyDescription:
        """The sub-topologies; `str` of it is Kafka Streams' text form."""
        return describe_topology(self._wiring)

    # -- what the DSL's graph writes to ------------------------------------------------------------

    @property
    def wiring(self) -> Wiring:
        """Nodes, stores and groups, for `plan`."""
        return self._wiring

    def add_source_node(self, node: SourceNode) -> None:
        """Add a source as the DSL describes it; see `add_source`."""
        self._wiring.add_source(node)

    def add_processor_node(self, node: ProcessorNode) -> None:
        """Add a processor as the DSL describes it, connected to its stores; see `add_processor`."""
        self._wiring.add_processor(replace(node, stores=()))
        for store in node.stores:
            self._wiring.connect(node.name, store)

    def add_sink_node(self, node: SinkNode) -> None:
        """Add a sink as the DSL describes it; see `add_sink`."""
        self._wiring.add_sink(node)

    def add_global_store_node(self, node: GlobalStoreNode) -> None:
        """Add a global store as the DSL describes it; see `add_global_store`."""
        self._wiring.add_global_store(node)

    def add_internal_topic(self, name: str, partitions: int | None = None) -> None:
        """Declare a repartition topic; `partitions` None: derived from what feeds it."""
        self._wiring.add_internal_topic(InternalTopicSpec(name, partitions))

    def copartition(self, sources: Iterable[str]) -> None:
        """The topics of these source nodes must have one number of partitions."""
        self._wiring.copartition(tuple(sources))

    @property
    def stores(self) -> Mapping[str, StoreSpec]:
        """Store specifications by name, global ones included."""
        return self._wiring.stores


class _Adapted:
    """Makes the operator around a user's processor; a class, so that it crosses cloudpickle."""

    def __init__(self, supplier: ProcessorSupplier[Any, Any, Any, Any]) -> None:
        self.supplier = supplier

    def __call__(self) -> ProcessorAdapter:
        return ProcessorAdapter(self.supplier)


class _GlobalUpdate:
    """Makes the operator that puts a global topic's records into their store."""

    def __init__(self, store: str) -> None:
        self.store = store

    def __call__(self) -> GlobalStoreUpdater:
        return GlobalStoreUpdater(self.store)


def _serde(type_or_serde: Any) -> Any:
    return None if type_or_serde is bytes else serde_for(type_or_serde)
