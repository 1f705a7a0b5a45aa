"""KStream: an endless sequence of independent records.

Each method adds an operation to the program and returns the stream or table behind it; nothing runs yet.
Functions get keys and values as the serdes read them; either may be None where a record has none.

Source: org.apache.kafka.streams.kstream.KStream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

from streamkit.dsl.functions import check_function, check_supplier
from streamkit.dsl.kgrouped import KGroupedStream
from streamkit.dsl.kstream_global_joins import GlobalJoinOperations
from streamkit.dsl.kstream_joins import JoinOperations
from streamkit.dsl.kstream_stateless import StatelessOperations
from streamkit.dsl.ktable import KTable
from streamkit.dsl.late import late_records_of_join
from streamkit.dsl.options import SerdeLike, StoreOptions, optional_serde
from streamkit.dsl.stream_node import repartitioned, select_key
from streamkit.dsl.stream_operators import rekeyed, revalued
from streamkit.dsl.table_source import table_of_stream
from streamkit.errors import ConfigError
from streamkit.operators.process import (
    FixedKeyProcessorAdapter,
    FixedKeyProcessorSupplier,
    ProcessorAdapter,
    ProcessorSupplier,
)
from streamkit.topology.graph_nodes import SinkGraphNode
from streamkit.topology.names import check_name
from streamkit.topology.nodes import StreamPartitioner, TopicNameExtractor

__all__ = ["KStream"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")


class KStream(
    StatelessOperations[K, V], JoinOperations[K, V], GlobalJoinOperations[K, V], Generic[K, V]
):
    """A stream of records with keys `K` and values `V`.

    In the examples, `streamkit.testing.trace` feeds records to the program and prints what comes out; other
    names are those of `streamkit`.

    Example:
        >>> builder = StreamsBuilder()
        >>> lines = builder.stream("lines", key=str, value=str)
        >>> words = lines.flat_map_values(str.split, value=str)
        >>> words.group_by(lambda key, word: word, key=str).count(store="n").to_stream().to("counts")
        >>> trace(builder, ("lines", "a", "to be"), ("lines", "b", "be"))
        lines a=to be @0     -> to=1 @0  be=1 @0
        lines b=be @1        -> be=2 @1
    """

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
                `StreamPartitioner`; by default murmur2 of the key, as every Kafka producer's; of a windowed key
                without its window, so that all windows of a key are in one partition.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.to(lambda name, cents, info: "large" if cents >= 100 else "small")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> large: ann=250 @0
            orders bob=40 @1     -> small: bob=40 @1
        """
        place = self._place
        if not callable(topic):
            check_name(topic)
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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.repartition(name="by-name", partitions=8).to("copies")
            >>> trace(builder, ("orders", "ann", 250))
            orders ann=250 @0    -> ann=250 @0
            >>> print(str(builder.build().describe()).count("Sub-topology"))
            2
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

    @overload
    def late_records(
        self, side: Literal["left", "right"], *, name: str | None = None
    ) -> KStream[K, Any]: ...

    @overload
    def late_records(self, side: KStream[K, V2], *, name: str | None = None) -> KStream[K, V2]: ...

    def late_records(
        self, side: Literal["left", "right"] | KStream[K, Any], *, name: str | None = None
    ) -> KStream[K, Any]:
        """Of a join of two streams: one side's records that came too late to wait for partners.

        They met the partners that were there, and go on as they came, with one header more, `late`.

        Args:
            side: "left" or "right", or the stream itself that was joined, which tells its type too.

        Raises:
            TopologyError: this stream isn't a join of two streams, or not of that one and another.

        Example:
            >>> builder = StreamsBuilder()
            >>> left = builder.stream("left", key=str, value=str)
            >>> right = builder.stream("right", key=str, value=str)
            >>> joined = left.join(right, lambda l, r: l + r, windows=JoinWindows(10), value=str)
            >>> joined.to("pairs")
            >>> joined.late_records(right).to("late")
            >>> trace(builder, ("left", "k", "a", 100), ("right", "k", "b", 95),
            ...       ("right", "k", "c", 20))
            left k=a @100        -> -
            right k=b @95        -> pairs: k=ab @100
            right k=c @20        -> late: k=c @20
            dropped: 1 (late)
        """
        of = side if isinstance(side, str) else side.place
        return KStream(late_records_of_join(self._place, of, name))

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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> latest = orders.to_table(store="latest")
            >>> latest.filter(lambda name, cents: cents >= 100).to_stream().to("large")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "ann", 40))
            orders ann=250 @0    -> ann=250 @0
            orders ann=40 @1     -> ann=None @1
        """
        return KTable(*table_of_stream(self._place, name, optional_serde(value), options))

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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.group_by_key().count(store="orders-by-name").to_stream().to("counts")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40), ("orders", "ann", 7))
            orders ann=250 @0    -> ann=1 @0
            orders bob=40 @1     -> bob=1 @1
            orders ann=7 @2      -> ann=2 @2
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

        Example:
            >>> builder = StreamsBuilder()
            >>> lines = builder.stream("lines", key=str, value=str)
            >>> by_initial = lines.group_by(lambda key, line: line[0], key=str)
            >>> by_initial.count(store="by-initial").to_stream().to("counts")
            >>> trace(builder, ("lines", "a", "hello"), ("lines", "b", "hi"), ("lines", "c", "you"))
            lines a=hello @0     -> h=1 @0
            lines b=hi @1        -> h=2 @1
            lines c=you @2       -> y=1 @2
        """
        check_function(selector, "group_by", "key", "value")
        key_serde = optional_serde(key)
        place = select_key(self._place, selector, key_serde, name)
        return KGroupedStream(place, name, key_serde, optional_serde(value))

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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> class Totals(Processor[str, int, str, int]):
            ...     def process(self, record: Record[str, int]) -> None:
            ...         store = self.context.store("totals")
            ...         total = (store.get(record.key) or 0) + record.value
            ...         store.put(record.key, total)
            ...         self.context.forward(record.with_value(total))
            >>> serdes = StringSerde(), IntegerSerde()
            >>> builder.add_state_store(StoreSpec("totals", StoreKind.KEY_VALUE, *serdes))
            >>> orders.process(Totals, stores=["totals"], key=str, value=int).to("spent")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "ann", 40))
            orders ann=250 @0    -> ann=250 @0
            orders ann=40 @1     -> ann=290 @1
        """
        check_supplier(supplier, "process")
        make = partial(ProcessorAdapter, supplier)
        return KStream(
            rekeyed(self._place, "KSTREAM-PROCESSOR-", name, make, key, value, tuple(stores))
        )

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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> class Numbered(FixedKeyProcessor[str, int, str]):
            ...     count = 0
            ...     def process(self, record: Record[str, int]) -> None:
            ...         self.count += 1
            ...         self.context.forward(f"{self.count}: {record.value}")
            >>> orders.process_values(Numbered, value=str).to("numbered")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> ann=1: 250 @0
            orders bob=40 @1     -> bob=2: 40 @1
        """
        check_supplier(supplier, "process_values")
        make = partial(FixedKeyProcessorAdapter, supplier)
        return KStream(
            revalued(self._place, "KSTREAM-PROCESSVALUES-", name, make, value, tuple(stores))
        )
