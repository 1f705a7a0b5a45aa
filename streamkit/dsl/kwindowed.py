"""Windowed streams: records by key and window, to be counted, reduced or aggregated.

Each result is a table with `Windowed` keys. By default every record sends an update on;
`emit_on_close()` sends only the final result of each window.

Source: org.apache.kafka.streams.kstream.TimeWindowedKStream, SessionWindowedKStream, EmitStrategy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar, Unpack

from streamkit.dsl import circle
from streamkit.dsl.aggregates_by_name import Aggregates, refuse_versions, state_serde
from streamkit.dsl.functions import check_function
from streamkit.dsl.grouping import Grouping, use_up_number
from streamkit.dsl.ktable import KTable
from streamkit.dsl.late import late_records
from streamkit.dsl.named_aggregates import NamedAggregation
from streamkit.dsl.options import SerdeLike, WindowStoreOptions, optional_serde
from streamkit.dsl.stream_node import StreamNode
from streamkit.dsl.window_tables import (
    TimeWindows,
    session_key_serde,
    session_store,
    time_key_serde,
    window_idles,
    window_store,
    windowed_operator,
)
from streamkit.dsl.windows.durations import to_ms
from streamkit.dsl.windows.own import Windows
from streamkit.dsl.windows.session import SessionWindows
from streamkit.dsl.windows.sliding import SlidingWindows
from streamkit.dsl.windows.unlimited import UnlimitedWindows
from streamkit.errors import TopologyError
from streamkit.model.windowed import Windowed
from streamkit.operators.fold import AggregateFold, CountFold, Fold, ReduceFold
from streamkit.operators.getter import SessionGetter, WindowGetter
from streamkit.operators.session_window import SessionWindowAggregate
from streamkit.operators.window_close import EMIT_ON_UPDATE
from streamkit.serde import Serde, serde_for

__all__ = ["SessionWindowedKStream", "TimeWindowedKStream", "TimeWindows"]

_logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")

MakeFold: TypeAlias = Callable[[], Fold]

_AGGREGATE = "KSTREAM-AGGREGATE-"
_REDUCE = "KSTREAM-REDUCE-"


class _Windowed(NamedAggregation[Windowed[K], V], Generic[K, V]):
    """What streams in windows of any kind share."""

    def __init__(self, grouping: Grouping, emit_every_ms: int) -> None:
        self._grouping = grouping
        self._emit_every_ms = emit_every_ms
        self._aggregated: StreamNode | None = None

    def late_records(self, *, name: str | None = None) -> circle.KStream[K, V]:
        """The records that came too late for their window, or for one of them, as a stream of their own.

        They are those that the aggregation drops and counts, as they came: key, value, timestamp and
        headers, and one header more, `late`, which says what they were too late for. Aggregate first; with
        several aggregations of the same windows, those of the first are taken.

        Raises:
            TopologyError: nothing is aggregated yet.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> windowed = orders.group_by_key().windowed_by(TumblingWindows(10))
            >>> windowed.count(store="counts").to_stream().to("counts")
            >>> windowed.late_records().to("late")
            >>> trace(builder, ("orders", "ann", 250, 15), ("orders", "ann", 40, 5))
            orders ann=250 @15   -> counts: ann[10,20]=1 @15
            orders ann=40 @5     -> late: ann=40 @5
            dropped: 1 (late)
        """
        return circle.KStream(late_records(self._aggregated, self._grouping, name))


class TimeWindowedKStream(_Windowed[K, V]):
    """A stream's records by key and window of time: any but sessions.

    Null values are folded like any other, except in sliding windows, which drop them.
    """

    def __init__(
        self, grouping: Grouping, windows: TimeWindows, emit_every_ms: int = EMIT_ON_UPDATE
    ) -> None:
        super().__init__(grouping, emit_every_ms)
        self._windows = windows

    def emit_on_close(self, *, every: timedelta | int = 1000) -> TimeWindowedKStream[K, V]:
        """Send only the final result of each window, once it takes no more records.

        Give the aggregation a `retention` that is longer than any pause in the data: as in Kafka Streams, a
        window that has left its store when stream time jumps over its close isn't sent.

        Args:
            every: windows that have closed are looked for at most once in this time of the wall clock;
                0: at each record.

        Raises:
            TopologyError: unlimited windows, which never close, or windows of one's own.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> windowed = orders.group_by_key().windowed_by(TumblingWindows(10))
            >>> windowed.emit_on_close(every=0).count(store="counts").to_stream().to("counts")
            >>> trace(builder, ("orders", "ann", 250, 1), ("orders", "ann", 40, 5),
            ...       ("orders", "ann", 7, 12))
            orders ann=250 @1    -> -
            orders ann=40 @5     -> -
            orders ann=7 @12     -> ann[0,10]=2 @5
        """
        if isinstance(self._windows, UnlimitedWindows):
            raise TopologyError("unlimited windows never close: use the updates of their table")
        if isinstance(self._windows, Windows):
            raise TopologyError(
                "emit_on_close works for windows of one length, not for those of "
                f"{type(self._windows).__name__}: suppress(UntilWindowCloses()) has their final results"
            )
        return TimeWindowedKStream(self._grouping, self._windows, to_ms(every, "every"))

    def count(
        self, *, name: str | None = None, **options: Unpack[WindowStoreOptions]
    ) -> KTable[Windowed[K], int]:
        """How many records each key and window has.

        Args:
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> windowed = orders.group_by_key().windowed_by(TumblingWindows(10))
            >>> windowed.count(store="counts").to_stream().to("counts")
            >>> trace(builder, ("orders", "ann", 250, 1), ("orders", "ann", 40, 5),
            ...       ("orders", "ann", 7, 12))
            orders ann=250 @1    -> ann[0,10]=1 @1
            orders ann=40 @5     -> ann[0,10]=2 @5
            orders ann=7 @12     -> ann[10,20]=1 @12
        """
        if not isinstance(self._windows, SlidingWindows):
            use_up_number(self._grouping.place, options)
        return self._table(_AGGREGATE, CountFold, name, serde_for(int), options, ignores_value=True)

    def reduce(
        self,
        reducer: Callable[[V, V], V],
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[WindowStoreOptions],
    ) -> KTable[Windowed[K], V]:
        """One value a key and window, folded by `reducer(so far, value)`; the first is taken as it is.

        Args:
            value: type or serde of the results; by default the stream's.
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> windowed = orders.group_by_key().windowed_by(TumblingWindows(10))
            >>> windowed.reduce(max, store="largest").to_stream().to("largest")
            >>> trace(builder, ("orders", "ann", 250, 1), ("orders", "ann", 40, 5),
            ...       ("orders", "ann", 7, 12))
            orders ann=250 @1    -> ann[0,10]=250 @1
            orders ann=40 @5     -> ann[0,10]=250 @5
            orders ann=7 @12     -> ann[10,20]=7 @12
        """
        check_function(reducer, "reduce", "so far", "value")
        serde = optional_serde(value) or self._grouping.value
        return self._table(_REDUCE, partial(ReduceFold, reducer), name, serde, options)

    def aggregate(
        self,
        initializer: Callable[[], A],
        aggregator: Callable[[K, V, A], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[WindowStoreOptions],
    ) -> KTable[Windowed[K], A]:
        """One value a key and window, folded by `aggregator(key, value, aggregate)` from `initializer()` on.

        Args:
            value: type or serde of the results; by default the app's.
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> windowed = orders.group_by_key().windowed_by(TumblingWindows(10))
            >>> lists = windowed.aggregate(list, lambda name, cents, seen: [*seen, cents], store="lists")
            >>> lists.to_stream().to("lists")
            >>> trace(builder, ("orders", "ann", 250, 1), ("orders", "ann", 40, 5),
            ...       ("orders", "ann", 7, 12))
            orders ann=250 @1    -> ann[0,10]=[250] @1
            orders ann=40 @5     -> ann[0,10]=[250, 40] @5
            orders ann=7 @12     -> ann[10,20]=[7] @12
        """
        check_function(initializer, "aggregate")
        check_function(aggregator, "aggregate", "key", "value", "aggregate")
        serde = optional_serde(value) or self._grouping.place.graph.default_value
        make = partial(AggregateFold, initializer, aggregator)
        return self._table(_AGGREGATE, make, name, serde, options)

    def _aggregate_named(
        self, named: Aggregates[Any], name: str | None, options: Mapping[str, Any]
    ) -> KTable[Windowed[K], dict[str, Any]]:
        refuse_versions(options)
        serde = state_serde(named, self._grouping.value)
        return self.aggregate(named.initial, named, name=name, value=serde, **options)

    def _table(
        self,
        prefix: str,
        make_fold: MakeFold,
        name: str | None,
        value: Serde[Any],
        options: Mapping[str, Any],
        *,
        ignores_value: bool = False,
    ) -> KTable[Windowed[K], Any]:
        graph = self._grouping.place.graph
        key = optional_serde(options.get("key")) or self._grouping.key
        on_close = self._emit_every_ms != EMIT_ON_UPDATE
        spec = window_store(graph, self._windows, options, prefix, key, value, on_close=on_close)
        table = self._grouping.table(
            spec,
            options.get("store"),
            graph.names.node(prefix, name),
            windowed_operator(self._windows, make_fold, self._emit_every_ms),
            key=time_key_serde(key, self._windows),
            ignores_value=ignores_value,
            getter=WindowGetter,
            grace_ms=self._windows.grace_ms,
            idles=window_idles(self._windows),
        )
        if self._aggregated is None:
            self._aggregated = table.place
        return table


class SessionWindowedKStream(_Windowed[K, V]):
    """A stream's records by key and session. Null values are folded like any other."""

    def __init__(
        self, grouping: Grouping, windows: SessionWindows, emit_every_ms: int = EMIT_ON_UPDATE
    ) -> None:
        super().__init__(grouping, emit_every_ms)
        self._windows = windows

    def emit_on_close(self, *, every: timedelta | int = 1000) -> SessionWindowedKStream[K, V]:
        """Send only the final result of each session, once it takes no more records.

        Give the aggregation a `retention` that is longer than any pause in the data: as in Kafka Streams, a
        session that has left its store when stream time jumps over its close isn't sent, and without a
        retention most have left by then.

        Args:
            every: sessions that have closed are looked for at most once in this time of the wall clock;
                0: at each record.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> sessions = orders.group_by_key().windowed_by(SessionWindows(10))
            >>> closed = sessions.emit_on_close(every=0).count(store="counts", retention=1000)
            >>> closed.to_stream().to("counts")
            >>> trace(builder, ("orders", "ann", 250, 0), ("orders", "ann", 40, 8),
            ...       ("orders", "ann", 7, 30))
            orders ann=250 @0    -> -
            orders ann=40 @8     -> -
            orders ann=7 @30     -> ann[0,8]=2 @8
        """
        return SessionWindowedKStream(self._grouping, self._windows, to_ms(every, "every"))

    def count(
        self, *, name: str | None = None, **options: Unpack[WindowStoreOptions]
    ) -> KTable[Windowed[K], int]:
        """How many records each key and session has.

        Args:
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> sessions = orders.group_by_key().windowed_by(SessionWindows(10, grace=20))
            >>> sessions.count(store="counts").to_stream().to("counts")
            >>> trace(builder, ("orders", "ann", 250, 0), ("orders", "ann", 40, 15),
            ...       ("orders", "ann", 7, 8))
            orders ann=250 @0    -> ann[0,0]=1 @0
            orders ann=40 @15    -> ann[15,15]=1 @15
            orders ann=7 @8      -> ann[0,0]=None @0  ann[15,15]=None @15  ann[0,15]=3 @15
        """
        use_up_number(self._grouping.place, options)
        return self._table(_AGGREGATE, CountFold, name, serde_for(int), options, ignores_value=True)

    def reduce(
        self,
        reducer: Callable[[V, V], V],
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[WindowStoreOptions],
    ) -> KTable[Windowed[K], V]:
        """One value a key and session, folded by `reducer(so far, value)`, which also merges sessions.

        Args:
            value: type or serde of the results; by default the stream's.
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> sessions = orders.group_by_key().windowed_by(SessionWindows(10, grace=20))
            >>> sessions.reduce(max, store="largest").to_stream().to("largest")
            >>> trace(builder, ("orders", "ann", 250, 0), ("orders", "ann", 40, 15),
            ...       ("orders", "ann", 7, 8))
            orders ann=250 @0    -> ann[0,0]=250 @0
            orders ann=40 @15    -> ann[15,15]=40 @15
            orders ann=7 @8      -> ann[0,0]=None @0  ann[15,15]=None @15  ann[0,15]=250 @15
        """
        check_function(reducer, "reduce", "so far", "value")
        serde = optional_serde(value) or self._grouping.value
        return self._table(_REDUCE, partial(ReduceFold, reducer), name, serde, options)

    def aggregate(
        self,
        initializer: Callable[[], A],
        aggregator: Callable[[K, V, A], A],
        merger: Callable[[K, A, A], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[WindowStoreOptions],
    ) -> KTable[Windowed[K], A]:
        """One value a key and session, folded by `aggregator(key, value, aggregate)` from `initializer()` on.

        Args:
            merger: `f(key, one, other)` -> the aggregate of two sessions that have become one; the first
                merge of a record starts from `initializer()`.
            value: type or serde of the results; by default the app's.
            options: see `WindowStoreOptions`.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> sessions = orders.group_by_key().windowed_by(SessionWindows(10, grace=20))
            >>> lists = sessions.aggregate(
            ...     list,
            ...     lambda name, cents, so_far: [*so_far, cents],
            ...     lambda name, one, other: one + other,
            ...     store="lists",
            ... )
            >>> lists.to_stream().to("lists")
            >>> trace(builder, ("orders", "ann", 250, 0), ("orders", "ann", 40, 15),
            ...       ("orders", "ann", 7, 8))
            orders ann=250 @0    -> ann[0,0]=[250] @0
            orders ann=40 @15    -> ann[15,15]=[40] @15
            orders ann=7 @8      -> ann[0,0]=None @0  ann[15,15]=None @15  ann[0,15]=[250, 40, 7] @15
        """
        check_function(initializer, "aggregate")
        check_function(aggregator, "aggregate", "key", "value", "aggregate")
        check_function(merger, "aggregate", "key", "one", "other")
        serde = optional_serde(value) or self._grouping.place.graph.default_value
        make = partial(AggregateFold, initializer, aggregator, merger)
        return self._table(_AGGREGATE, make, name, serde, options)

    def _aggregate_named(
        self, named: Aggregates[Any], name: str | None, options: Mapping[str, Any]
    ) -> KTable[Windowed[K], dict[str, Any]]:
        refuse_versions(options)
        serde = state_serde(named, self._grouping.value)
        return self.aggregate(named.initial, named, named.merge, name=name, value=serde, **options)

    def _table(
        self,
        prefix: str,
        make_fold: MakeFold,
        name: str | None,
        value: Serde[Any],
        options: Mapping[str, Any],
        *,
        ignores_value: bool = False,
    ) -> KTable[Windowed[K], Any]:
        graph = self._grouping.place.graph
        key = optional_serde(options.get("key")) or self._grouping.key
        spec = session_store(graph, self._windows, options, prefix, key, value)
        if self._emit_every_ms != EMIT_ON_UPDATE and options.get("retention") is None:
            _logger.warning(
                "store %s: most sessions have left it when they close, and are not sent: give the aggregation a "
                "retention= longer than any pause in the data",
                spec.name,
            )
        if self._emit_every_ms != EMIT_ON_UPDATE:
            spec = replace(spec, cached=False)  # sessions that close are merged anyway
        make = partial(
            SessionWindowAggregate,
            gap_ms=self._windows.gap_ms,
            grace_ms=self._windows.grace_ms,
            idle_ms=self._windows.idle_ms,
            make_fold=make_fold,
            emit_every_ms=self._emit_every_ms,
        )
        table = self._grouping.table(
            spec,
            options.get("store"),
            graph.names.node(prefix, name),
            make,
            key=session_key_serde(key),
            ignores_value=ignores_value,
            getter=SessionGetter,
            grace_ms=self._windows.gap_ms + self._windows.grace_ms,
            idles=window_idles(self._windows),
        )
        if self._aggregated is None:
            self._aggregated = table.place
        return table
