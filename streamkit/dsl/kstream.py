"""KStream: an endless sequence of independent records.

Each method adds an operation to the program and returns the stream or table behind it; nothing runs yet.
Functions get keys and values as the serdes read them; either may be None where a record has none.

Source: org.apache.kafka.streams.kstream.KStream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, Literal, TypeVar, Unpack

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
    """A stream of records with keys `K` and values `V`."""

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
        return KStream(late_records_of_join(self._place, side, name))

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
        """
        make = partial(FixedKeyProcessorAdapter, supplier)
        return KStream(
            revalued(self._place, "KSTREAM-PROCESSVALUES-", name, make, value, tuple(stores))
        )
