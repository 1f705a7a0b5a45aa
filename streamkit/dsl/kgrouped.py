"""Grouped streams: records by key, to be counted, reduced or aggregated.

Each result is a table; every record sends an update on. Records without a key are dropped.

Source: org.apache.kafka.streams.kstream.KGroupedStream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar, Unpack, overload

from streamkit.dsl.aggregates_by_name import Aggregates, refuse_retention, state_serde
from streamkit.dsl.cogrouped import CogroupedKStream
from streamkit.dsl.functions import check_function
from streamkit.dsl.grouping import Grouping, use_up_number
from streamkit.dsl.ktable import KTable
from streamkit.dsl.kwindowed import SessionWindowedKStream, TimeWindowedKStream, TimeWindows
from streamkit.dsl.named_aggregates import NamedAggregation
from streamkit.dsl.options import (
    SerdeLike,
    StoreOptions,
    optional_serde,
    resolve_store,
    table_store,
)
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.window_tables import check_windows
from streamkit.dsl.windows.session import SessionWindows
from streamkit.operators.aggregate import StreamAggregate
from streamkit.operators.base import Operator
from streamkit.operators.count import StreamCount
from streamkit.operators.fold import AggregateFold, CountFold, Fold, ReduceFold
from streamkit.operators.reduce import StreamReduce
from streamkit.operators.versioned_aggregate import VersionedAggregate
from streamkit.serde import Serde, serde_for

__all__ = ["KGroupedStream"]

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")

_AGGREGATE = "KSTREAM-AGGREGATE-"
_REDUCE = "KSTREAM-REDUCE-"


class KGroupedStream(NamedAggregation[K, V], Generic[K, V]):
    """A stream's records by key."""

    def __init__(
        self,
        place: StreamNode,
        name: str | None,
        key: Serde[Any] | None,
        value: Serde[Any] | None,
    ) -> None:
        self._grouping = Grouping(place, name, key, value)

    @property
    def grouping(self) -> Grouping:
        """What stands behind it; for cogroup."""
        return self._grouping

    def count(self, *, name: str | None = None, **options: Unpack[StoreOptions]) -> KTable[K, int]:
        """How many records with a value each key has had.

        Args:
            options: see `StoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> by_name = orders.group_by_key()
            >>> by_name.count(store="counts").to_stream().to("counts")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40), ("orders", "ann", 7))
            orders ann=250 @0    -> ann=1 @0
            orders bob=40 @1     -> bob=1 @1
            orders ann=7 @2      -> ann=2 @2
        """
        use_up_number(self._grouping.place, options)
        make = StreamCount if options.get("history") is None else partial(_versioned, CountFold)
        return self._table(_AGGREGATE, _AGGREGATE, make, name, serde_for(int), options, True)

    def reduce(
        self,
        reducer: Callable[[V, V], V],
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V]:
        """One value a key, folded by `reducer(so far, value)`; the first one is taken as it is.

        Args:
            value: type or serde of the results; by default the stream's.
            options: see `StoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> by_name = orders.group_by_key()
            >>> by_name.reduce(max, store="largest").to_stream().to("largest")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "ann", 40),
            ...       ("orders", "ann", 300))
            orders ann=250 @0    -> ann=250 @0
            orders ann=40 @1     -> ann=250 @1
            orders ann=300 @2    -> ann=300 @2
        """
        check_function(reducer, "reduce", "so far", "value")
        make = partial(_reduce, reducer)
        if options.get("history") is not None:
            make = partial(_versioned, partial(ReduceFold, reducer))
        serde = optional_serde(value) or self._grouping.value
        return self._table(_REDUCE, _REDUCE, make, name, serde, options, False)

    def aggregate(
        self,
        initializer: Callable[[], A],
        aggregator: Callable[[K, V, A], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]:
        """One value a key, folded by `aggregator(key, value, aggregate)` from `initializer()` on.

        Args:
            value: type or serde of the results; by default the app's.
            options: see `StoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> by_name = orders.group_by_key()
            >>> lists = by_name.aggregate(list, lambda name, cents, seen: [*seen, cents], store="lists")
            >>> lists.to_stream().to("lists")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40), ("orders", "ann", 7))
            orders ann=250 @0    -> ann=[250] @0
            orders bob=40 @1     -> bob=[40] @1
            orders ann=7 @2      -> ann=[250, 7] @2
        """
        check_function(initializer, "aggregate")
        check_function(aggregator, "aggregate", "key", "value", "aggregate")
        make = partial(_aggregate, initializer, aggregator)
        if options.get("history") is not None:
            make = partial(_versioned, partial(AggregateFold, initializer, aggregator))
        serde = optional_serde(value) or self._grouping.place.graph.default_value
        return self._table(_AGGREGATE, _AGGREGATE, make, name, serde, options, False)

    def _aggregate_named(
        self, named: Aggregates[Any], name: str | None, options: Mapping[str, Any]
    ) -> KTable[K, dict[str, Any]]:
        refuse_retention(options)
        serde = state_serde(named, self._grouping.value)
        return self.aggregate(named.initial, named, name=name, value=serde, **options)

    @overload
    def windowed_by(self, windows: TimeWindows) -> TimeWindowedKStream[K, V]: ...

    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedKStream[K, V]: ...

    def windowed_by(
        self, windows: TimeWindows | SessionWindows
    ) -> TimeWindowedKStream[K, V] | SessionWindowedKStream[K, V]:
        """Group by windows of event time too.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> by_name = orders.group_by_key()
            >>> hourly = by_name.windowed_by(TumblingWindows(timedelta(hours=1)))
            >>> counts = hourly.count(store="hourly").to_stream(lambda window, n: window.key, key=str)
            >>> counts.to("counts")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "ann", 40, 3_599_999),
            ...       ("orders", "ann", 7, 3_600_000))
            orders ann=250 @0    -> ann=1 @0
            orders ann=40 @3599999 -> ann=2 @3599999
            orders ann=7 @3600000 -> ann=1 @3600000
        """
        check_windows(windows)
        if isinstance(windows, SessionWindows):
            return SessionWindowedKStream(self._grouping, windows)
        return TimeWindowedKStream(self._grouping, windows)

    def cogroup(
        self, aggregator: Callable[[K, V, A], A], *, value: SerdeLike[A] | None = None
    ) -> CogroupedKStream[K, A]:
        """Begin to aggregate several grouped streams into one table; this one by `aggregator`.

        Args:
            value: type or serde of the results, which also tells checkers what the aggregates of lambdas are;
                by default what `aggregate` says.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = (
            ...     paid.cogroup(lambda name, cents, total: total + cents, value=int)
            ...     .cogroup(refunded, lambda name, cents, total: total - cents)
            ...     .aggregate(lambda: 0, store="balance")
            ... )
            >>> balance.to_stream().to("balance")
            >>> trace(builder, ("paid", "ann", 250), ("refunded", "ann", 40))
            paid ann=250 @0      -> ann=250 @0
            refunded ann=40 @1   -> ann=210 @1
        """
        check_function(aggregator, "cogroup", "key", "value", "aggregate")
        return CogroupedKStream([(self._grouping, aggregator)], optional_serde(value))

    def _table(
        self,
        store_prefix: str,
        prefix: str,
        make: Callable[..., Operator],
        name: str | None,
        value: Serde[Any],
        options: Mapping[str, Any],
        ignores_value: bool,
    ) -> KTable[K, Any]:
        graph = self._grouping.place.graph
        store, fields = resolve_store(graph, options, store_prefix)
        name = graph.names.node(prefix, name)
        key = optional_serde(options.get("key")) or self._grouping.key
        spec = table_store(store, key, value, fields, options)
        return self._grouping.table(
            spec, options.get("store"), name, make, key=key, ignores_value=ignores_value
        )


def _reduce(reducer: Callable[[Any, Any], Any], store: str, **rest: Any) -> Operator:
    return StreamReduce(store, reducer, **rest)


def _aggregate(
    initializer: Callable[[], Any],
    aggregator: Callable[[Any, Any, Any], Any],
    store: str,
    **rest: Any,
) -> Operator:
    return StreamAggregate(store, initializer, aggregator, **rest)


def _versioned(make_fold: Callable[[], Fold], store: str, **rest: Any) -> Operator:
    return VersionedAggregate(store, make_fold, **rest)
