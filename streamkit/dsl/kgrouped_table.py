"""A table's rows in groups, to be counted, reduced or aggregated.

Source: org.apache.kafka.streams.kstream.KGroupedTable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar, Unpack

from streamkit.dsl.aggregates_by_name import Aggregates, refuse_retention, state_serde
from streamkit.dsl.backing import AggregateBacking
from streamkit.dsl.functions import check_function
from streamkit.dsl.ktable import KTable
from streamkit.dsl.named_aggregates import NamedAggregation
from streamkit.dsl.options import (
    SerdeLike,
    StoreOptions,
    optional_serde,
    resolve_store,
    table_store,
)
from streamkit.dsl.stream_node import StreamNode
from streamkit.operators.base import Operator
from streamkit.operators.table_aggregate import TableAggregate, TableCount, TableReduce
from streamkit.serde import IntegerSerde, Serde
from streamkit.topology.graph_nodes import (
    ChangeRepartitionGraphNode,
    OperatorGraphNode,
    RawKey,
)
from streamkit.topology.nodes import MakeOperator, node_cache

__all__ = ["KGroupedTable"]

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")


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

        Example:
            >>> builder = StreamsBuilder()
            >>> cities = builder.table("cities", key=str, value=str)
            >>> by_city = cities.group_by(lambda name, city: (city, name), key=str, value=str, name="by")
            >>> by_city.count(store="people").to_stream().to("people")
            >>> trace(builder, ("cities", "ann", "Rome"), ("cities", "bob", "Rome"),
            ...       ("cities", "ann", None))
            cities ann=Rome @0   -> Rome=1 @0
            cities bob=Rome @1   -> Rome=2 @1
            cities ann=None @2   -> Rome=1 @2
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

        Example:
            >>> builder = StreamsBuilder()
            >>> stock = builder.table("stock", key=str, value=int)
            >>> by_kind = stock.group_by(lambda item, n: (item[:3], n), key=str, value=int, name="by")
            >>> totals = by_kind.reduce(
            ...     lambda total, n: total + n, lambda total, n: total - n, store="totals"
            ... )
            >>> totals.to_stream().to("totals")
            >>> trace(builder, ("stock", "tea-a", 3), ("stock", "tea-b", 4), ("stock", "tea-a", 1))
            stock tea-a=3 @0     -> tea=3 @0
            stock tea-b=4 @1     -> tea=7 @1
            stock tea-a=1 @2     -> tea=5 @2
        """
        check_function(adder, "reduce", "so far", "value")
        check_function(subtractor, "reduce", "so far", "value")
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

        Example:
            >>> builder = StreamsBuilder()
            >>> cities = builder.table("cities", key=str, value=str)
            >>> by_city = cities.group_by(lambda name, city: (city, name), key=str, value=str, name="by")
            >>> people = by_city.aggregate(
            ...     list,
            ...     lambda city, name, names: [*names, name],
            ...     lambda city, name, names: [each for each in names if each != name],
            ...     store="people",
            ... )
            >>> people.to_stream().to("people")
            >>> trace(builder, ("cities", "ann", "Rome"), ("cities", "bob", "Rome"),
            ...       ("cities", "ann", None))
            cities ann=Rome @0   -> Rome=['ann'] @0
            cities bob=Rome @1   -> Rome=['ann', 'bob'] @1
            cities ann=None @2   -> Rome=['bob'] @2
        """
        check_function(initializer, "aggregate")
        check_function(adder, "aggregate", "key", "value", "aggregate")
        check_function(subtractor, "aggregate", "key", "value", "aggregate")
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

        node = OperatorGraphNode(
            name,
            make_later,
            store=lambda: spec,
            cache=lambda: node_cache(spec, backing.send_old),
        )
        return KTable(behind.then(node), backing)


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
