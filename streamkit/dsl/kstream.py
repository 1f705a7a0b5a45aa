"""KStream: an endless sequence of independent records.

Each method adds an operation to the program and returns the stream or table behind it; nothing runs yet.
Functions get keys and values as the serdes read them; either may be None where a record has none.

Source: org.apache.kafka.streams.kstream.KStream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

from streamkit.dsl.joins import join_global_table, join_table
from streamkit.dsl.kgrouped import KGroupedStream
from streamkit.dsl.ktable import GlobalKTable, KTable, table_of_stream
from streamkit.dsl.late import late_stream_of_join
from streamkit.dsl.options import SerdeLike, StoreOptions, StreamJoinOptions, optional_serde
from streamkit.dsl.stream_joins import join_streams, refuse_join_options
from streamkit.dsl.stream_node import StreamNode, repartitioned, select_key
from streamkit.dsl.windows.durations import to_ms
from streamkit.dsl.windows.join import JoinWindows
from streamkit.errors import ConfigError
from streamkit.operators.base import Operator
from streamkit.operators.branch import StreamBranch
from streamkit.operators.filter import StreamFilter
from streamkit.operators.flat_map import FlatMap
from streamkit.operators.flat_map_values import FlatMapValues, FlatMapValuesWithKey
from streamkit.operators.map import StreamMap
from streamkit.operators.map_values import MapValues, MapValuesWithKey
from streamkit.operators.pass_through import PassThrough
from streamkit.operators.peek import ForEach, Peek
from streamkit.operators.print import PrintRecords, printed_file
from streamkit.operators.process import (
    FixedKeyProcessorAdapter,
    FixedKeyProcessorSupplier,
    ProcessorAdapter,
    ProcessorSupplier,
)
from streamkit.topology.graph_nodes import OperatorGraphNode, SinkGraphNode
from streamkit.topology.names import check_name
from streamkit.topology.nodes import StreamPartitioner, TopicNameExtractor

__all__ = ["BranchedKStream", "KStream"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")
VT = TypeVar("VT")
KG = TypeVar("KG")
R = TypeVar("R")


class KStream(Generic[K, V]):
    """A stream of records with keys `K` and values `V`."""

    def __init__(self, place: StreamNode) -> None:
        self._place = place

    @property
    def place(self) -> StreamNode:
        """Where the stream stands in the program."""
        return self._place

    # -- record by record --------------------------------------------------------------------------

    def filter(
        self, predicate: Callable[[K, V], object], *, name: str | None = None
    ) -> KStream[K, V]:
        """The records that `predicate(key, value)` accepts."""
        return KStream(self._keep("KSTREAM-FILTER-", name, partial(StreamFilter, predicate)))

    def filter_not(
        self, predicate: Callable[[K, V], object], *, name: str | None = None
    ) -> KStream[K, V]:
        """The records that `predicate(key, value)` rejects."""
        make = partial(StreamFilter, predicate, negate=True)
        return KStream(self._keep("KSTREAM-FILTER-", name, make))

    def map(
        self,
        mapper: Callable[[K, V], tuple[K2, V2]],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K2, V2]:
        """A new key and value for each record: `mapper(key, value)` returns the pair.

        Grouping and joining after it go through a repartition topic.

        Args:
            key, value: types or serdes of the results; by default the app's.
        """
        return KStream(self._rekey("KSTREAM-MAP-", name, partial(StreamMap, mapper), key, value))

    def select_key(
        self,
        selector: Callable[[K, V], K2],
        *,
        key: SerdeLike[K2] | None = None,
        name: str | None = None,
    ) -> KStream[K2, V]:
        """A new key for each record: `selector(key, value)`.

        Grouping and joining after it go through a repartition topic.

        Args:
            key: type or serde of the new keys; by default the app's.
        """
        return KStream(select_key(self._place, selector, optional_serde(key), name))

    def map_values(
        self,
        mapper: Callable[[V], V2],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K, V2]:
        """A new value for each record: `mapper(value)`.

        Args:
            value: type or serde of the new values; by default the app's.
        """
        return KStream(self._revalue("KSTREAM-MAPVALUES-", name, partial(MapValues, mapper), value))

    def map_values_with_key(
        self,
        mapper: Callable[[K, V], V2],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K, V2]:
        """A new value for each record: `mapper(key, value)`.

        Args:
            value: type or serde of the new values; by default the app's.
        """
        make = partial(MapValuesWithKey, mapper)
        return KStream(self._revalue("KSTREAM-MAPVALUES-", name, make, value))

    def flat_map(
        self,
        mapper: Callable[[K, V], Iterable[tuple[K2, V2]]],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K2, V2]:
        """Any number of records for each: the pairs of `mapper(key, value)`, in order.

        Args:
            key, value: types or serdes of the results; by default the app's.
        """
        return KStream(self._rekey("KSTREAM-FLATMAP-", name, partial(FlatMap, mapper), key, value))

    def flat_map_values(
        self,
        mapper: Callable[[V], Iterable[V2]],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K, V2]:
        """Any number of values for each record, under its key: those of `mapper(value)`, in order.

        Args:
            value: type or serde of the new values; by default the app's.
        """
        make = partial(FlatMapValues, mapper)
        return KStream(self._revalue("KSTREAM-FLATMAPVALUES-", name, make, value))

    def flat_map_values_with_key(
        self,
        mapper: Callable[[K, V], Iterable[V2]],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K, V2]:
        """Any number of values for each record, under its key: those of `mapper(key, value)`, in order.

        Args:
            value: type or serde of the new values; by default the app's.
        """
        make = partial(FlatMapValuesWithKey, mapper)
        return KStream(self._revalue("KSTREAM-FLATMAPVALUES-", name, make, value))

    def peek(self, action: Callable[[K, V], object], *, name: str | None = None) -> KStream[K, V]:
        """The same records, after `action(key, value)` was called for each."""
        return KStream(self._keep("KSTREAM-PEEK-", name, partial(Peek, action)))

    def for_each(self, action: Callable[[K, V], object], *, name: str | None = None) -> None:
        """Call `action(key, value)` for each record; the stream ends here."""
        self._keep("KSTREAM-FOREACH-", name, partial(ForEach, action))

    def print(
        self,
        *,
        label: str | None = None,
        mapper: Callable[[K, V], str] | None = None,
        file: str | Path | None = None,
        name: str | None = None,
    ) -> None:
        """Write each record to standard output or a file as `[label]: key, value`; the stream ends here.

        Args:
            label: by default the name of the operator before.
            mapper: `f(key, value)` -> text to write instead of key and value.
            file: lines are added to this one, in UTF-8, by every task of every worker.

        Raises:
            TopologyError: the folder of the file isn't there.
        """
        path = None if file is None else printed_file(file)
        make = partial(PrintRecords, self._place.name if label is None else label, mapper, path)
        self._keep("KSTREAM-PRINTER-", name, make)

    # -- several streams ---------------------------------------------------------------------------

    def split(self, *, name: str | None = None) -> BranchedKStream[K, V]:
        """Begin to split the stream: each record goes to the first branch that takes it."""
        return BranchedKStream(self._place, name)

    def merge(self, other: KStream[K, V], *, name: str | None = None) -> KStream[K, V]:
        """The records of both streams; their order relative to each other is that of processing."""
        place, others = self._place, other._place
        name = place.graph.names.node("KSTREAM-MERGE-", name)
        node = OperatorGraphNode(name, lambda: PassThrough, is_merge=True)
        place.graph.add(node, place.node, others.node)
        return KStream(
            StreamNode(
                graph=place.graph,
                node=node,
                name=name,
                key=place.key if place.key is others.key else None,
                value=place.value if place.value is others.value else None,
                sources=place.sources | others.sources,
                needs_repartition=place.needs_repartition or others.needs_repartition,
                raw_keys=place.common_raw_keys(others),
            )
        )

    # -- topics ------------------------------------------------------------------------------------

    def to(
        self,
        topic: str | TopicNameExtractor,
        *,
        key: SerdeLike[K] | None = None,
        value: SerdeLike[V] | None = None,
        partitioner: StreamPartitioner | None = None,
        name: str | None = None,
    ) -> None:
        """Write the records to a topic, which must exist; the stream ends here.

        Args:
            topic: its name, or `f(key, value, info)` that names the topic of each record; `info` is a
                `RecordInfo`.
            key, value: types or serdes; by default the stream's.
            partitioner: `f(topic, key, value, partitions)` -> a partition or several, see
                `StreamPartitioner`; by default murmur2 of the key, as every Kafka producer's.
        """
        place = self._place
        if not callable(topic) and not topic:
            raise ConfigError("the name of a topic isn't empty")
        key_serde = optional_serde(key) or place.key_serde
        place.graph.add(
            SinkGraphNode(
                place.graph.names.node("KSTREAM-SINK-", name),
                topic,
                key_serde,
                optional_serde(value) or place.value_serde,
                partitioner,
                reuse_raw_key=partial(place.reuses, key_serde),
            ),
            place.node,
        )

    def repartition(
        self,
        *,
        name: str | None = None,
        key: SerdeLike[K] | None = None,
        value: SerdeLike[V] | None = None,
        partitions: int | None = None,
        partitioner: StreamPartitioner | None = None,
    ) -> KStream[K, V]:
        """The same records through a topic of the app's own, partitioned by their keys of now.

        Records without a key are dropped, unless a left join downstream emits them.

        Args:
            name: the topic is called `<app>-<name>-repartition`.
            partitions: of the topic; by default as many as the widest topic above it.
            partitioner: as for `to`.
        """
        if partitions is not None and partitions < 1:
            raise ConfigError(f"partitions is 1 or more, not {partitions}")
        place = self._place
        if name is None:
            name = place.graph.names.node("KSTREAM-REPARTITION-")
        else:
            check_name(name)
        behind, _ = repartitioned(
            place,
            name,
            key=optional_serde(key),
            value=optional_serde(value),
            partitions=partitions,
            partitioner=partitioner,
            optimizable=False,
        )
        return KStream(behind)

    def late_records(
        self, side: Literal["left", "right"], *, name: str | None = None
    ) -> KStream[K, Any]:
        """Of a join of two streams: one side's records that came too late to wait for partners.

        They met the partners that were there, and go on as they came, with one header more, `late`.

        Raises:
            TopologyError: this stream isn't a join of two streams.
        """
        return late_stream_of_join(self._place, side, name)

    # -- tables ------------------------------------------------------------------------------------

    def to_table(
        self,
        *,
        name: str | None = None,
        value: SerdeLike[V] | None = None,
        **options: Unpack[StoreOptions],
    ) -> KTable[K, V]:
        """The stream's latest value of each key; a record without a value deletes its key.

        Args:
            value: type or serde of the values; by default the stream's.
            options: see `StoreOptions`; the table is materialized if `store` is given or a join needs it.
        """
        return table_of_stream(self._place, name, optional_serde(value), options)

    def group_by_key(
        self,
        *,
        name: str | None = None,
        key: SerdeLike[K] | None = None,
        value: SerdeLike[V] | None = None,
    ) -> KGroupedStream[K, V]:
        """Group by the records' own keys, for an aggregation.

        Args:
            name: of the repartition topic, where keys were changed before.
            key, value: types or serdes; by default the stream's.
        """
        return KGroupedStream(self._place, name, optional_serde(key), optional_serde(value))

    def group_by(
        self,
        selector: Callable[[K, V], K2],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V] | None = None,
        name: str | None = None,
    ) -> KGroupedStream[K2, V]:
        """Group by `selector(key, value)`, for an aggregation; goes through a repartition topic.

        Records for which the selector returns None are dropped.

        Args:
            key: type or serde of the new keys; by default the app's.
            value: type or serde of the values; by default the stream's.
            name: of the step and the repartition topic.
        """
        key_serde = optional_serde(key)
        place = select_key(self._place, selector, key_serde, name)
        return KGroupedStream(place, name, key_serde, optional_serde(value))

    @overload
    def join(
        self,
        table: KStream[K, V2],
        joiner: Callable[[V, V2], R],
        *,
        windows: JoinWindows,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, R]: ...

    @overload
    def join(
        self,
        table: KStream[K, V2],
        joiner: Callable[[K, V, V2], R],
        *,
        windows: JoinWindows,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, R]: ...

    @overload
    def join(
        self,
        table: KTable[K, VT],
        joiner: Callable[[V, VT], R],
        *,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        grace: timedelta | int | None = None,
    ) -> KStream[K, R]: ...

    @overload
    def join(
        self,
        table: KTable[K, VT],
        joiner: Callable[[K, V, VT], R],
        *,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        grace: timedelta | int | None = None,
    ) -> KStream[K, R]: ...

    def join(
        self,
        table: KTable[K, Any] | KStream[K, Any],
        joiner: Callable[..., Any],
        *,
        windows: JoinWindows | None = None,
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        grace: timedelta | int | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, Any]:
        """Each record with the row that a table has for its key at that moment, if it has one.

        With another stream: each pair of records of one key whose times are as `windows` says.

        Both are read from topics with the same number of partitions; a stream whose keys were changed
        goes through a repartition topic first.

        Args:
            table: a table, or another stream.
            joiner: `f(value, other)`, or `f(key, value, other)` if `with_key`.
            windows: with a stream: how far apart the two records may be.
            value: type or serde of the results; by default the app's.
            options: with a stream: see `StreamJoinOptions`.
            grace: with a table that has a `history`: records wait this long, in stream time, so that
                late updates of the table still count; the row is the one at the record's time.
        """
        if isinstance(table, KStream):
            return self._join_stream(
                table, joiner, windows, name, value, 0, options, with_key=with_key
            )
        refuse_join_options(options)
        return KStream(
            join_table(
                self._place,
                table,
                joiner,
                name,
                optional_serde(value),
                grace,
                left=False,
                with_key=with_key,
            )
        )

    @overload
    def left_join(
        self,
        table: KStream[K, V2],
        joiner: Callable[[V, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, R]: ...

    @overload
    def left_join(
        self,
        table: KStream[K, V2],
        joiner: Callable[[K, V, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, R]: ...

    @overload
    def left_join(
        self,
        table: KTable[K, VT],
        joiner: Callable[[V, VT | None], R],
        *,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        grace: timedelta | int | None = None,
    ) -> KStream[K, R]: ...

    @overload
    def left_join(
        self,
        table: KTable[K, VT],
        joiner: Callable[[K, V, VT | None], R],
        *,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        grace: timedelta | int | None = None,
    ) -> KStream[K, R]: ...

    def left_join(
        self,
        table: KTable[K, Any] | KStream[K, Any],
        joiner: Callable[..., Any],
        *,
        windows: JoinWindows | None = None,
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        grace: timedelta | int | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, Any]:
        """Like `join`, but records without a row, or without a key, go on with None for the row.

        With another stream: once no partner can come any more.

        Args:
            every: with a stream: records without a partner are looked for at most once in this time of
                the wall clock; 0: whenever stream time moves.
        """
        if isinstance(table, KStream):
            return self._join_stream(
                table,
                joiner,
                windows,
                name,
                value,
                every,
                options,
                keeps_left=True,
                with_key=with_key,
            )
        refuse_join_options(options)
        return KStream(
            join_table(
                self._place,
                table,
                joiner,
                name,
                optional_serde(value),
                grace,
                left=True,
                with_key=with_key,
            )
        )

    @overload
    def outer_join(
        self,
        other: KStream[K, V2],
        joiner: Callable[[V | None, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, R]: ...

    @overload
    def outer_join(
        self,
        other: KStream[K, V2],
        joiner: Callable[[K, V | None, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, R]: ...

    def outer_join(
        self,
        other: KStream[K, Any],
        joiner: Callable[..., Any],
        *,
        windows: JoinWindows,
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> KStream[K, Any]:
        """Like `left_join` with a stream, but the other stream's records go out without a partner too."""
        return self._join_stream(
            other,
            joiner,
            windows,
            name,
            value,
            every,
            options,
            keeps_left=True,
            keeps_right=True,
            with_key=with_key,
        )

    @overload
    def join_global(
        self,
        table: GlobalKTable[KG, VT],
        *,
        key: Callable[[K, V], KG | None],
        joiner: Callable[[V, VT], R],
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
    ) -> KStream[K, R]: ...

    @overload
    def join_global(
        self,
        table: GlobalKTable[KG, VT],
        *,
        key: Callable[[K, V], KG | None],
        joiner: Callable[[K, V, VT], R],
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
    ) -> KStream[K, R]: ...

    def join_global(
        self,
        table: GlobalKTable[Any, Any],
        *,
        key: Callable[[K, V], Any],
        joiner: Callable[..., Any],
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
    ) -> KStream[K, Any]:
        """Each record with the row of a global table, if there is one. Needs no repartitioning.

        Args:
            key: `f(key, value)` -> key of the global table, None for no row.
            joiner: `f(value, row)`, or `f(key, value, row)` if `with_key`.
            value: type or serde of the results; by default the app's.
        """
        place = join_global_table(
            self._place,
            table,
            key,
            joiner,
            name,
            optional_serde(value),
            left=False,
            with_key=with_key,
        )
        return KStream(place)

    @overload
    def left_join_global(
        self,
        table: GlobalKTable[KG, VT],
        *,
        key: Callable[[K, V], KG | None],
        joiner: Callable[[V, VT | None], R],
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
    ) -> KStream[K, R]: ...

    @overload
    def left_join_global(
        self,
        table: GlobalKTable[KG, VT],
        *,
        key: Callable[[K, V], KG | None],
        joiner: Callable[[K, V, VT | None], R],
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
    ) -> KStream[K, R]: ...

    def left_join_global(
        self,
        table: GlobalKTable[Any, Any],
        *,
        key: Callable[[K, V], Any],
        joiner: Callable[..., Any],
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
    ) -> KStream[K, Any]:
        """Like `join_global`, but records without a row go on with None for the row."""
        place = join_global_table(
            self._place,
            table,
            key,
            joiner,
            name,
            optional_serde(value),
            left=True,
            with_key=with_key,
        )
        return KStream(place)

    # -- processors --------------------------------------------------------------------------------

    def process(
        self,
        supplier: ProcessorSupplier[K, V, K2, V2],
        *,
        stores: Iterable[str] = (),
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K2, V2]:
        """The records that a processor of the user's forwards.

        Args:
            supplier: makes the processor, once for each task.
            stores: names of stores to connect, added with `StreamsBuilder.add_state_store`.
            key, value: types or serdes of what it forwards; by default the app's.
        """
        make = partial(ProcessorAdapter, supplier)
        return KStream(self._rekey("KSTREAM-PROCESSOR-", name, make, key, value, tuple(stores)))

    def process_values(
        self,
        supplier: FixedKeyProcessorSupplier[K, V, V2],
        *,
        stores: Iterable[str] = (),
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> KStream[K, V2]:
        """The records that a processor forwards under the keys of those it got.

        Args:
            supplier: makes the processor, once for each task.
            stores: names of stores to connect, added with `StreamsBuilder.add_state_store`.
            value: type or serde of what it forwards; by default the app's.
        """
        make = partial(FixedKeyProcessorAdapter, supplier)
        return KStream(self._revalue("KSTREAM-PROCESSVALUES-", name, make, value, tuple(stores)))

    def _join_stream(
        self,
        other: KStream[K, Any],
        joiner: Callable[..., Any],
        windows: JoinWindows | None,
        name: str | None,
        value: SerdeLike[Any] | None,
        every: timedelta | int,
        options: StreamJoinOptions,
        *,
        keeps_left: bool = False,
        keeps_right: bool = False,
        with_key: bool,
    ) -> KStream[K, Any]:
        if windows is None:
            raise ConfigError("a join of two streams needs windows=JoinWindows(…)")
        return KStream(
            join_streams(
                self._place,
                other.place,
                joiner,
                windows,
                name,
                optional_serde(value),
                options,
                keeps_left=keeps_left,
                keeps_right=keeps_right,
                with_key=with_key,
                look_every_ms=to_ms(every, "every"),
            )
        )

    # -- adding nodes ------------------------------------------------------------------------------

    def _keep(self, prefix: str, name: str | None, make: Callable[[], Operator]) -> StreamNode:
        """Behind an operator that changes neither keys nor values."""
        name = self._place.graph.names.node(prefix, name)
        return self._place.then(OperatorGraphNode(name, lambda: make))

    def _revalue(
        self,
        prefix: str,
        name: str | None,
        make: Callable[[], Operator],
        value: SerdeLike[Any] | None,
        stores: tuple[str, ...] | None = None,
    ) -> StreamNode:
        """Behind an operator that changes values; `stores` for processors."""
        name = self._name(prefix, name, is_processor=stores is not None)
        node = OperatorGraphNode(
            name, lambda: make, connect=lambda: stores or (), value_changing=True
        )
        return self._place.then(node, value=optional_serde(value))

    def _rekey(
        self,
        prefix: str,
        name: str | None,
        make: Callable[[], Operator],
        key: SerdeLike[Any] | None,
        value: SerdeLike[Any] | None,
        stores: tuple[str, ...] | None = None,
    ) -> StreamNode:
        """Behind an operator that changes keys and values; `stores` for processors."""
        name = self._name(prefix, name, is_processor=stores is not None)
        node = OperatorGraphNode(
            name,
            lambda: make,
            connect=lambda: stores or (),
            key_changing=True,
            value_changing=stores is not None,
        )
        return self._place.then(
            node,
            key=optional_serde(key),
            value=optional_serde(value),
            needs_repartition=True,
            raw_keys=(),
        )

    def _name(self, prefix: str, name: str | None, *, is_processor: bool) -> str:
        """As in Kafka Streams, a named processor uses up no number, other named operators do."""
        if is_processor and name is not None:
            return check_name(name)
        return self._place.graph.names.node(prefix, name)


class BranchedKStream(Generic[K, V]):
    """A stream being split: each record goes to the first branch whose predicate takes it.

    Example:
        >>> from streamkit.dsl.builder import StreamsBuilder
        >>> numbers = StreamsBuilder().stream("numbers", key=str, value=int)
        >>> branches = (
        ...     numbers.split(name="by-size-")
        ...     .branch(lambda _, value: value > 50, name="big")
        ...     .default_branch(name="small")
        ... )
        >>> list(branches)
        ['by-size-big', 'by-size-small']
    """

    def __init__(self, place: StreamNode, name: str | None) -> None:
        self._above = place
        self._name = place.graph.names.node("KSTREAM-BRANCH-", name)
        self._predicates: list[Callable[[K, V], object]] = []
        self._names: list[str] = []
        self._branches: dict[str, KStream[K, V]] = {}
        make = partial(StreamBranch, self._predicates, self._names)
        self._place = place.then(OperatorGraphNode(self._name, lambda: make))

    def branch(
        self,
        predicate: Callable[[K, V], object],
        build: Callable[[KStream[K, V]], object] | None = None,
        *,
        name: str | None = None,
    ) -> BranchedKStream[K, V]:
        """Add a branch for records that `predicate(key, value)` accepts and no branch before took.

        Args:
            build: called with the branch's stream at once; if it returns a stream, that one is found
                under the branch's name afterwards, else none is.
            name: what follows the name of the split; by default the branch's number, from 1.
        """
        self._predicates.append(predicate)
        self._add(build, str(len(self._predicates)) if name is None else name)
        return self

    def default_branch(
        self,
        build: Callable[[KStream[K, V]], object] | None = None,
        *,
        name: str | None = None,
    ) -> dict[str, KStream[K, V]]:
        """Add the branch of all other records, and end the split.

        Args:
            build: as in `branch`.
            name: what follows the name of the split; by default 0.

        Returns:
            the branches' streams by name, in order.
        """
        self._add(build, "0" if name is None else name)
        return self._branches

    def no_default_branch(self) -> dict[str, KStream[K, V]]:
        """End the split; records that no branch takes are dropped.

        Returns:
            the branches' streams by name, in order.
        """
        return self._branches

    def _add(self, build: Callable[[KStream[K, V]], object] | None, suffix: str) -> None:
        name = self._name + suffix
        self._names.append(name)
        self._place.graph.names.node(name)
        stream: KStream[K, V] = KStream(
            self._place.then(OperatorGraphNode(name, lambda: PassThrough))
        )
        if build is None:
            self._branches[name] = stream
        else:
            result = build(stream)
            if isinstance(result, KStream):
                self._branches[name] = result
