"""Joins of a stream with a table or another stream, by key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

from streamkit.dsl import circle
from streamkit.dsl.functions import check_joiner
from streamkit.dsl.global_ktable import GlobalKTable
from streamkit.dsl.joins import join_table
from streamkit.dsl.kstream_base import StreamOperations
from streamkit.dsl.ktable import KTable
from streamkit.dsl.options import SerdeLike, StreamJoinOptions, optional_serde
from streamkit.dsl.stream_joins import join_streams, refuse_grace, refuse_join_options
from streamkit.dsl.windows.durations import to_ms
from streamkit.dsl.windows.join import JoinWindows
from streamkit.errors import ConfigError

__all__ = ["JoinOperations"]

K = TypeVar("K")
V = TypeVar("V")
V2 = TypeVar("V2")
VT = TypeVar("VT")
R = TypeVar("R")


class JoinOperations(StreamOperations[K, V], Generic[K, V]):
    """Operations that put records together with a row of their key, or with another stream's records."""

    @overload
    def join(
        self,
        table: circle.KStream[K, V2],
        joiner: Callable[[V, V2], R],
        *,
        windows: JoinWindows,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, R]: ...

    @overload
    def join(
        self,
        table: circle.KStream[K, V2],
        joiner: Callable[[K, V, V2], R],
        *,
        windows: JoinWindows,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, R]: ...

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
    ) -> circle.KStream[K, R]: ...

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
    ) -> circle.KStream[K, R]: ...

    def join(
        self,
        table: KTable[K, Any] | circle.KStream[K, Any],
        joiner: Callable[..., Any],
        *,
        windows: JoinWindows | None = None,
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        grace: timedelta | int | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, Any]:
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

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> names = builder.table("names", key=str, value=str)
            >>> orders.join(names, lambda cents, name: f"{name}: {cents}", value=str).to("bills")
            >>> trace(builder, ("names", "a", "Ann"), ("orders", "a", 250), ("orders", "b", 40))
            names a=Ann @0       -> -
            orders a=250 @1      -> a=Ann: 250 @1
            orders b=40 @2       -> -
            >>> builder = StreamsBuilder()
            >>> clicks = builder.stream("clicks", key=str, value=str)
            >>> views = builder.stream("views", key=str, value=str)
            >>> pairs = clicks.join(views, lambda c, v: c + v, windows=JoinWindows(10), value=str)
            >>> pairs.to("pairs")
            >>> trace(builder, ("views", "k", "v", 0), ("clicks", "k", "c", 10),
            ...       ("clicks", "k", "d", 11))
            views k=v @0         -> -
            clicks k=c @10       -> k=cv @10
            clicks k=d @11       -> -
        """
        check_joiner(joiner, "join", with_key=with_key)
        if not isinstance(table, KTable):
            refuse_grace(grace)
            return self._join_stream(
                table, joiner, windows, name, value, 0, options, with_key=with_key
            )
        refuse_join_options(options, windows)
        return circle.KStream(
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
        table: circle.KStream[K, V2],
        joiner: Callable[[V, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, R]: ...

    @overload
    def left_join(
        self,
        table: circle.KStream[K, V2],
        joiner: Callable[[K, V, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, R]: ...

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
    ) -> circle.KStream[K, R]: ...

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
    ) -> circle.KStream[K, R]: ...

    def left_join(
        self,
        table: KTable[K, Any] | circle.KStream[K, Any],
        joiner: Callable[..., Any],
        *,
        windows: JoinWindows | None = None,
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        grace: timedelta | int | None = None,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, Any]:
        """Like `join`, but records without a row, or without a key, go on with None for the row.

        With another stream: once no partner can come any more.

        Args:
            every: with a stream: records without a partner are looked for at most once in this time of
                the wall clock; 0: whenever stream time moves.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> names = builder.table("names", key=str, value=str)
            >>> orders.left_join(names, lambda cents, name: f"{name}: {cents}", value=str).to("bills")
            >>> trace(builder, ("names", "a", "Ann"), ("orders", "a", 250), ("orders", "b", 40))
            names a=Ann @0       -> -
            orders a=250 @1      -> a=Ann: 250 @1
            orders b=40 @2       -> b=None: 40 @2
        """
        check_joiner(joiner, "left_join", with_key=with_key)
        if not isinstance(table, KTable):
            refuse_grace(grace)
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
        refuse_join_options(options, windows)
        return circle.KStream(
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
        other: circle.KStream[K, V2],
        joiner: Callable[[V | None, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[False] = False,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, R]: ...

    @overload
    def outer_join(
        self,
        other: circle.KStream[K, V2],
        joiner: Callable[[K, V | None, V2 | None], R],
        *,
        windows: JoinWindows,
        with_key: Literal[True],
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, R]: ...

    def outer_join(
        self,
        other: circle.KStream[K, Any],
        joiner: Callable[..., Any],
        *,
        windows: JoinWindows,
        with_key: bool = False,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        every: timedelta | int = 1000,
        **options: Unpack[StreamJoinOptions],
    ) -> circle.KStream[K, Any]:
        """Like `left_join` with a stream, but the other stream's records go out without a partner too.

        Example:
            >>> builder = StreamsBuilder()
            >>> clicks = builder.stream("clicks", key=str, value=str)
            >>> views = builder.stream("views", key=str, value=str)
            >>> pairs = clicks.outer_join(
            ...     views, lambda c, v: f"{c}+{v}", windows=JoinWindows(10), value=str, every=0
            ... )
            >>> pairs.to("pairs")
            >>> trace(builder, ("views", "k", "v", 0), ("clicks", "k", "c", 5), ("views", "x", "w", 30),
            ...       ("clicks", "k", "d", 50))
            views k=v @0         -> -
            clicks k=c @5        -> k=c+v @5
            views x=w @30        -> -
            clicks k=d @50       -> x=None+w @30
        """
        check_joiner(joiner, "outer_join", with_key=with_key)
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

    def _join_stream(
        self,
        other: circle.KStream[K, Any],
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
    ) -> circle.KStream[K, Any]:
        if not isinstance(other, StreamOperations):
            hint = "; for it there is join_global" if isinstance(other, GlobalKTable) else ""
            raise ConfigError(
                f"a join takes a KStream or a KTable, not {type(other).__name__}{hint}"
            )
        if windows is None:
            raise ConfigError("a join of two streams needs windows=JoinWindows(…)")
        return circle.KStream(
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
