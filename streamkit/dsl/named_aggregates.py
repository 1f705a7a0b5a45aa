"""`agg`: several aggregates at once, each under a name; a thin layer over `aggregate` and `map_values`.

The store behind holds the states (see `aggregate_state`), the table the results that `map_values` makes of
them.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, is_typeddict, overload

import msgspec

from streamkit.dsl.aggregate_kinds import Aggregate
from streamkit.dsl.aggregate_state import AggregateStateSerde
from streamkit.dsl.options import SerdeLike, optional_serde
from streamkit.errors import ConfigError, TopologyError
from streamkit.serde import Serde, serde_for

if TYPE_CHECKING:  # tables have `agg` too: what they group into takes it from here
    from streamkit.dsl.ktable import KTable

__all__ = [
    "Aggregates",
    "CogroupedAggregation",
    "NamedAggregation",
    "combined",
    "refuse_retention",
    "state_serde",
]

K = TypeVar("K")
V = TypeVar("V")
V_contra = TypeVar("V_contra", contravariant=True)
R = TypeVar("R")
A = TypeVar("A")

_ONE = "result"


class Aggregates(Generic[V_contra]):
    """Aggregates by name, as an aggregator: what `cogroup` takes for each of its streams.

    Args:
        fields: by name, for names that aren't identifiers.
        aggregates: by name.

    Raises:
        ConfigError: none is given, a name is given twice, or something else than an aggregate.

    Example:
        >>> from streamkit.dsl.aggregates import count, sum_of
        >>> spent = Aggregates(orders=count(), cents=sum_of("cents"))
        >>> spent("ann", {"cents": 5}, spent.initial())
        {'orders': 1, 'cents': 5}
    """

    def __init__(
        self,
        fields: Mapping[str, Aggregate[V_contra, Any]] | None = None,
        /,
        **aggregates: Aggregate[V_contra, Any],
    ) -> None:
        given = dict(fields or {})
        for name in given.keys() & aggregates.keys():
            raise ConfigError(f"aggregate {name!r} is given twice")
        given.update(aggregates)
        if not given:
            raise ConfigError("agg needs at least one aggregate: agg(total=sum_of('amount'))")
        for name, aggregate in given.items():
            if not isinstance(aggregate, Aggregate):
                called = getattr(aggregate, "__name__", None)
                hint = f"; did you mean {called}(…)?" if called in _FUNCTIONS else ""
                raise ConfigError(
                    f"{name}= is an aggregate such as count() or sum_of('amount'), not {aggregate!r}{hint}"
                )
        self.by_name: Mapping[str, Aggregate[Any, Any]] = given

    def initial(self) -> dict[str, Any]:
        """The states before the first value."""
        return {name: aggregate.initial() for name, aggregate in self.by_name.items()}

    def __call__(self, key: Any, value: V_contra, states: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # an aggregator's arguments
        """The states after one more value; a record without a value leaves them as they are."""
        if value is None:
            return states
        after = states.copy()
        for name, aggregate in self.by_name.items():
            after[name] = aggregate.add(states[name], value)
        return after

    def subtract(self, key: Any, value: V_contra, states: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # an aggregator's arguments
        """The states without a value."""
        after = states.copy()
        for name, aggregate in self.by_name.items():
            after[name] = aggregate.subtract(states[name], value)
        return after

    def merge(self, key: Any, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # a merger's arguments
        """The states of two sessions that have become one."""
        return {
            name: aggregate.merge(one[name], other[name])
            for name, aggregate in self.by_name.items()
        }

    def check_subtracts(self) -> None:
        """
        Raises:
            TopologyError: an aggregate can't take values back, which aggregates of tables must.
        """
        for name, aggregate in self.by_name.items():
            if not aggregate.subtracts:
                raise TopologyError(
                    f"{name}={aggregate.text} can't be kept for a grouped table: its rows change, and the "
                    "value before can't be taken back out. Tables take count, sum_of and mean; for others "
                    "use aggregate() with a subtractor, or aggregate the table's stream"
                )


_FUNCTIONS = frozenset(
    (
        "count",
        "count_distinct",
        "distinct",
        "first",
        "last",
        "max_of",
        "mean",
        "min_of",
        "sum_of",
        "top_k",
    )
)


def combined(
    parts: Sequence[tuple[Callable[..., Any], Serde[Any]]],
) -> tuple[Aggregates[Any], AggregateStateSerde]:
    """The aggregates of cogrouped streams together, and the serde of their states.

    Args:
        parts: of each stream, its aggregator and the serde of its values.

    Raises:
        TopologyError: a stream has an aggregator of another sort, or two streams mean different things by
            a name.
    """
    together: dict[str, Aggregate[Any, Any]] = {}
    values: dict[str, Serde[Any]] = {}
    for aggregates, serde in parts:
        if not isinstance(aggregates, Aggregates):
            raise TopologyError(
                "agg needs named aggregates for each cogrouped stream: cogroup(Aggregates(n=count()))"
            )
        for name, aggregate in aggregates.by_name.items():
            known = together.setdefault(name, aggregate)
            if known.kind != aggregate.kind or (
                aggregate.keeps_values and values.get(name, serde) is not serde
            ):
                raise TopologyError(
                    f"two cogrouped streams share {name!r}, as {known.text} and {aggregate.text}: one "
                    "field needs one kind of aggregate, and whole values one serde"
                )
            values[name] = serde
    return Aggregates(together), AggregateStateSerde(together, values)


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
        retention: timedelta | int | None = None,
        **aggregates: Any,
    ) -> KTable[K, Any]:
        """One result a group, of aggregates with names: `agg(total=sum_of("amount"), n=count())`.

        Records without a value are passed over. The store holds what the aggregates need to go on, a mean
        its sum and count for instance, and the table their results. An aggregate that the program gets
        later begins with the records that come then.

        Args:
            fields: a single aggregate, whose result is the table's value then; or a mapping by name, for
                names that the options below have taken.
            into: what results are: a dataclass, msgspec.Struct, TypedDict or NamedTuple with fields of these
                names; None: dicts.
            value: type or serde of the results; by default that of `into`, else the app's.
            name, store, key, log, backend: see `StoreOptions`.
            retention: of windows, see `WindowStoreOptions`.
            aggregates: by name; see `streamkit.dsl.aggregates`.

        Raises:
            ConfigError: no aggregate, something else than one, or fields that `into` hasn't or lacks.
            TopologyError: a grouped table, and an aggregate that can't take back the value before.
        """
        options = _options(store=store, key=key, log=log, backend=backend, retention=retention)
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
        named: Aggregates[Any] = Aggregates({_ONE: fields} if single else fields, **aggregates)
        finish = _SingleResult(fields) if single else _Results(named, into)
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
        retention: timedelta | int | None = None,
    ) -> KTable[K, Any]:
        """One result a group, of the `Aggregates` that each stream was cogrouped with.

        A name that several streams use is one field, fed by all of them. Arguments as `NamedAggregation.agg`.

        Raises:
            ConfigError: fields that `into` hasn't or lacks.
            TopologyError: a stream has an aggregator of its own sort, or two streams mean different things
                by a name.
        """
        options = _options(store=store, key=key, log=log, backend=backend, retention=retention)
        named, table = self._aggregate_named(name, options)
        return _finished(table, _Results(named, into), into, optional_serde(value), name)

    @abstractmethod
    def _aggregate_named(
        self, name: str | None, options: Mapping[str, Any]
    ) -> tuple[Aggregates[Any], KTable[Any, Any]]:
        """All streams' aggregates, and the table of their states."""


def state_serde(named: Aggregates[Any], value: Serde[Any]) -> AggregateStateSerde:
    """The serde of the states of one stream's aggregates."""
    return AggregateStateSerde(named.by_name, dict.fromkeys(named.by_name, value))


def refuse_retention(options: Mapping[str, Any]) -> None:
    """
    Raises:
        ConfigError: a retention is given where there are no windows.
    """
    if "retention" in options:
        raise ConfigError("retention is for windows: give it to agg after windowed_by(…)")


def _options(*, log: bool | Mapping[str, str], **options: Any) -> dict[str, Any]:
    """What was given, as `StoreOptions`: leaving an option out isn't the same as its default."""
    given = {option: chosen for option, chosen in options.items() if chosen is not None}
    if log is not True:
        given["log"] = log
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


class _SingleResult:
    """The result of the only aggregate."""

    def __init__(self, aggregate: Aggregate[Any, Any]) -> None:
        self._aggregate = aggregate

    def __call__(self, states: Mapping[str, Any]) -> Any:
        return self._aggregate.result(states[_ONE])


class _Results:
    """The results by name, as `into`."""

    def __init__(self, named: Aggregates[Any], into: type[Any] | None) -> None:
        self._by_name = named.by_name
        self._into = None if into is None or is_typeddict(into) else into
        if into is not None:
            _check_fields(named, into)

    def __call__(self, states: Mapping[str, Any]) -> Any:
        results = {
            name: aggregate.result(states[name]) for name, aggregate in self._by_name.items()
        }
        return results if self._into is None else self._into(**results)


def _check_fields(named: Aggregates[Any], into: type[Any]) -> None:
    """
    Raises:
        ConfigError: `into` has other fields than the aggregates give, or is no class of fields.
    """
    allowed, required = _fields_of(into)
    for name, aggregate in named.by_name.items():
        if name not in allowed:
            raise ConfigError(
                f"{into.__name__} has no field {name!r} for {aggregate.text}; it has: "
                f"{', '.join(allowed)}"
            )
    for name in required:
        if name not in named.by_name:
            raise ConfigError(f"field {name!r} of {into.__name__} has no aggregate, and no default")


def _fields_of(into: type[Any]) -> tuple[Sequence[str], Sequence[str]]:
    """The names of all fields, and of those that must be given."""
    if is_typeddict(into):
        return list(into.__annotations__), sorted(into.__required_keys__)
    if isinstance(into, type) and dataclasses.is_dataclass(into):
        chosen = [field for field in dataclasses.fields(into) if field.init]
        missing = dataclasses.MISSING
        return [field.name for field in chosen], [
            field.name
            for field in chosen
            if field.default is missing and field.default_factory is missing
        ]
    if isinstance(into, type) and issubclass(into, msgspec.Struct):
        infos = msgspec.structs.fields(into)
        return [info.name for info in infos], [info.name for info in infos if info.required]
    names = getattr(into, "_fields", None)
    if isinstance(into, type) and issubclass(into, tuple) and names is not None:
        defaults = getattr(into, "_field_defaults", {})
        return list(names), [name for name in names if name not in defaults]
    raise ConfigError(
        f"into is a dataclass, msgspec.Struct, TypedDict or NamedTuple, not {into!r}; for one unnamed "
        "result give the aggregate alone: agg(sum_of('amount'))"
    )
