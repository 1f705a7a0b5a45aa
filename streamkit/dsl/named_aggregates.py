"""`agg`: several aggregates at once, each under a name; a thin layer over `aggregate` and `map_values`.

The store behind holds the states (see `aggregate_state`), the table the results that `map_values` makes of
them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from streamkit.dsl.aggregate_kinds import Aggregate
from streamkit.dsl.aggregate_results import ONE, Results, SingleResult
from streamkit.dsl.aggregates_by_name import Aggregates
from streamkit.dsl.ktable import KTable
from streamkit.dsl.options import SerdeLike, optional_serde
from streamkit.errors import ConfigError
from streamkit.serde import Serde, serde_for

__all__ = ["CogroupedAggregation", "NamedAggregation"]

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")
A = TypeVar("A")


class NamedAggregation(ABC, Generic[K, V]):
    """What has `agg`: records in groups, by key or by key and window."""

    @overload
    def agg(
        self,
        fields: Aggregate[V, R],
        /,
        *,
        value: SerdeLike[R] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
    ) -> KTable[K, R]: ...

    @overload
    def agg(
        self,
        fields: Mapping[str, Aggregate[V, Any]] | None = None,
        /,
        *,
        into: type[A],
        value: SerdeLike[A] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
        **aggregates: Aggregate[V, Any],
    ) -> KTable[K, A]: ...

    @overload
    def agg(
        self,
        fields: Mapping[str, Aggregate[V, Any]] | None = None,
        /,
        *,
        into: None = None,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
        **aggregates: Aggregate[V, Any],
    ) -> KTable[K, dict[str, Any]]: ...

    def agg(
        self,
        fields: Any = None,
        /,
        *,
        into: type[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
        **aggregates: Any,
    ) -> KTable[K, Any]:
        """One result a group, of aggregates with names: `agg(total=sum_of("amount"), n=count())`.

        Records without a value are passed over. The store holds what the aggregates need to go on, a mean
        its sum and count for instance, and the table their results. An aggregate that the program gets
        later begins with the records that come then.

        Args:
            fields: a single aggregate, whose result is the table's value then; or a mapping by name, for
                names that the options below have taken: `agg({"cache": count()})`.
            into: what results are: a dataclass, msgspec.Struct, TypedDict or NamedTuple with fields of these
                names; None: dicts.
            value: type or serde of the results; by default that of `into`, else the app's.
            name, store, key, log, backend, cache: see `StoreOptions`.
            history: not of windows, see `StoreOptions`; the store keeps versions of the states.
            retention: of windows, see `WindowStoreOptions`.
            aggregates: by name; see `streamkit.dsl.aggregates`.

        Raises:
            ConfigError: no aggregate, something else than one, fields that `into` hasn't or lacks, or a
                history of windows.
            TopologyError: a grouped table, and an aggregate that can't take back the value before.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> spent = orders.group_by_key().agg(n=count(), total=sum_of(int), store="spent")
            >>> spent.to_stream().to("spent")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "ann", 40))
            orders ann=250 @0    -> ann={'n': 1, 'total': 250} @0
            orders ann=40 @1     -> ann={'n': 2, 'total': 290} @1
        """
        options = _options(
            store=store,
            key=key,
            log=log,
            backend=backend,
            cache=cache,
            history=history,
            retention=retention,
        )
        _refuse_aggregates({**options, "name": name, "into": into, "value": value})
        return self._agg(fields, aggregates, into, optional_serde(value), name, options)

    def _agg(
        self,
        fields: Any,
        aggregates: Mapping[str, Any],
        into: type[Any] | None,
        value: Serde[Any] | None,
        name: str | None,
        options: Mapping[str, Any],
    ) -> KTable[K, Any]:
        single = isinstance(fields, Aggregate)
        if single and aggregates:
            raise ConfigError(
                f"give {fields.text} a name too, as there are others: agg(n=count(), "
                "total=sum_of('amount'))"
            )
        named: Aggregates[Any] = Aggregates({ONE: fields} if single else fields, **aggregates)
        finish = SingleResult(fields) if single else Results(named, into)
        return _finished(self._aggregate_named(named, name, options), finish, into, value, name)

    @abstractmethod
    def _aggregate_named(
        self, named: Aggregates[Any], name: str | None, options: Mapping[str, Any]
    ) -> KTable[K, dict[str, Any]]:
        """The table of the states."""


class CogroupedAggregation(ABC, Generic[K]):
    """What has `agg` of cogrouped streams, each of which brought its `Aggregates`."""

    @overload
    def agg(
        self,
        *,
        into: type[A],
        value: SerdeLike[A] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
    ) -> KTable[K, A]: ...

    @overload
    def agg(
        self,
        *,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
    ) -> KTable[K, dict[str, Any]]: ...

    def agg(
        self,
        *,
        into: type[Any] | None = None,
        value: SerdeLike[Any] | None = None,
        name: str | None = None,
        store: str | None = None,
        key: Any = None,
        log: bool | Mapping[str, str] = True,
        backend: str | None = None,
        cache: bool = True,
        history: timedelta | int | None = None,
        retention: timedelta | int | None = None,
    ) -> KTable[K, Any]:
        """One result a group, of the `Aggregates` that each stream was cogrouped with.

        A name that several streams use is one field, fed by all of them. Arguments as `NamedAggregation.agg`.

        Raises:
            ConfigError: fields that `into` hasn't or lacks, or a history of windows.
            TopologyError: a stream has an aggregator of its own sort, or two streams mean different things
                by a name.

        Example:
            >>> builder = StreamsBuilder()
            >>> paid = builder.stream("paid", key=str, value=int).group_by_key()
            >>> refunded = builder.stream("refunded", key=str, value=int).group_by_key()
            >>> spent, returned = Aggregates(paid=sum_of(int)), Aggregates(refunds=count())
            >>> both = paid.cogroup(spent).cogroup(refunded, returned)
            >>> both.agg(store="both").to_stream().to("both")
            >>> trace(builder, ("paid", "ann", 250), ("refunded", "ann", 40))
            paid ann=250 @0      -> ann={'paid': 250, 'refunds': 0} @0
            refunded ann=40 @1   -> ann={'paid': 250, 'refunds': 1} @1
        """
        options = _options(
            store=store,
            key=key,
            log=log,
            backend=backend,
            cache=cache,
            history=history,
            retention=retention,
        )
        named, table = self._aggregate_named(name, options)
        return _finished(table, Results(named, into), into, optional_serde(value), name)

    @abstractmethod
    def _aggregate_named(
        self, name: str | None, options: Mapping[str, Any]
    ) -> tuple[Aggregates[Any], KTable[Any, Any]]:
        """All streams' aggregates, and the table of their states."""


def _options(*, log: bool | Mapping[str, str], cache: bool, **options: Any) -> dict[str, Any]:
    """What was given, as `StoreOptions`: leaving an option out isn't the same as its default."""
    given = {option: chosen for option, chosen in options.items() if chosen is not None}
    if log is not True:
        given["log"] = log
    if cache is not True:
        given["cache"] = cache
    return given


def _refuse_aggregates(options: Mapping[str, Any]) -> None:
    """
    Raises:
        ConfigError: an option is an aggregate, which was meant to be a field of the result.
    """
    for option, chosen in options.items():
        if isinstance(chosen, Aggregate):
            raise ConfigError(
                f"{option}= is an option of agg; an aggregate of that name goes into a mapping: "
                f"agg({{{option!r}: {chosen.text}}})"
            )


def _finished(
    states: KTable[Any, Any],
    finish: Callable[[Mapping[str, Any]], Any],
    into: type[Any] | None,
    value: Serde[Any] | None,
    name: str | None,
) -> KTable[Any, Any]:
    """The table of the results of a table of states."""
    serde = value if value is not None or into is None else serde_for(into)
    return states.map_values(finish, name=None if name is None else f"{name}-result", value=serde)
