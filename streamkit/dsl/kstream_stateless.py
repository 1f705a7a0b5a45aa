"""What KStream does record by record, without state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from streamkit.dsl import circle
from streamkit.dsl.branched import BranchedKStream
from streamkit.dsl.kstream_base import StreamOperations
from streamkit.dsl.options import SerdeLike, optional_serde
from streamkit.dsl.stream_node import StreamNode, select_key
from streamkit.dsl.stream_operators import kept, rekeyed, revalued
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
        """The records that `predicate(key, value)` accepts."""
        return circle.KStream(
            kept(self._place, "KSTREAM-FILTER-", name, partial(StreamFilter, predicate))
        )

    def filter_not(
        self, predicate: Callable[[K, V], object], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records that `predicate(key, value)` rejects."""
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
        """
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
        """
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
        """
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
        """
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
        """
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
        """
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
        """
        make = partial(FlatMapValuesWithKey, mapper)
        return circle.KStream(revalued(self._place, "KSTREAM-FLATMAPVALUES-", name, make, value))

    def peek(
        self, action: Callable[[K, V], object], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The same records, after `action(key, value)` was called for each."""
        return circle.KStream(kept(self._place, "KSTREAM-PEEK-", name, partial(Peek, action)))

    def for_each(self, action: Callable[[K, V], object], *, name: str | None = None) -> None:
        """Call `action(key, value)` for each record; the stream ends here."""
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
        """
        path = None if file is None else printed_file(file)
        make = partial(PrintRecords, self._place.name if label is None else label, mapper, path)
        kept(self._place, "KSTREAM-PRINTER-", name, make)

    def split(self, *, name: str | None = None) -> BranchedKStream[K, V]:
        """Begin to split the stream: each record goes to the first branch that takes it."""
        return BranchedKStream(self._place, name)

    def merge(
        self, other: circle.KStream[K, V], *, name: str | None = None
    ) -> circle.KStream[K, V]:
        """The records of both streams; their order relative to each other is that of processing."""
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
