"""StreamsBuilder: where a program begins: streams, tables and global tables from topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from re import Pattern
from typing import Any, TypeVar, Unpack, overload

from streamkit.dsl.backing import SourceBacking
from streamkit.dsl.functions import check_supplier
from streamkit.dsl.global_ktable import GlobalKTable
from streamkit.dsl.kstream import KStream
from streamkit.dsl.ktable import KTable
from streamkit.dsl.options import (
    GlobalTableOptions,
    SerdeLike,
    SourceTableOptions,
    optional_serde,
    resolve_store,
    table_store,
)
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.table_source import table_source
from streamkit.dsl.windows.durations import to_ms
from streamkit.errors import ConfigError
from streamkit.operators.getter import StoreGetter
from streamkit.operators.process import ProcessorAdapter, ProcessorSupplier
from streamkit.operators.timestamps import FieldTime
from streamkit.serde import JsonSerde, Serde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph import Graph
from streamkit.topology.graph_nodes import (
    GlobalTableGraphNode,
    RawKey,
    SourceGraphNode,
    SourceOptions,
    StoreGraphNode,
    TableSourceGraphNode,
)
from streamkit.topology.names import check_name
from streamkit.topology.naming import report_unnamed
from streamkit.topology.nodes import OffsetReset, TimestampExtractor
from streamkit.topology.optimize import optimizations
from streamkit.topology.topology import Topology

__all__ = ["StreamsBuilder"]

K = TypeVar("K")
V = TypeVar("V")

_RESETS = (None, "earliest", "latest", "none")


class StreamsBuilder:
    """Collects operations and turns them into a topology.

    Args:
        default_key, default_value: types or serdes where neither an operation nor the stream before it
            says one; JSON if None.

    Example:
        >>> builder = StreamsBuilder()
        >>> words = builder.stream("words", key=str, value=str)
        >>> words.group_by_key().count(store="counts").to_stream().to("totals")
        >>> print(builder.build().describe())
        Topologies:
           Sub-topology: 0
            Source: KSTREAM-SOURCE-0000000000 (topics: [words])
              --> KSTREAM-AGGREGATE-0000000001
            Processor: KSTREAM-AGGREGATE-0000000001 (stores: [counts])
              --> KTABLE-TOSTREAM-0000000002
              <-- KSTREAM-SOURCE-0000000000
            Processor: KTABLE-TOSTREAM-0000000002 (stores: [])
              --> KSTREAM-SINK-0000000003
              <-- KSTREAM-AGGREGATE-0000000001
            Sink: KSTREAM-SINK-0000000003 (topic: totals)
              <-- KTABLE-TOSTREAM-0000000002
        <BLANKLINE>
        <BLANKLINE>

    Source: org.apache.kafka.streams.StreamsBuilder.
    """

    def __init__(
        self,
        *,
        default_key: SerdeLike[Any] | None = None,
        default_value: SerdeLike[Any] | None = None,
    ) -> None:
        self._graph = Graph(
            optional_serde(default_key) or JsonSerde(), optional_serde(default_value) or JsonSerde()
        )

    @property
    def default_key(self) -> Serde[Any]:
        """The serde of keys where the program says none."""
        return self._graph.default_key

    @property
    def default_value(self) -> Serde[Any]:
        """The serde of values where the program says none."""
        return self._graph.default_value

    @overload
    def stream(
        self,
        topics: str | Sequence[str] | Pattern[str],
        *,
        key: SerdeLike[K],
        value: SerdeLike[V],
        timestamp: Callable[[K, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
    ) -> KStream[K, V]: ...

    @overload
    def stream(
        self,
        topics: str | Sequence[str] | Pattern[str],
        *,
        key: SerdeLike[K],
        timestamp: Callable[[K, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
    ) -> KStream[K, Any]: ...

    @overload
    def stream(
        self,
        topics: str | Sequence[str] | Pattern[str],
        *,
        value: SerdeLike[V],
        timestamp: Callable[[Any, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
    ) -> KStream[Any, V]: ...

    @overload
    def stream(
        self,
        topics: str | Sequence[str] | Pattern[str],
        *,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
    ) -> KStream[Any, Any]: ...

    def stream(
        self,
        topics: str | Sequence[str] | Pattern[str],
        *,
        key: SerdeLike[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
    ) -> KStream[Any, Any]:
        """The records of a topic, of several, or of all whose whole name matches a compiled pattern.

        Args:
            key, value: types or serdes; by default the app's.
            timestamp: event time, `f(key, value)` -> ms since the epoch; by default the record's own.
            timestamp_extractor: the same with all that is known, see `TimestampExtractor`.
            offset_reset: where to begin without a committed offset: "earliest", "latest", "none" (an error),
                or a timedelta: that long before now; by default the app's setting.

        Raises:
            ConfigError: no topic, both kinds of event time, or another offset_reset.

        Example:
            >>> builder = StreamsBuilder()
            >>> events = builder.stream(
            ...     ["web", "shop"], key=str, value=dict, timestamp=lambda key, event: event["at"]
            ... )
            >>> events.map_values(lambda event: event["cents"], value=int).to("cents")
            >>> trace(builder, ("web", "ann", {"cents": 250, "at": 70}),
            ...       ("shop", "bob", {"cents": 4, "at": 60}))
            web ann={'cents': 250, 'at': 70} @0 -> ann=250 @70
            shop bob={'cents': 4, 'at': 60} @1 -> bob=4 @60
        """
        names: tuple[str, ...] = ()
        pattern = topics if isinstance(topics, Pattern) else None
        if not isinstance(topics, Pattern):
            names = (topics,) if isinstance(topics, str) else tuple(topics)
            if not names:
                raise ConfigError("a stream reads at least one topic")
            for topic in names:
                check_name(topic)
        options = self._source(key, value, timestamp, timestamp_extractor, offset_reset)
        name = self._graph.names.node("KSTREAM-SOURCE-", name)
        node = SourceGraphNode(name, names, options, pattern)
        self._graph.add_source(node)
        return KStream(
            StreamNode(
                graph=self._graph,
                node=node,
                name=name,
                key=options.key,
                value=options.value,
                sources=frozenset((name,)),
                raw_keys=(RawKey(options.key),),
            )
        )

    @overload
    def table(
        self,
        topic: str,
        *,
        key: SerdeLike[K],
        value: SerdeLike[V],
        timestamp: Callable[[K, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
        **options: Unpack[SourceTableOptions],
    ) -> KTable[K, V]: ...

    @overload
    def table(
        self,
        topic: str,
        *,
        key: SerdeLike[K],
        timestamp: Callable[[K, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
        **options: Unpack[SourceTableOptions],
    ) -> KTable[K, Any]: ...

    @overload
    def table(
        self,
        topic: str,
        *,
        value: SerdeLike[V],
        timestamp: Callable[[Any, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
        **options: Unpack[SourceTableOptions],
    ) -> KTable[Any, V]: ...

    @overload
    def table(
        self,
        topic: str,
        *,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
        **options: Unpack[SourceTableOptions],
    ) -> KTable[Any, Any]: ...

    def table(
        self,
        topic: str,
        *,
        key: SerdeLike[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: OffsetReset | None = None,
        name: str | None = None,
        **options: Unpack[SourceTableOptions],
    ) -> KTable[Any, Any]:
        """A topic as a table: the latest value of each key; a record without a value deletes its key.

        Args:
            key, value: types or serdes; by default the app's.
            timestamp, timestamp_extractor, offset_reset: as for `stream`.
            options: see `SourceTableOptions`; the table is materialized if `store` is given or an operation
                needs it.

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int, store="stock")
            >>> stock.to_stream().to("changes")
            >>> trace(builder, ("stock", "tea", 3), ("stock", "tea", None))
            stock tea=3 @0       -> tea=3 @0
            stock tea=None @1    -> tea=None @1
        """
        check_name(topic)
        source = self._source(key, value, timestamp, timestamp_extractor, offset_reset)
        names = self._graph.names
        store, fields = resolve_store(self._graph, options, f"{topic}-")
        source_name = names.suffixed(name, "-source", "KSTREAM-SOURCE-")
        name = names.node("KTABLE-SOURCE-", name)
        spec = table_store(store, source.key, source.value, fields, options)
        backing = SourceBacking(spec, options.get("store"))
        node = TableSourceGraphNode(
            name,
            source_name,
            topic,
            source,
            lambda: table_source(spec, backing, reuse_raw_key=node.options.key.canonical),
            backing.store,
            backing.cache,
        )
        self._graph.add_source(node)
        place = StreamNode(
            graph=self._graph,
            node=node,
            name=name,
            key=source.key,
            value=source.value,
            sources=frozenset((source_name,)),
            raw_keys=(RawKey(source.key),),
        )
        return KTable(place, backing)

    @overload
    def global_table(
        self,
        topic: str,
        *,
        key: SerdeLike[K],
        value: SerdeLike[V],
        timestamp: Callable[[K, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        name: str | None = None,
        **options: Unpack[GlobalTableOptions],
    ) -> GlobalKTable[K, V]: ...

    @overload
    def global_table(
        self,
        topic: str,
        *,
        key: SerdeLike[K],
        timestamp: Callable[[K, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        name: str | None = None,
        **options: Unpack[GlobalTableOptions],
    ) -> GlobalKTable[K, Any]: ...

    @overload
    def global_table(
        self,
        topic: str,
        *,
        value: SerdeLike[V],
        timestamp: Callable[[Any, V], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        name: str | None = None,
        **options: Unpack[GlobalTableOptions],
    ) -> GlobalKTable[Any, V]: ...

    @overload
    def global_table(
        self,
        topic: str,
        *,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        name: str | None = None,
        **options: Unpack[GlobalTableOptions],
    ) -> GlobalKTable[Any, Any]: ...

    def global_table(
        self,
        topic: str,
        *,
        key: SerdeLike[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        name: str | None = None,
        **options: Unpack[GlobalTableOptions],
    ) -> GlobalKTable[Any, Any]:
        """A topic as a table that every worker holds whole, for joins on any key.

        Args:
            key, value: types or serdes; by default the app's.
            timestamp, timestamp_extractor: as for `stream`.
            options: see `GlobalTableOptions`; the topic itself serves as changelog.

        Example:
            >>> builder = StreamsBuilder()
            >>> names = builder.global_table("names", key=str, value=str)
            >>> orders = builder.stream("orders", key=int, value=str)
            >>> named = orders.join_global(
            ...     names, key=lambda number, id: id, joiner=lambda id, name: name, value=str
            ... )
            >>> named.to("named")
            >>> trace(builder, ("names", "a", "Ann"), ("orders", 7, "a"))
            names a=Ann @0       -> -
            orders 7=a @1        -> 7=Ann @1
        """
        check_name(topic)
        source = self._source(key, value, timestamp, timestamp_extractor, None)
        names = self._graph.names
        store, fields = resolve_store(self._graph, options, f"{topic}-")
        source_name = names.suffixed(name, "-source", "KSTREAM-SOURCE-")
        name = names.node("KTABLE-SOURCE-", name)
        spec = StoreSpec(store, StoreKind.TIMESTAMPED_KEY_VALUE, source.key, source.value, **fields)
        self._graph.add_source(GlobalTableGraphNode(name, source_name, topic, source, spec))
        return GlobalKTable(partial(StoreGetter, store), options.get("store"))

    def add_state_store(self, spec: StoreSpec) -> None:
        """Add a store for processors; `process(…, stores=[…])` connects it.

        Example:
            >>> builder = StreamsBuilder()
            >>> builder.add_state_store(
            ...     StoreSpec("seen", StoreKind.KEY_VALUE, StringSerde(), BooleanSerde())
            ... )
            >>> class FirstOnly(Processor[str, int, str, int]):
            ...     def process(self, record: Record[str, int]) -> None:
            ...         seen = self.context.store("seen")
            ...         if not seen.get(record.key):
            ...             seen.put(record.key, True)
            ...             self.context.forward(record)
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.process(FirstOnly, stores=["seen"], key=str, value=int).to("first")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "ann", 40))
            orders ann=250 @0    -> ann=250 @0
            orders ann=40 @1     -> -
        """
        self._graph.add_source(StoreGraphNode(spec))

    def add_global_store(
        self,
        spec: StoreSpec,
        topic: str,
        supplier: ProcessorSupplier[Any, Any, Any, Any],
        *,
        key: SerdeLike[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        timestamp: Callable[[Any, Any], int] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        name: str | None = None,
    ) -> None:
        """Add a store that every worker fills with the whole of `topic`, through a processor of yours.

        Every processor may read it, without naming it in `stores=`. What the processor puts must follow from the
        topic alone, as each worker does it anew.

        Args:
            spec: the store; it has no changelog, as the topic itself serves.
            supplier: makes the processor, which puts the records into the store called `spec.name`.
            key, value: types or serdes of the topic; by default the app's.
            timestamp, timestamp_extractor: as for `stream`.

        Example:
            >>> builder = StreamsBuilder()
            >>> class Fill(Processor[str, str, None, None]):
            ...     def process(self, record: Record[str, str]) -> None:
            ...         self.context.store("names").put(record.key, record.value.title())
            >>> class Named(FixedKeyProcessor[str, int, str]):
            ...     def process(self, record: Record[str, int]) -> None:
            ...         name = self.context.store("names").get(record.key)
            ...         self.context.forward(f"{name}: {record.value}")
            >>> names = StoreSpec("names", StoreKind.KEY_VALUE, StringSerde(), StringSerde())
            >>> builder.add_global_store(names, "names", Fill, key=str, value=str)
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.process_values(Named, value=str).to("named")
            >>> trace(builder, ("names", "a", "ann"), ("orders", "a", 250))
            names a=ann @0       -> -
            orders a=250 @1      -> a=Ann: 250 @1
        """
        check_supplier(supplier, "add_global_store")
        check_name(topic)
        source = self._source(key, value, timestamp, timestamp_extractor, None)
        names = self._graph.names
        source_name = names.suffixed(name, "-source", "KSTREAM-SOURCE-")
        name = names.node("KTABLE-SOURCE-", name)
        make = partial(ProcessorAdapter, supplier)
        self._graph.add_source(GlobalTableGraphNode(name, source_name, topic, source, spec, make))

    def build(
        self,
        *,
        optimize: bool | str | Iterable[str] = "none",
        ensure_explicit_internal_resource_naming: bool = False,
    ) -> Topology:
        """The topology of the program so far.

        Stores and internal topics with generated names are logged as a warning.

        Args:
            optimize: as Kafka Streams' `topology.optimization`: "none" (or False), "all" (or True), or some of
                "reuse.ktable.source.topics" (topics of tables serve as their changelogs),
                "merge.repartition.topics" (operations that need the same new keys share a topic) and
                "single.store.self.join" (a stream joined with itself keeps its records once).
            ensure_explicit_internal_resource_naming: generated names of stores and internal topics are an error.

        Raises:
            ConfigError: an unknown optimization.
            TopologyError: names or topics clash, or names are missing.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.filter(lambda name, cents: cents >= 100, name="large").to("large")
            >>> topology = builder.build(optimize="all")
            >>> print(topology.describe())
            Topologies:
               Sub-topology: 0
                Source: KSTREAM-SOURCE-0000000000 (topics: [orders])
                  --> large
                Processor: large (stores: [])
                  --> KSTREAM-SINK-0000000002
                  <-- KSTREAM-SOURCE-0000000000
                Sink: KSTREAM-SINK-0000000002 (topic: large)
                  <-- large
        """
        topology = self._graph.write(optimizations(optimize))
        report_unnamed(
            self._graph.unnamed(topology), strict=ensure_explicit_internal_resource_naming
        )
        return topology

    def _source(
        self,
        key: SerdeLike[Any] | None,
        value: SerdeLike[Any] | None,
        timestamp: Callable[[Any, Any], int] | None,
        timestamp_extractor: TimestampExtractor | None,
        offset_reset: OffsetReset | None,
    ) -> SourceOptions:
        if timestamp is not None and timestamp_extractor is not None:
            raise ConfigError("give timestamp or timestamp_extractor, not both")
        if isinstance(offset_reset, timedelta):
            to_ms(offset_reset, "offset_reset")
        elif offset_reset not in _RESETS:
            raise ConfigError(
                "offset_reset is 'earliest', 'latest', 'none' or a timedelta before now, not "
                f"{offset_reset!r}"
            )
        return SourceOptions(
            optional_serde(key) or self._graph.default_key,
            optional_serde(value) or self._graph.default_value,
            FieldTime(timestamp) if timestamp is not None else timestamp_extractor,
            offset_reset,
        )
