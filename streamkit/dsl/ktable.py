"""KTable: the latest value of each key, changing as updates come in; GlobalKTable: the same on every worker.

A record without a value deletes its key. Functions never see deleted rows.

Source: org.apache.kafka.streams.kstream.KTable, KGroupedTable, GlobalKTable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

from streamkit.dsl.backing import (
    AggregateBacking,
    FilterView,
    MakeGetter,
    MapView,
    SourceBacking,
    TableBacking,
    TransformView,
    ViewBacking,
)
from streamkit.dsl.foreign_key_joins import ForeignKey, foreign_key_of, join_by_foreign_key
from streamkit.dsl.named_aggregates import (
    Aggregates,
    NamedAggregation,
    refuse_retention,
    state_serde,
)
from streamkit.dsl.options import (
    SerdeLike,
    StoreOptions,
    optional_serde,
    refuse_history,
    resolve_store,
    table_store,
)
from streamkit.dsl.stream_node import StreamNode, repartitioned, select_key
from streamkit.dsl.suppressed import UntilTimeLimit, UntilWindowCloses
from streamkit.dsl.suppression import suppress
from streamkit.dsl.table_joins import join_tables
from streamkit.dsl.table_source import table_source
from streamkit.operators.base import Operator
from streamkit.operators.table_aggregate import TableAggregate, TableCount, TableReduce
from streamkit.operators.table_filter import TableFilter
from streamkit.operators.table_map_values import TableMapValues
from streamkit.operators.table_select import TableSelect
from streamkit.operators.table_to_stream import TableToStream
from streamkit.operators.table_transform_values import (
    TableTransformValues,
    ValueTransformerSupplier,
)
from streamkit.serde import IntegerSerde, Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes import (
    ChangeRepartitionGraphNode,
    OperatorGraphNode,
    RawKey,
)
from streamkit.topology.nodes import MakeOperator, StreamPartitioner

if TYPE_CHECKING:  # a stream becomes a table and a table a stream again: the one cycle of the DSL
    from streamkit.dsl.kstream import KStream

__all__ = ["GlobalKTable", "KGroupedTable", "KTable", "table_of_stream"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")
A = TypeVar("A")


class KTable(Generic[K, V]):
    """A table with keys `K` and values `V`."""

    def __init__(self, place: StreamNode, backing: TableBacking) -> None:
        self._place = place
        self._backing = backing

    @property
    def store_name(self) -> str | None:
        """Name of its store if the program gave one, for queries."""
        return self._backing.queryable

    @property
    def place(self) -> StreamNode:
        """Where the table stands in the program; for joins."""
        return self._place

    @property
    def backing(self) -> TableBacking:
        """What stands behind it; for joins."""
        return self._backing

    def filter(
        self,
        predicate: Callable[[K, V], object],
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V]:
        """The rows that `predicate(key, value)` accepts; others are deleted downstream.

        Args:
            value: type or serde of the values in its store; by default the table's.
            options: see `StoreOptions`; the result is materialized if `store` is given.
        """
        return self._filter(predicate, name, optional_serde(value), options, negate=False)

    def filter_not(
        self,
        predicate: Callable[[K, V], object],
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V]:
        """The rows that `predicate(key, value)` rejects; others are deleted downstream.

        Args:
            value: type or serde of the values in its store; by default the table's.
            options: see `StoreOptions`; the result is materialized if `store` is given.
        """
        return self._filter(predicate, name, optional_serde(value), options, negate=True)

    def map_values(
        self,
        mapper: Callable[[V], V2],
        *,
        name: str | None = None,
        value: SerdeLike[V2] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V2]:
        """The rows with `mapper(value)` as values.

        Args:
            value: type or serde of the new values; by default the app's.
            options: see `StoreOptions`; the result is materialized if `store` is given.
        """
        return self._map_values(mapper, name, optional_serde(value), options, with_key=False)

    def map_values_with_key(
        self,
        mapper: Callable[[K, V], V2],
        *,
        name: str | None = None,
        value: SerdeLike[V2] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V2]:
        """The rows with `mapper(key, value)` as values.

        Args:
            value: type or serde of the new values; by default the app's.
            options: see `StoreOptions`; the result is materialized if `store` is given.
        """
        return self._map_values(mapper, name, optional_serde(value), options, with_key=True)

    def transform_values(
        self,
        supplier: ValueTransformerSupplier[K, V, V2],
        *,
        stores: Iterable[str] = (),
        name: str | None = None,
        value: SerdeLike[V2] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V2]:
        """The rows with values that a `ValueTransformer` makes, which may keep state and ask for the time.

        Args:
            supplier: makes the transformer, once for each task.
            stores: names of stores to connect, added with `StreamsBuilder.add_state_store`.
            value: type or serde of the new values; by default the app's.
            options: see `StoreOptions`; the result is materialized if `store` is given.
        """
        serde = optional_serde(value)
        refuse_history(options)
        store = None
        if options.get("store") is not None:
            store = self._own_store("KTABLE-TRANSFORMVALUES-", serde, options)
        name = self._place.graph.names.node("KTABLE-TRANSFORMVALUES-", name)
        own = store.name if store else None
        backing = ViewBacking(self._backing, store, TransformView(supplier))
        connected = tuple(stores)

        def make() -> MakeOperator:
            return partial(TableTransformValues, supplier, own, send_old=backing.send_old)

        node = OperatorGraphNode(name, make, store=lambda: store, connect=lambda: connected)
        return KTable(self._place.then(node, value=serde, **_key_of(store)), backing)

    @overload
    def to_stream(self, *, name: str | None = None) -> KStream[K, V]: ...

    @overload
    def to_stream(
        self,
        selector: Callable[[K, V], K2],
        *,
        key: SerdeLike[K2] | None = None,
        name: str | None = None,
    ) -> KStream[K2, V]: ...

    def to_stream(
        self,
        selector: Callable[[K, V], Any] | None = None,
        *,
        key: SerdeLike[Any] | None = None,
        name: str | None = None,
    ) -> KStream[Any, V]:
        """Every change of the table as a record; a deleted row is a record without a value.

        Args:
            selector: `f(key, value)` -> new key of each record; it sees None for deleted rows.
            key: type or serde of the new keys; by default the app's.
        """
        from streamkit.dsl.kstream import KStream

        name = self._place.graph.names.node("KTABLE-TOSTREAM-", name)
        place = self._place.then(OperatorGraphNode(name, lambda: TableToStream))
        if selector is not None:
            place = select_key(place, selector, optional_serde(key), None)
        return KStream(place)

    def group_by(
        self,
        selector: Callable[[K, V], tuple[K2, V2]],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KGroupedTable[K2, V2]:
        """Group the rows by `selector(key, value)`, which returns the group's key and a value.

        A row for which either is None is in no group.

        Args:
            key, value: types or serdes of the results; by default the app's.
            name: of the step and the repartition topic.
        """
        step = self._place.graph.names.node("KTABLE-SELECT-", name)
        make = partial(TableSelect, selector)
        place = self._place.then(
            OperatorGraphNode(step, lambda: make),
            key=optional_serde(key),
            value=optional_serde(value),
            raw_keys=(),
        )
        self._backing.enable_old(force=True)
        return KGroupedTable(place, name)

    def suppress(
        self,
        until: UntilWindowCloses | UntilTimeLimit,
        *,
        name: str | None = None,
        log: bool = True,
    ) -> KTable[K, V]:
        """The same table with fewer updates: changes of a key wait, and only the latest goes out.

        Args:
            until: `UntilWindowCloses()` for the final results of windows, or `UntilTimeLimit(limit)`.
            log: False: no changelog, waiting changes are lost when the task moves.

        Raises:
            TopologyError: the table has a history, or isn't windowed where windows shall close.
        """
        place, backing = suppress(self._place, self._backing, until, name, log=log)
        return KTable(place, backing)

    @overload
    def join(
        self,
        other: KTable[K, V2],
        joiner: Callable[[V, V2], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]: ...

    @overload
    def join(
        self,
        other: KTable[K2, V2],
        joiner: Callable[[V, V2], A],
        *,
        foreign_key: Callable[[V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]: ...

    @overload
    def join(
        self,
        other: KTable[K2, V2],
        joiner: Callable[[V, V2], A],
        *,
        foreign_key_with_key: Callable[[K, V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]: ...

    def join(
        self,
        other: KTable[Any, V2],
        joiner: Callable[[V, V2], A],
        *,
        foreign_key: Callable[[V], Any] | None = None,
        foreign_key_with_key: Callable[[K, V], Any] | None = None,
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]:
        """The rows of both tables by key, where both have one.

        Without `foreign_key`, both are read from topics with the same number of partitions.

        Args:
            joiner: `f(value, other value)`.
            foreign_key: `f(value)` -> key of the other table's row that belongs to a row of this one;
                None: the row has none. Any number of rows may share a partner, and a change of
                either side updates the result. None: both rows have the same key.
            foreign_key_with_key: the same as `f(key, value)`.
            partitioner, other_partitioner: with a foreign key: how the topics of this and the other table are
                partitioned, if not by murmur2 of the key; they see a topic, a key of that table, None
                for the value, and a count, and give one partition.
            value: type or serde of the results; by default the app's.
            options: see `StoreOptions`; with any of them the result is materialized, with
                `foreign_key` if `store` is given.
        """
        by = foreign_key_of(foreign_key, foreign_key_with_key, partitioner, other_partitioner)
        if by is not None:
            return self._join_foreign(other, by, joiner, name, value, options, left=False)
        return self._join(other, joiner, name, value, options, keeps_left=False, keeps_right=False)

    @overload
    def left_join(
        self,
        other: KTable[K, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]: ...

    @overload
    def left_join(
        self,
        other: KTable[K2, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        foreign_key: Callable[[V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]: ...

    @overload
    def left_join(
        self,
        other: KTable[K2, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        foreign_key_with_key: Callable[[K, V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]: ...

    def left_join(
        self,
        other: KTable[Any, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        foreign_key: Callable[[V], Any] | None = None,
        foreign_key_with_key: Callable[[K, V], Any] | None = None,
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]:
        """Like `join`, but rows of this table without a partner are there too, with None for it."""
        by = foreign_key_of(foreign_key, foreign_key_with_key, partitioner, other_partitioner)
        if by is not None:
            return self._join_foreign(other, by, joiner, name, value, options, left=True)
        return self._join(other, joiner, name, value, options, keeps_left=True, keeps_right=False)

    def outer_join(
        self,
        other: KTable[K, V2],
        joiner: Callable[[V | None, V2 | None], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]:
        """Like `join`, but rows of either table without a partner are there too, with None for it."""
        return self._join(other, joiner, name, value, options, keeps_left=True, keeps_right=True)

    def _join(
        self,
        other: KTable[K, Any],
        joiner: Callable[..., Any],
        name: str | None,
        value: SerdeLike[Any] | None,
        options: Mapping[str, Any],
        *,
        keeps_left: bool,
        keeps_right: bool,
    ) -> KTable[K, Any]:
        place, backing = join_tables(
            (self._place, self._backing),
            (other.place, other.backing),
            joiner,
            name,
            optional_serde(value),
            options,
            keeps_left=keeps_left,
            keeps_right=keeps_right,
        )
        return KTable(place, backing)

    def _join_foreign(
        self,
        other: KTable[Any, Any],
        foreign_key: ForeignKey,
        joiner: Callable[..., Any],
        name: str | None,
        value: SerdeLike[Any] | None,
        options: Mapping[str, Any],
        *,
        left: bool,
    ) -> KTable[K, Any]:
        place, backing = join_by_foreign_key(
            (self._place, self._backing),
            (other.place, other.backing),
            foreign_key,
            joiner,
            name,
            optional_serde(value),
            options,
            keeps_left=left,
        )
        return KTable(place, backing)

    def _filter(
        self,
        predicate: Callable[[Any, Any], object],
        name: str | None,
        value: Serde[Any] | None,
        options: Mapping[str, Any],
        *,
        negate: bool,
    ) -> KTable[K, V]:
        serde = value if value is not None else self._place.value
        store = self._own_store("KTABLE-FILTER-", serde, options)
        name = self._place.graph.names.node("KTABLE-FILTER-", name)
        view = FilterView(predicate, negate=negate)
        backing = ViewBacking(self._backing, store, view)
        versioned = self._backing.history_ms is not None
        # Where old values come anyway, needless tombstones are left out.
        backing.send_old = self._backing.enable_old(force=False)

        def make() -> MakeOperator:
            return partial(
                TableFilter,
                predicate,
                store.name if store else None,
                negate=negate,
                send_old=backing.send_old,
                versioned=versioned,
            )

        node = OperatorGraphNode(name, make, store=lambda: store)
        return KTable(self._place.then(node, value=serde, **_key_of(store)), backing)

    def _map_values(
        self,
        mapper: Callable[..., Any],
        name: str | None,
        value: Serde[Any] | None,
        options: Mapping[str, Any],
        *,
        with_key: bool,
    ) -> KTable[K, Any]:
        store = self._own_store("KTABLE-MAPVALUES-", value, options)
        name = self._place.graph.names.node("KTABLE-MAPVALUES-", name)
        view = MapView(mapper, with_key=with_key)
        backing = ViewBacking(self._backing, store, view)

        def make() -> MakeOperator:
            return partial(
                TableMapValues,
                mapper,
                store.name if store else None,
                with_key=with_key,
                send_old=backing.send_old,
            )

        node = OperatorGraphNode(name, make, store=lambda: store)
        return KTable(self._place.then(node, value=value, **_key_of(store)), backing)

    def _own_store(
        self, prefix: str, value: Serde[Any] | None, options: Mapping[str, Any]
    ) -> StoreSpec | None:
        """The store of a filtered or mapped table: only if it was given a name."""
        if options.get("store") is None:
            refuse_history(options)
            if options:  # as in Kafka Streams, where options without a name use up a number
                resolve_store(self._place.graph, options, prefix)
            return None
        name, fields = resolve_store(self._place.graph, options, prefix)
        return table_store(
            name,
            optional_serde(options.get("key")) or self._place.key_serde,
            value if value is not None else self._place.graph.default_value,
            fields,
            options,
        )


class KGroupedTable(NamedAggregation[K, V], Generic[K, V]):
    """A table's rows by group, to be aggregated; each change subtracts the old row and adds the new one."""

    def __init__(self, place: StreamNode, name: str | None) -> None:
        self._place = place
        self._name = name
        self._repartition: ChangeRepartitionGraphNode | None = None

    def count(self, *, name: str | None = None, **options: Unpack[StoreOptions]) -> KTable[K, int]:
        """How many rows each group has.

        Args:
            options: see `StoreOptions`.
        """
        return self._aggregate("KTABLE-AGGREGATE-", TableCount, name, IntegerSerde(), options)

    def reduce(
        self,
        adder: Callable[[V, V], V],
        subtractor: Callable[[V, V], V],
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V]:
        """One value a group, folded from its rows; the first one is taken as it is.

        Args:
            adder, subtractor: `f(so far, value)`, adding a row and taking one away.
            value: type or serde of the results; by default that of the grouped values.
            options: see `StoreOptions`.
        """
        make = partial(_table_reduce, adder, subtractor)
        serde = optional_serde(value) or self._place.value_serde
        return self._aggregate("KTABLE-REDUCE-", make, name, serde, options)

    def aggregate(
        self,
        initializer: Callable[[], A],
        adder: Callable[[K, V, A], A],
        subtractor: Callable[[K, V, A], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]:
        """One value a group, folded from its rows.

        Args:
            initializer: the value of an empty group.
            adder, subtractor: `f(key, value, aggregate)`, adding a row and taking one away.
            value: type or serde of the results; by default the app's.
            options: see `StoreOptions`.
        """
        make = partial(_table_aggregate, initializer, adder, subtractor)
        serde = optional_serde(value) or self._place.graph.default_value
        return self._aggregate("KTABLE-AGGREGATE-", make, name, serde, options)

    def _aggregate_named(
        self, named: Aggregates[Any], name: str | None, options: Mapping[str, Any]
    ) -> KTable[K, dict[str, Any]]:
        refuse_retention(options)
        named.check_subtracts()
        serde = state_serde(named, self._place.value_serde)
        return self.aggregate(
            named.initial, named, named.subtract, name=name, value=serde, **options
        )

    def _aggregate(
        self,
        prefix: str,
        make: Callable[..., Operator],
        name: str | None,
        value: Serde[Any],
        options: Mapping[str, Any],
    ) -> KTable[K, Any]:
        graph = self._place.graph
        store, fields = resolve_store(graph, options, "KTABLE-AGGREGATE-")
        sink_name = graph.names.suffixed(name, "-sink", "KSTREAM-SINK-")
        source_name = graph.names.suffixed(name, "-source", "KSTREAM-SOURCE-")
        name = graph.names.node(prefix, name)
        key = self._place.key_serde
        repartition = self._repartition
        if repartition is None or self._name is None:
            repartition = self._repartition = ChangeRepartitionGraphNode(
                source_name,
                topic=f"{self._name if self._name is not None else store}-repartition",
                sink_name=sink_name,
                key=key,
                value=self._place.value_serde,
            )
        # Also once more: as in Kafka Streams, it then moves behind.
        graph.add(repartition, self._place.node)
        store_key = optional_serde(options.get("key")) or key
        spec = table_store(store, store_key, value, fields, options)
        backing = AggregateBacking(
            store, options.get("store"), history_ms=spec.history_retention_ms
        )
        behind = StreamNode(
            graph=graph,
            node=repartition,
            name=repartition.name,
            key=store_key,
            value=value,
            sources=frozenset((repartition.name,)),
            raw_keys=(RawKey(key),),
        )

        def make_later() -> MakeOperator:
            return partial(
                make, store, send_old=backing.send_old, reuse_raw_key=behind.reuses(store_key)
            )

        node = OperatorGraphNode(name, make_later, store=lambda: spec)
        return KTable(behind.then(node), backing)


class GlobalKTable(Generic[K, V]):
    """A topic as a table that every worker holds whole, for joins on any key."""

    def __init__(self, getter: MakeGetter, store_name: str | None) -> None:
        self._getter = getter
        self._store_name = store_name

    @property
    def store_name(self) -> str | None:
        """Name of its store if the program gave one, for queries."""
        return self._store_name

    @property
    def getter(self) -> MakeGetter:
        """Makes what looks up its rows; for joins."""
        return self._getter


def table_of_stream(
    place: StreamNode,
    name: str | None,
    value: Serde[Any] | None,
    options: Mapping[str, Any],
) -> KTable[Any, Any]:
    """The table of a stream's latest values."""
    graph = place.graph
    name = graph.names.node("KSTREAM-TOTABLE-", name)
    store, fields = resolve_store(graph, options, "KSTREAM-TOTABLE-")
    given = optional_serde(options.get("key"))
    key_serde = given or place.key_serde
    value_serde = value or place.value_serde
    if place.needs_repartition:
        place, _ = repartitioned(place, name, key=given, value=value)
    spec = table_store(store, key_serde, value_serde, fields, options)
    backing = SourceBacking(spec, options.get("store"))
    node = OperatorGraphNode(
        name,
        lambda: table_source(spec, backing, reuse_raw_key=place.reuses(key_serde)),
        store=backing.store,
    )
    return KTable(place.then(node, key=key_serde, value=value_serde), backing)


def _key_of(store: StoreSpec | None) -> dict[str, Any]:
    return {} if store is None else {"key": store.key_serde}


def _table_reduce(
    adder: Callable[[Any, Any], Any], subtractor: Callable[[Any, Any], Any], store: str, **rest: Any
) -> Operator:
    return TableReduce(store, adder, subtractor, **rest)


def _table_aggregate(
    initializer: Callable[[], Any],
    adder: Callable[[Any, Any, Any], Any],
    subtractor: Callable[[Any, Any, Any], Any],
    store: str,
    **rest: Any,
) -> Operator:
    return TableAggregate(store, initializer, adder, subtractor, **rest)
