"""Joins of two tables, by their keys or by a foreign key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, Unpack, overload

from streamkit.dsl import circle
from streamkit.dsl.foreign_key_joins import ForeignKey, foreign_key_of, join_by_foreign_key
from streamkit.dsl.functions import check_function, check_joiner
from streamkit.dsl.ktable_base import TableOperations
from streamkit.dsl.options import SerdeLike, StoreOptions, optional_serde
from streamkit.dsl.table_joins import join_tables
from streamkit.errors import ConfigError
from streamkit.topology.nodes import StreamPartitioner

__all__ = ["TableJoinOperations"]

K = TypeVar("K")
V = TypeVar("V")
K2 = TypeVar("K2")
V2 = TypeVar("V2")
A = TypeVar("A")


class TableJoinOperations(TableOperations[K, V], Generic[K, V]):
    """Operations that put the rows of two tables together."""

    @overload
    def join(
        self,
        other: circle.KTable[K, V2],
        joiner: Callable[[V, V2], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]: ...

    @overload
    def join(
        self,
        other: circle.KTable[K2, V2],
        joiner: Callable[[V, V2], A],
        *,
        foreign_key: Callable[[V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]: ...

    @overload
    def join(
        self,
        other: circle.KTable[K2, V2],
        joiner: Callable[[V, V2], A],
        *,
        foreign_key_with_key: Callable[[K, V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]: ...

    def join(
        self,
        other: circle.KTable[Any, V2],
        joiner: Callable[[V, V2], A],
        *,
        foreign_key: Callable[[V], Any] | None = None,
        foreign_key_with_key: Callable[[K, V], Any] | None = None,
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]:
        """The rows of both tables by key, where both have one.

        Without `foreign_key`, both are read from topics with the same number of partitions.

        Args:
            joiner: `f(value, other value)`.
            foreign_key: `f(value)` -> key of the other table's row that belongs to a row of this one;
                None: the row has none. Any number of rows may share a partner, and a change of
                either side updates the result. None: both rows have the same key.
            foreign_key_with_key: the same as `f(key, value)`.
            partitioner, other_partitioner: with a foreign key: how the topics of this and the other table are
                partitioned, if not by murmur2 of the key; they see a topic, a key of that table, None
                for the value, and a count, and give one partition.
            value: type or serde of the results; by default the app's.
            options: see `StoreOptions`; with any of them the result is materialized, with
                `foreign_key` if `store` is given.

        Example:
            >>> builder = StreamsBuilder()
            >>> names = builder.table("names", key=str, value=str)
            >>> cities = builder.table("cities", key=str, value=str)
            >>> people = names.join(cities, lambda name, city: f"{name}, {city}", value=str)
            >>> people.to_stream().to("people")
            >>> trace(builder, ("names", "a", "Ann"), ("cities", "a", "Rome"),
            ...       ("cities", "a", "Oslo"))
            names a=Ann @0       -> -
            cities a=Rome @1     -> a=Ann, Rome @1
            cities a=Oslo @2     -> a=Ann, Oslo @2
            >>> builder = StreamsBuilder()
            >>> orders = builder.table("orders", key=int, value=str)
            >>> prices = builder.table("prices", key=str, value=int)
            >>> priced = orders.join(prices, lambda item, cents: f"{item} {cents}",
            ...                      foreign_key=lambda item: item, value=str, name="price")
            >>> priced.to_stream().to("priced")
            >>> trace(builder, ("orders", 7, "tea"), ("orders", 8, "tea"), ("prices", "tea", 250))
            orders 7=tea @0      -> -
            orders 8=tea @1      -> -
            prices tea=250 @2    -> 7=tea 250 @2  8=tea 250 @2
        """
        _check(other, joiner, "join", foreign_key, foreign_key_with_key)
        by = foreign_key_of(foreign_key, foreign_key_with_key, partitioner, other_partitioner)
        if by is not None:
            return self._join_foreign(other, by, joiner, name, value, options, left=False)
        return self._join(other, joiner, name, value, options, keeps_left=False, keeps_right=False)

    @overload
    def left_join(
        self,
        other: circle.KTable[K, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]: ...

    @overload
    def left_join(
        self,
        other: circle.KTable[K2, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        foreign_key: Callable[[V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]: ...

    @overload
    def left_join(
        self,
        other: circle.KTable[K2, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        foreign_key_with_key: Callable[[K, V], K2 | None],
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]: ...

    def left_join(
        self,
        other: circle.KTable[Any, V2],
        joiner: Callable[[V, V2 | None], A],
        *,
        foreign_key: Callable[[V], Any] | None = None,
        foreign_key_with_key: Callable[[K, V], Any] | None = None,
        partitioner: StreamPartitioner | None = None,
        other_partitioner: StreamPartitioner | None = None,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]:
        """Like `join`, but rows of this table without a partner are there too, with None for it.

        Example:
            >>> builder = StreamsBuilder()
            >>> names = builder.table("names", key=str, value=str)
            >>> cities = builder.table("cities", key=str, value=str)
            >>> people = names.left_join(cities, lambda name, city: f"{name}, {city}", value=str)
            >>> people.to_stream().to("people")
            >>> trace(builder, ("names", "a", "Ann"), ("cities", "a", "Rome"), ("names", "a", None))
            names a=Ann @0       -> a=Ann, None @0
            cities a=Rome @1     -> a=Ann, Rome @1
            names a=None @2      -> a=None @2
        """
        _check(other, joiner, "left_join", foreign_key, foreign_key_with_key)
        by = foreign_key_of(foreign_key, foreign_key_with_key, partitioner, other_partitioner)
        if by is not None:
            return self._join_foreign(other, by, joiner, name, value, options, left=True)
        return self._join(other, joiner, name, value, options, keeps_left=True, keeps_right=False)

    def outer_join(
        self,
        other: circle.KTable[K, V2],
        joiner: Callable[[V | None, V2 | None], A],
        *,
        name: str | None = None,
        value: SerdeLike[A] | None = None,
        **options: Unpack[StoreOptions],
    ) -> circle.KTable[K, A]:
        """Like `join`, but rows of either table without a partner are there too, with None for it.

        Example:
            >>> builder = StreamsBuilder()
            >>> names = builder.table("names", key=str, value=str)
            >>> cities = builder.table("cities", key=str, value=str)
            >>> people = names.outer_join(cities, lambda name, city: f"{name}, {city}", value=str)
            >>> people.to_stream().to("people")
            >>> trace(builder, ("cities", "a", "Rome"), ("names", "a", "Ann"),
            ...       ("cities", "a", None))
            cities a=Rome @0     -> a=None, Rome @0
            names a=Ann @1       -> a=Ann, Rome @1
            cities a=None @2     -> a=Ann, None @2
        """
        _check(other, joiner, "outer_join")
        return self._join(other, joiner, name, value, options, keeps_left=True, keeps_right=True)

    def _join(
        self,
        other: circle.KTable[K, Any],
        joiner: Callable[..., Any],
        name: str | None,
        value: SerdeLike[Any] | None,
        options: Mapping[str, Any],
        *,
        keeps_left: bool,
        keeps_right: bool,
    ) -> circle.KTable[K, Any]:
        place, backing = join_tables(
            (self._place, self._backing),
            (other.place, other.backing),
            joiner,
            name,
            optional_serde(value),
            options,
            keeps_left=keeps_left,
            keeps_right=keeps_right,
        )
        return circle.KTable(place, backing)

    def _join_foreign(
        self,
        other: circle.KTable[Any, Any],
        foreign_key: ForeignKey,
        joiner: Callable[..., Any],
        name: str | None,
        value: SerdeLike[Any] | None,
        options: Mapping[str, Any],
        *,
        left: bool,
    ) -> circle.KTable[K, Any]:
        place, backing = join_by_foreign_key(
            (self._place, self._backing),
            (other.place, other.backing),
            foreign_key,
            joiner,
            name,
            optional_serde(value),
            options,
            keeps_left=left,
        )
        return circle.KTable(place, backing)


def _check(
    other: object,
    joiner: Callable[..., Any],
    call: str,
    foreign_key: Callable[..., Any] | None = None,
    foreign_key_with_key: Callable[..., Any] | None = None,
) -> None:
    """
    Raises:
        ConfigError: what is joined is no table, or functions take other arguments.
    """
    if not isinstance(other, TableOperations):
        raise ConfigError(f"{call} of a table takes another KTable, not {type(other).__name__}")
    check_joiner(joiner, call, with_key=False)
    if foreign_key is not None:
        check_function(foreign_key, "foreign_key", "value")
    if foreign_key_with_key is not None:
        check_function(foreign_key_with_key, "foreign_key_with_key", "key", "value")
