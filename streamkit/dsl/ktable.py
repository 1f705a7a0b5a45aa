"""KTable: the latest value of each key, changing as updates come in.

A record without a value deletes its key. Functions never see deleted rows.

Source: org.apache.kafka.streams.kstream.KTable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar, Unpack, overload

from streamkit.dsl import circle
from streamkit.dsl.backing import FilterView, MapView, TransformView, ViewBacking
from streamkit.dsl.functions import check_function, check_supplier
from streamkit.dsl.ktable_joins import TableJoinOperations
from streamkit.dsl.options import (
    SerdeLike,
    StoreOptions,
    optional_serde,
    refuse_history,
    resolve_store,
    table_store,
)
from streamkit.dsl.stream_node import select_key
from streamkit.dsl.suppressed import UntilTimeLimit, UntilWindowCloses
from streamkit.dsl.suppression import suppress
from streamkit.errors import ConfigError
from streamkit.operators.table_filter import TableFilter
from streamkit.operators.table_map_values import TableMapValues
from streamkit.operators.table_select import TableSelect
from streamkit.operators.table_to_stream import TableToStream
from streamkit.operators.table_transform_values import (
    TableTransformValues,
    ValueTransformerSupplier,
)
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode
from streamkit.topology.nodes import MakeOperator, node_cache

__all__ = ["KTable"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")


class KTable(TableJoinOperations[K, V], Generic[K, V]):
    """A table with keys `K` and values `V`."""

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

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> stock.filter(lambda item, left: left < 5).to_stream().to("reorder")
            >>> trace(builder, ("stock", "tea", 3), ("stock", "tea", 9))
            stock tea=3 @0       -> tea=3 @0
            stock tea=9 @1       -> tea=None @1
        """
        check_function(predicate, "filter", "key", "value")
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

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> stock.filter_not(lambda item, left: left > 0).to_stream().to("sold-out")
            >>> trace(builder, ("stock", "tea", 0), ("stock", "tea", 9))
            stock tea=0 @0       -> tea=0 @0
            stock tea=9 @1       -> tea=None @1
        """
        check_function(predicate, "filter_not", "key", "value")
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

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> levels = stock.map_values(lambda left: "low" if left < 5 else "ok", value=str)
            >>> levels.to_stream().to("levels")
            >>> trace(builder, ("stock", "tea", 3), ("stock", "tea", None))
            stock tea=3 @0       -> tea=low @0
            stock tea=None @1    -> tea=None @1
        """
        check_function(mapper, "map_values", "value")
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

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> texts = stock.map_values_with_key(lambda item, left: f"{left} of {item}", value=str)
            >>> texts.to_stream().to("texts")
            >>> trace(builder, ("stock", "tea", 3))
            stock tea=3 @0       -> tea=3 of tea @0
        """
        check_function(mapper, "map_values_with_key", "key", "value")
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

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> class Changed(ValueTransformer[str, int, str]):
            ...     def transform(self, item: str, left: int | None) -> str:
            ...         return f"{left} since {self.context.record_info.timestamp_ms} ms"
            >>> stock.transform_values(Changed, value=str).to_stream().to("changes")
            >>> trace(builder, ("stock", "tea", 3, 50))
            stock tea=3 @50      -> tea=3 since 50 ms @50
        """
        check_supplier(supplier, "transform_values")
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

        node = OperatorGraphNode(
            name,
            make,
            store=lambda: store,
            connect=lambda: connected,
            cache=lambda: node_cache(store, backing.send_old),
        )
        return KTable(self._place.then(node, value=serde, **_key_of(store)), backing)

    @overload
    def to_stream(self, *, name: str | None = None) -> circle.KStream[K, V]: ...

    @overload
    def to_stream(
        self,
        selector: Callable[[K, V], K2],
        *,
        key: SerdeLike[K2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K2, V]: ...

    def to_stream(
        self,
        selector: Callable[[K, V], Any] | None = None,
        *,
        key: SerdeLike[Any] | None = None,
        name: str | None = None,
    ) -> circle.KStream[Any, V]:
        """Every change of the table as a record; a deleted row is a record without a value.

        Args:
            selector: `f(key, value)` -> new key of each record; it sees None for deleted rows.
            key: type or serde of the new keys; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> stock.to_stream(lambda item, left: item[0], key=str).to("changes")
            >>> trace(builder, ("stock", "tea", 3), ("stock", "tea", None))
            stock tea=3 @0       -> t=3 @0
            stock tea=None @1    -> t=None @1
        """
        if selector is not None:
            check_function(selector, "to_stream", "key", "value")
        name = self._place.graph.names.node("KTABLE-TOSTREAM-", name)
        place = self._place.then(OperatorGraphNode(name, lambda: TableToStream))
        if selector is not None:
            place = select_key(place, selector, optional_serde(key), None)
        return circle.KStream(place)

    def group_by(
        self,
        selector: Callable[[K, V], tuple[K2, V2]],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KGroupedTable[K2, V2]:
        """Group the rows by `selector(key, value)`, which returns the group's key and a value.

        A row for which either is None is in no group.

        Args:
            key, value: types or serdes of the results; by default the app's.
            name: of the step and the repartition topic.

        Example:
            >>> builder = StreamsBuilder()
            >>> cities = builder.table("cities", key=str, value=str)
            >>> by_city = cities.group_by(lambda name, city: (city, name), key=str, value=str, name="by")
            >>> by_city.count(store="people").to_stream().to("people")
            >>> trace(builder, ("cities", "ann", "Rome"), ("cities", "bob", "Rome"),
            ...       ("cities", "ann", "Oslo"))
            cities ann=Rome @0   -> Rome=1 @0
            cities bob=Rome @1   -> Rome=2 @1
            cities ann=Oslo @2   -> Rome=1 @2  Oslo=1 @2
        """
        check_function(selector, "group_by", "key", "value")
        step = self._place.graph.names.node("KTABLE-SELECT-", name)
        make = partial(TableSelect, selector)
        place = self._place.then(
            OperatorGraphNode(step, lambda: make),
            key=optional_serde(key),
            value=optional_serde(value),
            raw_keys=(),
        )
        self._backing.enable_old(force=True)
        return circle.KGroupedTable(place, name)

    def suppress(
        self,
        until: UntilWindowCloses | UntilTimeLimit,
        *,
        name: str | None = None,
        log: bool | Mapping[str, str] = True,
    ) -> KTable[K, V]:
        """The same table with fewer updates: changes of a key wait, and only the latest goes out.

        Args:
            until: `UntilWindowCloses()` for the final results of windows, or `UntilTimeLimit(limit)`.
            log: False: no changelog, waiting changes are lost when the task moves; a mapping: the changelog
                topic's settings.

        Raises:
            TopologyError: the table has a history, or isn't windowed where windows shall close.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> counts = orders.group_by_key().windowed_by(TumblingWindows(10)).count(store="counts")
            >>> counts.suppress(UntilWindowCloses(), name="final").to_stream().to("final")
            >>> trace(builder, ("orders", "ann", 1, 1), ("orders", "ann", 2, 5),
            ...       ("orders", "ann", 3, 12))
            orders ann=1 @1      -> -
            orders ann=2 @5      -> -
            orders ann=3 @12     -> ann[0,10]=2 @5
        """
        if not isinstance(until, (UntilWindowCloses, UntilTimeLimit)):
            raise ConfigError(
                f"suppress takes UntilWindowCloses() or UntilTimeLimit(limit), not {until!r}"
            )
        place, backing = suppress(self._place, self._backing, until, name, log=log)
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
        above = self._place.node
        # Where old values come anyway, needless tombstones are left out.
        backing.send_old = self._backing.enable_old(force=False)

        def make() -> MakeOperator:
            return partial(
                TableFilter,
                predicate,
                store.name if store else None,
                negate=negate,
                send_old=backing.send_old,
                versioned=above.reads_history(),
            )

        node = OperatorGraphNode(
            name,
            make,
            store=lambda: store,
            cache=lambda: node_cache(store, backing.send_old),
        )
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

        node = OperatorGraphNode(
            name,
            make,
            store=lambda: store,
            cache=lambda: node_cache(store, backing.send_old),
        )
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


def _key_of(store: StoreSpec | None) -> dict[str, Any]:
    return {} if store is None else {"key": store.key_serde}
