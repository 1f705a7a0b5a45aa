"""What KStream does record by record, without state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from streamkit.dsl import circle
from streamkit.dsl.branched import BranchedKStream
from streamkit.dsl.functions import check_function
from streamkit.dsl.kstream_base import StreamOperations
from streamkit.dsl.options import SerdeLike, optional_serde
from streamkit.dsl.stream_node import StreamNode, select_key
from streamkit.dsl.stream_operators import kept, rekeyed, revalued
from streamkit.errors import ConfigError
from streamkit.operators.filter import StreamFilter
from streamkit.operators.flat_map import FlatMap
from streamkit.operators.flat_map_values import FlatMapValues, FlatMapValuesWithKey
from streamkit.operators.map import StreamMap
from streamkit.operators.map_values import MapValues, MapValuesWithKey
from streamkit.operators.pass_through import PassThrough
from streamkit.operators.peek import ForEach, Peek
from streamkit.operators.print import PrintRecords, printed_file
from streamkit.topology.graph_nodes import OperatorGraphNode

__all__ = ["StatelessOperations"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")


class StatelessOperations(StreamOperations[K, V], Generic[K, V]):
    """Operations that look at one record at a time."""

    def filter(
        self, predicate: Callable[[K, V], object], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records that `predicate(key, value)` accepts.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.filter(lambda name, cents: cents >= 100).to("large")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> ann=250 @0
            orders bob=40 @1     -> -
        """
        check_function(predicate, "filter", "key", "value")
        return circle.KStream(
            kept(self._place, "KSTREAM-FILTER-", name, partial(StreamFilter, predicate))
        )

    def filter_not(
        self, predicate: Callable[[K, V], object], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records that `predicate(key, value)` rejects.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.filter_not(lambda name, cents: name == "test").to("real")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "test", 40))
            orders ann=250 @0    -> ann=250 @0
            orders test=40 @1    -> -
        """
        check_function(predicate, "filter_not", "key", "value")
        make = partial(StreamFilter, predicate, negate=True)
        return circle.KStream(kept(self._place, "KSTREAM-FILTER-", name, make))

    def map(
        self,
        mapper: Callable[[K, V], tuple[K2, V2]],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K2, V2]:
        """A new key and value for each record: `mapper(key, value)` returns the pair.

        Grouping and joining after it go through a repartition topic.

        Args:
            key, value: types or serdes of the results; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.map(lambda name, cents: (cents, name), key=int, value=str).to("by-price")
            >>> trace(builder, ("orders", "ann", 250))
            orders ann=250 @0    -> 250=ann @0
        """
        check_function(mapper, "map", "key", "value")
        return circle.KStream(
            rekeyed(self._place, "KSTREAM-MAP-", name, partial(StreamMap, mapper), key, value)
        )

    def select_key(
        self,
        selector: Callable[[K, V], K2],
        *,
        key: SerdeLike[K2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K2, V]:
        """A new key for each record: `selector(key, value)`.

        Grouping and joining after it go through a repartition topic.

        Args:
            key: type or serde of the new keys; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> lines = builder.stream("lines", key=str, value=str)
            >>> lines.select_key(lambda key, line: line[0], key=str).to("by-initial")
            >>> trace(builder, ("lines", None, "hello"), ("lines", "k", "world"))
            lines None=hello @0  -> h=hello @0
            lines k=world @1     -> w=world @1
        """
        check_function(selector, "select_key", "key", "value")
        return circle.KStream(select_key(self._place, selector, optional_serde(key), name))

    def map_values(
        self,
        mapper: Callable[[V], V2],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K, V2]:
        """A new value for each record: `mapper(value)`.

        Args:
            value: type or serde of the new values; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.map_values(lambda cents: f"{cents / 100:.2f}", value=str).to("prices")
            >>> trace(builder, ("orders", "ann", 250))
            orders ann=250 @0    -> ann=2.50 @0
        """
        check_function(mapper, "map_values", "value")
        return circle.KStream(
            revalued(self._place, "KSTREAM-MAPVALUES-", name, partial(MapValues, mapper), value)
        )

    def map_values_with_key(
        self,
        mapper: Callable[[K, V], V2],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K, V2]:
        """A new value for each record: `mapper(key, value)`.

        Args:
            value: type or serde of the new values; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.map_values_with_key(lambda name, cents: f"{name}: {cents}", value=str).to("out")
            >>> trace(builder, ("orders", "ann", 250))
            orders ann=250 @0    -> ann=ann: 250 @0
        """
        check_function(mapper, "map_values_with_key", "key", "value")
        make = partial(MapValuesWithKey, mapper)
        return circle.KStream(revalued(self._place, "KSTREAM-MAPVALUES-", name, make, value))

    def flat_map(
        self,
        mapper: Callable[[K, V], Iterable[tuple[K2, V2]]],
        *,
        key: SerdeLike[K2] | None = None,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K2, V2]:
        """Any number of records for each: the pairs of `mapper(key, value)`, in order.

        Args:
            key, value: types or serdes of the results; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> lines = builder.stream("lines", key=str, value=str)
            >>> lines.flat_map(
            ...     lambda key, line: [(word, len(word)) for word in line.split()], key=str, value=int
            ... ).to("lengths")
            >>> trace(builder, ("lines", "a", "to be or"), ("lines", "b", ""))
            lines a=to be or @0  -> to=2 @0  be=2 @0  or=2 @0
            lines b= @1          -> -
        """
        check_function(mapper, "flat_map", "key", "value")
        return circle.KStream(
            rekeyed(self._place, "KSTREAM-FLATMAP-", name, partial(FlatMap, mapper), key, value)
        )

    def flat_map_values(
        self,
        mapper: Callable[[V], Iterable[V2]],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K, V2]:
        """Any number of values for each record, under its key: those of `mapper(value)`, in order.

        Args:
            value: type or serde of the new values; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> lines = builder.stream("lines", key=str, value=str)
            >>> lines.flat_map_values(str.split, value=str).to("words")
            >>> trace(builder, ("lines", "a", "to be"), ("lines", "b", ""))
            lines a=to be @0     -> a=to @0  a=be @0
            lines b= @1          -> -
        """
        check_function(mapper, "flat_map_values", "value")
        make = partial(FlatMapValues, mapper)
        return circle.KStream(revalued(self._place, "KSTREAM-FLATMAPVALUES-", name, make, value))

    def flat_map_values_with_key(
        self,
        mapper: Callable[[K, V], Iterable[V2]],
        *,
        value: SerdeLike[V2] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K, V2]:
        """Any number of values for each record, under its key: those of `mapper(key, value)`, in order.

        Args:
            value: type or serde of the new values; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.flat_map_values_with_key(
            ...     lambda name, cents: [f"bill for {name}: {cents}"] if cents else [], value=str
            ... ).to("bills")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 0))
            orders ann=250 @0    -> ann=bill for ann: 250 @0
            orders bob=0 @1      -> -
        """
        check_function(mapper, "flat_map_values_with_key", "key", "value")
        make = partial(FlatMapValuesWithKey, mapper)
        return circle.KStream(revalued(self._place, "KSTREAM-FLATMAPVALUES-", name, make, value))

    def peek(
        self, action: Callable[[K, V], object], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The same records, after `action(key, value)` was called for each.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.peek(lambda name, cents: print("seen:", name)).to("copies")
            >>> trace(builder, ("orders", "ann", 250))
            seen: ann
            orders ann=250 @0    -> ann=250 @0
        """
        check_function(action, "peek", "key", "value")
        return circle.KStream(kept(self._place, "KSTREAM-PEEK-", name, partial(Peek, action)))

    def for_each(self, action: Callable[[K, V], object], *, name: str | None = None) -> None:
        """Call `action(key, value)` for each record; the stream ends here.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.for_each(lambda name, cents: print("seen:", name, cents))
            >>> trace(builder, ("orders", "ann", 250))
            seen: ann 250
            orders ann=250 @0    -> -
        """
        check_function(action, "for_each", "key", "value")
        kept(self._place, "KSTREAM-FOREACH-", name, partial(ForEach, action))

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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> orders.print(label="order")
            >>> trace(builder, ("orders", "ann", 250))
            [order]: ann, 250
            orders ann=250 @0    -> -
        """
        path = None if file is None else printed_file(file)
        make = partial(PrintRecords, self._place.name if label is None else label, mapper, path)
        kept(self._place, "KSTREAM-PRINTER-", name, make)

    def split(self, *, name: str | None = None) -> BranchedKStream[K, V]:
        """Begin to split the stream: each record goes to the first branch that takes it.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> branches = (
            ...     orders.split(name="orders-")
            ...     .branch(lambda name, cents: cents >= 100, name="large")
            ...     .default_branch(name="small")
            ... )
            >>> branches["orders-large"].to("large")
            >>> branches["orders-small"].to("small")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> large: ann=250 @0
            orders bob=40 @1     -> small: bob=40 @1
        """
        return BranchedKStream(self._place, name)

    def merge(
        self, other: circle.KStream[K, V], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records of both streams; their order relative to each other is that of processing.

        Example:
            >>> builder = StreamsBuilder()
            >>> web = builder.stream("web", key=str, value=int)
            >>> shop = builder.stream("shop", key=str, value=int)
            >>> web.merge(shop).to("orders")
            >>> trace(builder, ("web", "ann", 250), ("shop", "bob", 40))
            web ann=250 @0       -> ann=250 @0
            shop bob=40 @1       -> bob=40 @1
        """
        if not isinstance(other, StreamOperations):
            raise ConfigError(f"merge takes another KStream, not {type(other).__name__}")
        place, others = self._place, other._place
        name = place.graph.names.node("KSTREAM-MERGE-", name)
        node = OperatorGraphNode(name, lambda: PassThrough, is_merge=True)
        place.graph.add(node, place.node, others.node)
        return circle.KStream(
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
