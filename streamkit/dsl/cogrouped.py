"""Cogrouped streams: several grouped streams, each with its own aggregator, folded into one table.

Each stream's aggregation has a stream time of its own for its windows.

Source: org.apache.kafka.streams.kstream.CogroupedKStream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar, Unpack, overload

from streamkit.dsl import circle
from streamkit.dsl.aggregates_by_name import Aggregates, combined, refuse_retention, refuse_versions
from streamkit.dsl.backing import AggregateBacking
from streamkit.dsl.functions import check_function
from streamkit.dsl.grouping import Grouping
from streamkit.dsl.ktable import KTable
from streamkit.dsl.late import late_records_of_part
from streamkit.dsl.named_aggregates import CogroupedAggregation
from streamkit.dsl.options import (
    SerdeLike,
    StoreOptions,
    WindowStoreOptions,
    optional_serde,
    resolve_store,
    table_store,
)
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.window_tables import (
    TimeWindows,
    check_windows,
    session_key_serde,
    session_store,
    time_key_serde,
    window_idles,
    window_store,
    windowed_operator,
)
from streamkit.dsl.windows.session import SessionWindows
from streamkit.model.windowed import Windowed
from streamkit.operators.aggregate import StreamAggregate
from streamkit.operators.base import Operator
from streamkit.operators.fold import AggregateFold
from streamkit.operators.getter import SessionGetter, StoreGetter, ValueGetter, WindowGetter
from streamkit.operators.pass_through import PassThrough
from streamkit.operators.session_window import SessionWindowAggregate
from streamkit.operators.versioned_aggregate import VersionedAggregate
from streamkit.operators.window_close import EMIT_ON_UPDATE
from streamkit.serde import Serde
from streamkit.state.spec import StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode
from streamkit.topology.nodes import MakeOperator, node_cache

__all__ = [
    "CogroupedKStream",
    "SessionWindowedCogroupedKStream",
    "TimeWindowedCogroupedKStream",
]

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")

Parts: TypeAlias = Sequence[tuple[Grouping, Callable[[Any, Any, Any], Any]]]

_AGGREGATE = "COGROUPKSTREAM-AGGREGATE-"


class CogroupedKStream(CogroupedAggregation[K], Generic[K, A]):
    """Grouped streams that are aggregated into values of type `A` together."""

    def __init__(self, parts: Parts, value: Serde[Any] | None = None) -> None:
        self._parts = parts
        self._value = value

    def cogroup(
        self, other: circle.KGroupedStream[K, V], aggregator: Callable[[K, V, A], A]
    ) -> CogroupedKStream[K, A]:
        """Add another grouped stream, folded by `aggregator(key, value, aggregate)`.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> balance.aggregate(lambda: 0, value=int, store="balance").to_stream().to("balance")
            >>> trace(builder, ("paid", "ann", 250), ("refunded", "ann", 40))
            paid ann=250 @0      -> ann=250 @0
            refunded ann=40 @1   -> ann=210 @1
        """
        check_function(aggregator, "cogroup", "key", "value", "aggregate")
        return CogroupedKStream([*self._parts, (other.grouping, aggregator)], self._value)

    def aggregate(
        self,
        initializer: Callable[[], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, A]:
        """One value a key, from `initializer()` on.

        Args:
            value: type or serde of the results; by default that given to `cogroup`, else the app's.
            options: see `StoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> balance.aggregate(lambda: 0, value=int, store="balance").to_stream().to("balance")
            >>> trace(builder, ("paid", "ann", 250), ("refunded", "ann", 40),
            ...       ("refunded", "bob", 5))
            paid ann=250 @0      -> ann=250 @0
            refunded ann=40 @1   -> ann=210 @1
            refunded bob=5 @2    -> bob=-5 @2
        """
        check_function(initializer, "aggregate")
        first = self._parts[0][0]
        graph = first.place.graph
        store, fields = resolve_store(graph, options, _AGGREGATE)
        key = optional_serde(options.get("key")) or first.key
        serde = optional_serde(value) or self._value or graph.default_value
        spec = table_store(store, key, serde, fields, options)
        plain = _plain if options.get("history") is None else _versioned
        makes = [partial(plain, initializer, aggregator) for _, aggregator in self._parts]
        return _table(self._parts, spec, options, name, makes, key, StoreGetter)

    def _aggregate_named(
        self, name: str | None, options: Mapping[str, Any]
    ) -> tuple[Aggregates[Any], KTable[Any, Any]]:
        refuse_retention(options)
        named, serde = combined(_with_serdes(self._parts))
        states: CogroupedKStream[K, Any] = self
        return named, states.aggregate(named.initial, name=name, value=serde, **options)

    @overload
    def windowed_by(self, windows: TimeWindows) -> TimeWindowedCogroupedKStream[K, A]: ...

    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedCogroupedKStream[K, A]: ...

    def windowed_by(
        self, windows: TimeWindows | SessionWindows
    ) -> TimeWindowedCogroupedKStream[K, A] | SessionWindowedCogroupedKStream[K, A]:
        """Group by windows of event time too.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> windowed = balance.windowed_by(TumblingWindows(10))
            >>> windowed.aggregate(lambda: 0, value=int, store="balance").to_stream().to("balance")
            >>> trace(builder, ("paid", "ann", 250, 1), ("refunded", "ann", 40, 5),
            ...       ("paid", "ann", 7, 12))
            paid ann=250 @1      -> ann[0,10]=250 @1
            refunded ann=40 @5   -> ann[0,10]=210 @5
            paid ann=7 @12       -> ann[10,20]=7 @12
        """
        check_windows(windows)
        if isinstance(windows, SessionWindows):
            return SessionWindowedCogroupedKStream(self._parts, windows, self._value)
        return TimeWindowedCogroupedKStream(self._parts, windows, self._value)


class TimeWindowedCogroupedKStream(CogroupedAggregation[Windowed[K]], Generic[K, A]):
    """Cogrouped streams by key and window of time: any but sessions."""

    def __init__(self, parts: Parts, windows: TimeWindows, value: Serde[Any] | None = None) -> None:
        self._parts = parts
        self._windows = windows
        self._value = value
        self._aggregated: list[StreamNode] = []

    def aggregate(
        self,
        initializer: Callable[[], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[WindowStoreOptions],
    ) -> KTable[Windowed[K], A]:
        """One value a key and window, from `initializer()` on.

        Args:
            value: type or serde of the results; by default that given to `cogroup`, else the app's.
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> windowed = balance.windowed_by(HoppingWindows(10, advance=5))
            >>> windowed.aggregate(lambda: 0, value=int, store="balance").to_stream().to("balance")
            >>> trace(builder, ("paid", "ann", 250, 1), ("refunded", "ann", 40, 7))
            paid ann=250 @1      -> ann[0,10]=250 @1
            refunded ann=40 @7   -> ann[0,10]=210 @7  ann[5,15]=-40 @7
        """
        check_function(initializer, "aggregate")
        first = self._parts[0][0]
        graph = first.place.graph
        key = optional_serde(options.get("key")) or first.key
        serde = optional_serde(value) or self._value or graph.default_value
        spec = window_store(graph, self._windows, options, _AGGREGATE, key, serde)
        makes = [
            windowed_operator(
                self._windows, partial(AggregateFold, initializer, aggregator), EMIT_ON_UPDATE
            )
            for _, aggregator in self._parts
        ]
        windowed_key = time_key_serde(key, self._windows)
        return _table(
            self._parts,
            spec,
            options,
            name,
            makes,
            windowed_key,
            WindowGetter,
            self._windows.grace_ms,
            window_idles(self._windows),
            self._aggregated,
        )

    def late_records(
        self, of: circle.KGroupedStream[K, V], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records of one of the streams that came too late for a window, as a stream of their own.

        They come as in `TimeWindowedKStream.late_records`. Aggregate first.

        Args:
            of: the grouped stream, one of those that are cogrouped.

        Raises:
            TopologyError: nothing is aggregated yet, or `of` is another stream.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> windowed = balance.windowed_by(TumblingWindows(10))
            >>> windowed.aggregate(lambda: 0, value=int, store="balance").to_stream().to("balance")
            >>> windowed.late_records(paid).to("late")
            >>> trace(builder, ("paid", "ann", 250, 15), ("paid", "ann", 40, 5))
            paid ann=250 @15     -> balance: ann[10,20]=250 @15
            paid ann=40 @5       -> late: ann=40 @5
            dropped: 1 (late)
        """
        return circle.KStream(
            late_records_of_part(self._parts, self._aggregated, of.grouping, name)
        )

    def _aggregate_named(
        self, name: str | None, options: Mapping[str, Any]
    ) -> tuple[Aggregates[Any], KTable[Any, Any]]:
        refuse_versions(options)
        named, serde = combined(_with_serdes(self._parts))
        states: TimeWindowedCogroupedKStream[K, Any] = self
        return named, states.aggregate(named.initial, name=name, value=serde, **options)


class SessionWindowedCogroupedKStream(CogroupedAggregation[Windowed[K]], Generic[K, A]):
    """Cogrouped streams by key and session."""

    def __init__(
        self, parts: Parts, windows: SessionWindows, value: Serde[Any] | None = None
    ) -> None:
        self._parts = parts
        self._windows = windows
        self._value = value
        self._aggregated: list[StreamNode] = []

    def aggregate(
        self,
        initializer: Callable[[], A],
        merger: Callable[[K, A, A], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[WindowStoreOptions],
    ) -> KTable[Windowed[K], A]:
        """One value a key and session, from `initializer()` on.

        Args:
            merger: `f(key, one, other)` -> the aggregate of two sessions that have become one.
            value: type or serde of the results; by default that given to `cogroup`, else the app's.
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> sessions = balance.windowed_by(SessionWindows(10))
            >>> totals = sessions.aggregate(
            ...     lambda: 0, lambda name, one, other: one + other, value=int, store="balance"
            ... )
            >>> totals.to_stream().to("balance")
            >>> trace(builder, ("paid", "ann", 250, 1), ("refunded", "ann", 40, 7))
            paid ann=250 @1      -> ann[1,1]=250 @1
            refunded ann=40 @7   -> ann[1,1]=None @1  ann[1,7]=210 @7
        """
        check_function(initializer, "aggregate")
        check_function(merger, "aggregate", "key", "one", "other")
        first = self._parts[0][0]
        graph = first.place.graph
        key = optional_serde(options.get("key")) or first.key
        serde = optional_serde(value) or self._value or graph.default_value
        spec = session_store(graph, self._windows, options, _AGGREGATE, key, serde)
        makes = [
            partial(
                SessionWindowAggregate,
                gap_ms=self._windows.gap_ms,
                grace_ms=self._windows.grace_ms,
                idle_ms=self._windows.idle_ms,
                make_fold=partial(AggregateFold, initializer, aggregator, merger),
            )
            for _, aggregator in self._parts
        ]
        return _table(
            self._parts,
            spec,
            options,
            name,
            makes,
            session_key_serde(key),
            SessionGetter,
            self._windows.gap_ms + self._windows.grace_ms,
            window_idles(self._windows),
            self._aggregated,
        )

    def late_records(
        self, of: circle.KGroupedStream[K, V], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records of one of the streams that came too late for a session, as a stream of their own.

        They come as in `SessionWindowedKStream.late_records`. Aggregate first.

        Args:
            of: the grouped stream, one of those that are cogrouped.

        Raises:
            TopologyError: nothing is aggregated yet, or `of` is another stream.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> balance = paid.cogroup(lambda name, cents, total: total + cents).cogroup(
            ...     refunded, lambda name, cents, total: total - cents
            ... )
            >>> sessions = balance.windowed_by(SessionWindows(10))
            >>> totals = sessions.aggregate(
            ...     lambda: 0, lambda name, one, other: one + other, value=int, store="balance"
            ... )
            >>> totals.to_stream().to("balance")
            >>> sessions.late_records(paid).to("late")
            >>> trace(builder, ("paid", "ann", 250, 35), ("paid", "ann", 40, 5))
            paid ann=250 @35     -> balance: ann[35,35]=250 @35
            paid ann=40 @5       -> late: ann=40 @5
            dropped: 1 (late)
        """
        return circle.KStream(
            late_records_of_part(self._parts, self._aggregated, of.grouping, name)
        )

    def _aggregate_named(
        self, name: str | None, options: Mapping[str, Any]
    ) -> tuple[Aggregates[Any], KTable[Any, Any]]:
        refuse_versions(options)
        named, serde = combined(_with_serdes(self._parts))
        states: SessionWindowedCogroupedKStream[K, Any] = self
        return named, states.aggregate(
            named.initial, named.merge, name=name, value=serde, **options
        )


def _with_serdes(parts: Parts) -> list[tuple[Callable[..., Any], Serde[Any]]]:
    return [(aggregator, grouping.value) for grouping, aggregator in parts]


def _table(
    parts: Parts,
    spec: StoreSpec,
    options: Mapping[str, Any],
    name: str | None,
    makes: Sequence[Callable[..., Operator]],
    key: Serde[Any],
    getter: Callable[[str], ValueGetter],
    grace_ms: int | None = None,
    idles: bool = False,
    aggregated: list[StreamNode] | None = None,
) -> KTable[Any, Any]:
    """An operator for each stream on one store, and a merge behind them.

    Args:
        aggregated: gets the places behind the operators, in the order of the parts.
    """
    graph = parts[0][0].place.graph
    places = [grouping.for_store(spec.name) for grouping, _ in parts]
    sources = frozenset[str]().union(*(place.sources for place in places))
    graph.copartition(sorted(sources))
    backing = AggregateBacking(
        spec.name, options.get("store"), getter, history_ms=spec.history_retention_ms
    )
    backing.says_history = grace_ms is None
    nodes = []
    for number, (place, make) in enumerate(zip(places, makes, strict=True)):
        node = OperatorGraphNode(
            graph.names.suffixed(name, f"-cogroup-agg-{number}", _AGGREGATE),
            _later(make, spec, backing, place),
            store=(lambda: spec) if number == 0 else None,
            connect=(lambda: (spec.name,)) if number > 0 else None,
            cache=lambda: None if idles else node_cache(spec, backing.send_old),
        )
        node.window_grace_ms = grace_ms
        node.window_idles = idles
        graph.add(node, place.node)
        nodes.append(node)
    if aggregated is not None:
        aggregated[:] = (
            replace(place, node=node, name=node.name)
            for place, node in zip(places, nodes, strict=True)
        )
    merge_name = graph.names.suffixed(name, "-cogroup-merge", "COGROUPKSTREAM-MERGE-")
    merge = OperatorGraphNode(merge_name, lambda: PassThrough)
    graph.add(merge, *nodes)
    return KTable(
        StreamNode(
            graph=graph,
            node=merge,
            name=merge_name,
            key=key,
            value=spec.value_serde,
            sources=sources,
        ),
        backing,
    )


def _later(
    make: Callable[..., Operator], spec: StoreSpec, backing: AggregateBacking, place: StreamNode
) -> Callable[[], MakeOperator]:
    assert spec.key_serde is not None
    key = spec.key_serde
    return lambda: partial(
        make, spec.name, send_old=backing.send_old, reuse_raw_key=place.reuses(key)
    )


def _plain(
    initializer: Callable[[], Any],
    aggregator: Callable[[Any, Any, Any], Any],
    store: str,
    **rest: Any,
) -> Operator:
    return StreamAggregate(store, initializer, aggregator, **rest)


def _versioned(
    initializer: Callable[[], Any],
    aggregator: Callable[[Any, Any, Any], Any],
    store: str,
    **rest: Any,
) -> Operator:
    return VersionedAggregate(store, partial(AggregateFold, initializer, aggregator), **rest)
