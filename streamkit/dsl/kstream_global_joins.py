"""Joins of a stream with a global table, by any key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, overload

from streamkit.dsl import circle
from streamkit.dsl.functions import check_function, check_joiner
from streamkit.dsl.global_ktable import GlobalKTable
from streamkit.dsl.joins import join_global_table
from streamkit.dsl.kstream_base import StreamOperations
from streamkit.dsl.options import SerdeLike, optional_serde
from streamkit.errors import ConfigError

__all__ = ["GlobalJoinOperations"]

K = TypeVar("K")
V = TypeVar("V")
VT = TypeVar("VT")
KG = TypeVar("KG")
R = TypeVar("R")


class GlobalJoinOperations(StreamOperations[K, V], Generic[K, V]):
    """Operations that put records together with a row of a table that every worker holds whole."""

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
    ) -> circle.KStream[K, R]: ...

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
    ) -> circle.KStream[K, R]: ...

    def join_global(
        self,
        table: GlobalKTable[Any, Any],
        *,
        key: Callable[[K, V], Any],
        joiner: Callable[..., Any],
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K, Any]:
        """Each record with the row of a global table, if there is one. Needs no repartitioning.

        Args:
            key: `f(key, value)` -> key of the global table, None for no row.
            joiner: `f(value, row)`, or `f(key, value, row)` if `with_key`.
            value: type or serde of the results; by default the app's.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=str)
            >>> prices = builder.global_table("prices", key=str, value=int)
            >>> orders.join_global(
            ...     prices,
            ...     key=lambda name, item: item,
            ...     joiner=lambda item, cents: f"{item} {cents}",
            ...     value=str,
            ... ).to("priced")
            >>> trace(builder, ("prices", "tea", 3), ("orders", "ann", "tea"),
            ...       ("orders", "bob", "ale"))
            prices tea=3 @0      -> -
            orders ann=tea @1    -> ann=tea 3 @1
            orders bob=ale @2    -> -
        """
        _check(table, key, joiner, "join_global", with_key=with_key)
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
        return circle.KStream(place)

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
    ) -> circle.KStream[K, R]: ...

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
    ) -> circle.KStream[K, R]: ...

    def left_join_global(
        self,
        table: GlobalKTable[Any, Any],
        *,
        key: Callable[[K, V], Any],
        joiner: Callable[..., Any],
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
    ) -> circle.KStream[K, Any]:
        """Like `join_global`, but records without a row go on with None for the row.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=str)
            >>> prices = builder.global_table("prices", key=str, value=int)
            >>> orders.left_join_global(
            ...     prices,
            ...     key=lambda name, item: item,
            ...     joiner=lambda item, cents: f"{item} {cents}",
            ...     value=str,
            ... ).to("priced")
            >>> trace(builder, ("prices", "tea", 3), ("orders", "ann", "tea"),
            ...       ("orders", "bob", "ale"))
            prices tea=3 @0      -> -
            orders ann=tea @1    -> ann=tea 3 @1
            orders bob=ale @2    -> bob=ale None @2
        """
        _check(table, key, joiner, "left_join_global", with_key=with_key)
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
        return circle.KStream(place)


def _check(
    table: object,
    key: Callable[..., Any],
    joiner: Callable[..., Any],
    call: str,
    *,
    with_key: bool,
) -> None:
    """
    Raises:
        ConfigError: another kind of table, or functions that take other arguments.
    """
    if not isinstance(table, GlobalKTable):
        raise ConfigError(f"{call} takes a GlobalKTable, not {type(table).__name__}; see join")
    check_function(key, f"key= of {call}", "key", "value")
    check_joiner(joiner, call, with_key=with_key)
