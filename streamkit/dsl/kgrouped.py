"""Grouped streams: records by key, to be counted, reduced or aggregated, with or without windows.

Each result is a table; every record sends an update on (with the record cache on, the last one of a
commit interval). Records without a key are dropped.

Source: org.apache.kafka.streams.kstream.KGroupedStream, TimeWindowedKStream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar, Unpack

from streamkit.dsl.backing import AggregateBacking
from streamkit.dsl.ktable import KTable
from streamkit.dsl.options import (
    SerdeLike,
    StoreOptions,
    WindowStoreOptions,
    optional_serde,
    resolve_store,
)
from streamkit.dsl.stream_node import StreamNode, repartitioned
from streamkit.dsl.windows.durations import to_ms
from streamkit.dsl.windows.hopping import HoppingWindows
from streamkit.dsl.windows.tumbling import TumblingWindows
from streamkit.errors import ConfigError
from streamkit.model.windowed import Windowed
from streamkit.operators.aggregate import StreamAggregate
from streamkit.operators.base import Operator
from streamkit.operators.count import StreamCount
from streamkit.operators.reduce import StreamReduce
from streamkit.operators.window_aggregate import WindowAggregate
from streamkit.operators.window_count import WindowCount
from streamkit.operators.window_reduce import WindowReduce
from streamkit.serde import Serde, serde_for
from streamkit.serde.windowed import TimeWindowedSerde
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.topology.graph_nodes import OperatorGraphNode, RepartitionGraphNode
from streamkit.topology.names import check_name
from streamkit.topology.nodes import MakeOperator

__all__ = ["KGroupedStream", "TimeWindowedKStream", "TimeWindows"]

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")

TimeWindows: TypeAlias = TumblingWindows | HoppingWindows

_AGGREGATE = "KSTREAM-AGGREGATE-"
_REDUCE = "KSTREAM-REDUCE-"


class Grouping:
    """A grouped place in the program: adds the repartition topic before an aggregation, where needed."""

    def __init__(
        self,
        place: StreamNode,
        name: str | None,
        key: Serde[Any] | None,
        value: Serde[Any] | None,
    ) -> None:
        self.place = place
        self.key = key if key is not None else place.key_serde
        self.value = value if value is not None else place.value_serde
        self._name = name if name is None else check_name(name)
        self._repartition: RepartitionGraphNode | None = None

    def for_store(self, store: str) -> StreamNode:
        """The place to aggregate at; its records of one key are in one task."""
        if not self.place.needs_repartition:
            return self.place
        into = self._repartition if self._name is not None else None
        behind, self._repartition = repartitioned(
            self.place,
            self._name if self._name is not None else store,
            key=self.key,
            value=self.value,
            into=into,
        )
        return behind

    def table(
        self,
        spec: StoreSpec,
        queryable: str | None,
        name: str,
        make: Callable[..., Operator],
        *,
        key: Serde[Any],
        ignores_value: bool,
        windowed: bool = False,
    ) -> KTable[Any, Any]:
        """The table of an aggregation.

        Args:
            make: takes the store's name, `send_old` and `reuse_raw_key`.
            key: serde of the table's keys.
        """
        place = self.for_store(spec.name)
        backing = AggregateBacking(spec.name, queryable, windowed=windowed)
        assert spec.key_serde is not None
        reuse = place.reuses(spec.key_serde)

        def make_later() -> MakeOperator:
            return partial(make, spec.name, send_old=backing.send_old, reuse_raw_key=reuse)

        node = OperatorGraphNode(name, make_later, store=lambda: spec, ignores_value=ignores_value)
        behind = place.then(
            node,
            key=key,
            value=spec.value_serde,
            raw_key=None if windowed else place.raw_key,
        )
        return KTable(behind, backing)


class KGroupedStream(Generic[K, V]):
    """A stream's records by key."""

    def __init__(
        self,
        place: StreamNode,
        name: str | None,
        key: Serde[Any] | None,
        value: Serde[Any] | None,
    ) -> None:
        self._grouping = Grouping(place, name, key, value)

    def count(self, *, name: str | None = None, **options: Unpack[StoreOptions]) -> KTable[K, int]:
        """How many records with a value each key has had.

        Args:
            options: see `StoreOptions`.
        """
        _use_up_number(self._grouping.place, options)
        return self._table(_AGGREGATE, _AGGREGATE, StreamCount, name, serde_for(int), options, True)

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
        """
        make = partial(_reduce, reducer)
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
        """
        make = partial(_aggregate, initializer, aggregator)
        serde = optional_serde(value) or self._grouping.place.graph.default_value
        return self._table(_AGGREGATE, _AGGREGATE, make, name, serde, options, False)

    def windowed_by(self, windows: TimeWindows) -> TimeWindowedKStream[K, V]:
        """Group by windows of event time too."""
        return TimeWindowedKStream(self._grouping, windows)

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
        spec = StoreSpec(store, StoreKind.TIMESTAMPED_KEY_VALUE, key, value, **fields)
        return self._grouping.table(
            spec, options.get("store"), name, make, key=key, ignores_value=ignores_value
        )


class TimeWindowedKStream(Generic[K, V]):
    """A stream's records by key and window. Null values are folded like any other."""

    def __init__(self, grouping: Grouping, windows: TimeWindows) -> None:
        self._grouping = grouping
        self._windows = windows

    def count(
        self, *, name: str | None = None, **options: Unpack[WindowStoreOptions]
    ) -> KTable[Windowed[K], int]:
        """How many records each key and window has.

        Args:
            options: see `WindowStoreOptions`.
        """
        _use_up_number(self._grouping.place, options)
        return self._table(_AGGREGATE, WindowCount, (), name, serde_for(int), options, True)

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
        """
        serde = optional_serde(value) or self._grouping.value
        return self._table(_REDUCE, WindowReduce, (reducer,), name, serde, options, False)

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
        """
        serde = optional_serde(value) or self._grouping.place.graph.default_value
        functions = (initializer, aggregator)
        return self._table(_AGGREGATE, WindowAggregate, functions, name, serde, options, False)

    def _table(
        self,
        prefix: str,
        operator: Callable[..., Operator],
        functions: tuple[Callable[..., Any], ...],
        name: str | None,
        value: Serde[Any],
        options: Mapping[str, Any],
        ignores_value: bool,
    ) -> KTable[Windowed[K], Any]:
        graph = self._grouping.place.graph
        windows = self._windows
        store, fields = resolve_store(graph, options, prefix)
        name = graph.names.node(prefix, name)
        key = optional_serde(options.get("key")) or self._grouping.key
        spec = StoreSpec(
            store,
            StoreKind.TIMESTAMPED_WINDOW,
            key,
            value,
            retention_ms=_retention_ms(store, windows, options),
            window_size_ms=windows.size_ms,
            **fields,
        )
        times = (windows.size_ms, windows.advance_ms, windows.grace_ms)
        return self._grouping.table(
            spec,
            options.get("store"),
            name,
            partial(_windowed, operator, times, functions),
            key=TimeWindowedSerde(key, windows.size_ms),
            ignores_value=ignores_value,
            windowed=True,
        )


def _retention_ms(store: str, windows: TimeWindows, options: Mapping[str, Any]) -> int:
    least = windows.size_ms + windows.grace_ms
    retention = options.get("retention")
    if retention is None:
        return least
    retention_ms = to_ms(retention, "retention")
    if retention_ms < least:
        raise ConfigError(
            f"the retention of window store {store!r} is at least size plus grace of its windows: "
            f"{windows.size_ms} + {windows.grace_ms} = {least} ms, not {retention_ms} ms"
        )
    return retention_ms


def _use_up_number(place: StreamNode, options: Mapping[str, Any]) -> None:
    """As in Kafka Streams, where a count with options but no store name takes one number more."""
    if options and options.get("store") is None:
        place.graph.names.store(_AGGREGATE)


def _reduce(reducer: Callable[[Any, Any], Any], store: str, **rest: Any) -> Operator:
    return StreamReduce(store, reducer, **rest)


def _aggregate(
    initializer: Callable[[], Any],
    aggregator: Callable[[Any, Any, Any], Any],
    store: str,
    **rest: Any,
) -> Operator:
    return StreamAggregate(store, initializer, aggregator, **rest)


def _windowed(
    operator: Callable[..., Operator],
    times: tuple[int, int, int],
    functions: tuple[Callable[..., Any], ...],
    store: str,
    **rest: Any,
) -> Operator:
    return operator(store, *times, *functions, **rest)
