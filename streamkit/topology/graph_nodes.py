"""The kinds of nodes of the logical graph, and what each writes to the topology.

What an operator is built with (does anybody need old values? is the table materialized?) is known only
when the whole program is: nodes therefore ask their `make` at the time of writing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from re import Pattern
from typing import Any, TypeAlias

from streamkit.operators.drop_null_key import DropNullKey
from streamkit.operators.process import GlobalStoreUpdater
from streamkit.operators.timestamps import record_time_or_fail
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.names import NameCounter
from streamkit.topology.nodes import (
    GlobalStoreNode,
    MakeOperator,
    ProcessorNode,
    SinkNode,
    SourceNode,
    StreamPartitioner,
    TimestampExtractor,
    TopicNameExtractor,
)
from streamkit.topology.topology import Topology

__all__ = [
    "ChangeRepartitionGraphNode",
    "GlobalTableGraphNode",
    "GraphNode",
    "InternalSourceGraphNode",
    "OperatorGraphNode",
    "RawKey",
    "RepartitionGraphNode",
    "RepartitionOptions",
    "RootNode",
    "SinkGraphNode",
    "SourceGraphNode",
    "SourceOptions",
    "StoreGraphNode",
    "StreamJoinGraphNode",
    "TableJoinGraphNode",
    "TableSourceGraphNode",
    "merged_repartition",
]

MakeLater: TypeAlias = Callable[[], MakeOperator]


class GraphNode:
    """One operation.

    Attributes:
        name: what its children name as their parent.
        parents, children: those above and below it in the program.
        priority: position in the order of writing.
        key_changing: keys after it are not those before.
        value_changing: values after it are not those before.
        is_merge: it merges streams.
        emits_null_keys: a left join, which sends on records without a key.
        window_grace_ms: of a windowed aggregation: how far stream time is beyond a window's end (of a
            session: its last record) when it takes no more records; None for other operations.
        window_idles: of a windowed aggregation: windows close on the wall clock while no data comes.
        source_name: of the source that it reads a topic with, None for other operations.
        repartition: the repartition node that joins of its stream share, once there is one.
    """

    key_changing = False
    value_changing = False
    is_merge = False
    emits_null_keys = False
    window_grace_ms: int | None = None
    window_idles = False
    source_name: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.parents: list[GraphNode] = []
        self.children: list[GraphNode] = []
        self.priority = 0
        self.repartition: RepartitionGraphNode | None = None

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        """Add its nodes and stores to the topology, below those called `parents`."""
        raise NotImplementedError


class RootNode(GraphNode):
    """Above all sources; writes nothing."""

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source reads its topics."""

    key: Serde[Any]
    value: Serde[Any]
    timestamp: TimestampExtractor | None = None
    offset_reset: str | None = None

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
        self.source_name = name
        self.topics = tuple(topics)
        self.options = options
        self.pattern = pattern

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_source_node(self.options.node(self.name, self.topics, self.pattern))


class TableSourceGraphNode(GraphNode):
    """A topic as a table.

    Args:
        make: asked when written.
        store: asked when written; None: the table is not materialized.
    """

    def __init__(
        self,
        name: str,
        source_name: str,
        topic: str,
        options: SourceOptions,
        make: MakeLater,
        store: Callable[[], StoreSpec | None],
    ) -> None:
        super().__init__(name)
        self.reuse_topic = False
        self.source_name = self._source = source_name
        self._topic = topic
        self.options = options
        self._make = make
        self._store = store

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_source_node(self.options.node(self._source, (self._topic,)))
        topology.add_processor_node(ProcessorNode(self.name, (self._source,), self._make()))
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
        self.source_name = self._source = source_name
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


class StoreGraphNode(GraphNode):
    """A store that the user added for processors."""

    def __init__(self, store: StoreSpec) -> None:
        super().__init__(store.name)
        self._store = store

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_state_store(self._store)


class OperatorGraphNode(GraphNode):
    """One operator, with a store of its own and those it is connected to.

    Args:
        make: asked when written.
        store: asked when written; a store to add and connect, or None.
        connect: asked when written; names of stores to connect.
        key_changing, value_changing: keys or values after it are not those before.
        is_merge: it merges streams.
        emits_null_keys: a left join.
        ignores_value: it only tells null values from others.
    """

    def __init__(
        self,
        name: str,
        make: MakeLater,
        *,
        store: Callable[[], StoreSpec | None] | None = None,
        connect: Callable[[], Sequence[str]] | None = None,
        key_changing: bool = False,
        value_changing: bool = False,
        is_merge: bool = False,
        emits_null_keys: bool = False,
        ignores_value: bool = False,
    ) -> None:
        super().__init__(name)
        self.key_changing = key_changing
        self.value_changing = value_changing
        self.is_merge = is_merge
        self.emits_null_keys = emits_null_keys
        self._make = make
        self._store = store
        self._connect = connect
        self.ignores_value = ignores_value

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        topology.add_processor_node(
            ProcessorNode(self.name, parents, self._make(), ignores_value=self.ignores_value)
        )
        if self._connect is not None:
            topology.connect(self.name, *self._connect())
        store = self._store() if self._store is not None else None
        if store is not None:
            topology.add_state_store(store, self.name)


JoinSide: TypeAlias = tuple[str, str, MakeOperator, StoreSpec]
"""Of one side of a stream-stream join: the join's name, its parent's, how it is made, its window store."""


class StreamJoinGraphNode(GraphNode):
    """A join of two streams: an operator on each side and one that merges their results.

    Args:
        name: of the merging operator.
        make_self_join: the one operator, under that name, of a stream joined with itself through one store.
        pending: the store of records that wait for a partner, if any do.
        emits_null_keys: a left or outer join.

    Attributes:
        is_self_join: the left side's window store serves both sides; set when the whole graph is known.
    """

    def __init__(
        self,
        name: str,
        *,
        left: JoinSide,
        right: JoinSide,
        make_merge: MakeOperator,
        make_self_join: MakeOperator,
        pending: StoreSpec | None,
        emits_null_keys: bool,
    ) -> None:
        super().__init__(name)
        self.emits_null_keys = emits_null_keys
        self.is_self_join = False
        self._sides = (left, right)
        self._make_merge = make_merge
        self._make_self_join = make_self_join
        self._pending = pending

    @property
    def left_window(self) -> str:
        """Name of the node that keeps the left side's records."""
        return self._sides[0][1]

    @property
    def right_window(self) -> str:
        """Name of the node that keeps the right side's records."""
        return self._sides[1][1]

    @property
    def value_serdes(self) -> tuple[Serde[Any] | None, Serde[Any] | None]:
        """The serdes of the left and the right side's values."""
        return self._sides[0][3].value_serde, self._sides[1][3].value_serde

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        (left, left_window, _, left_store), (right, right_window, _, right_store) = self._sides
        if self.is_self_join:
            topology.add_processor_node(
                ProcessorNode(self.name, (left_window,), self._make_self_join)
            )
            topology.add_state_store(left_store, left_window, self.name)
            return
        for name, window, make, _ in self._sides:
            topology.add_processor_node(ProcessorNode(name, (window,), make))
        topology.add_processor_node(ProcessorNode(self.name, (left, right), self._make_merge))
        topology.add_state_store(left_store, left_window, right)
        topology.add_state_store(right_store, right_window, left)
        if self._pending is not None:
            topology.add_state_store(self._pending, left, right)


class TableJoinGraphNode(GraphNode):
    """A join of two tables: an operator on each side and one that merges their results.

    Args:
        name: of the merging operator.
        this_parent, other_parent: the nodes that the two sides hang on.
        this_stores, other_stores: asked when written; what each side looks up.
        store: of the result, if it is materialized.
    """

    def __init__(
        self,
        name: str,
        this_name: str,
        other_name: str,
        this_parent: str,
        other_parent: str,
        make_this: MakeLater,
        make_other: MakeLater,
        make_merge: MakeOperator,
        *,
        this_stores: Callable[[], Sequence[str]],
        other_stores: Callable[[], Sequence[str]],
        store: StoreSpec | None,
    ) -> None:
        super().__init__(name)
        self._sides = (
            (this_name, this_parent, make_this, this_stores),
            (other_name, other_parent, make_other, other_stores),
        )
        self._make_merge = make_merge
        self._store = store

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        for name, parent, make, _ in self._sides:
            topology.add_processor_node(ProcessorNode(name, (parent,), make()))
        names = tuple(side[0] for side in self._sides)
        topology.add_processor_node(ProcessorNode(self.name, names, self._make_merge))
        for name, _, _, stores in self._sides:
            topology.connect(name, *stores())
        if self._store is not None:
            topology.add_state_store(self._store, self.name)


class SinkGraphNode(GraphNode):
    """The end of a stream in a topic.

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
        self._sink = SinkNode(name, (), topic, key, value, partitioner)
        self._reuse_raw_key = reuse_raw_key

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:
        topology.add_sink_node(
            replace(self._sink, parents=parents, reuse_raw_key=self._reuse_raw_key())
        )


class RawKey:
    """What a source record's key bytes stand for, as far as the program goes.

    Attributes:
        serde: would write these bytes; merging repartition topics may change it until nodes are written.
    """

    __slots__ = ("serde",)

    def __init__(self, serde: Serde[Any]) -> None:
        self.serde = serde


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
        self.source_name = source_name
        self.options = options
        self.raw_key = RawKey(self.key_serde)
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
        self.source_name = source_name
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


class InternalSourceGraphNode(GraphNode):
    """A topic of the app's own, read behind the sinks that write it."""

    def __init__(self, name: str, topic: str, key: Serde[Any], value: Serde[Any]) -> None:
        super().__init__(name)
        self.source_name = name
        self._topic = topic
        self._options = SourceOptions(key, value, record_time_or_fail)

    def write(self, topology: Topology, parents: tuple[str, ...]) -> None:  # noqa: ARG002
        topology.add_internal_topic(self._topic)
        topology.add_source_node(self._options.node(self.name, (self._topic,)))
