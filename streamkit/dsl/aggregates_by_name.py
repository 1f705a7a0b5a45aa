"""Several aggregates at once, each under a name: one aggregator, and the serde of its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from streamkit.dsl.aggregate_kinds import Aggregate
from streamkit.dsl.aggregate_state import AggregateStateSerde
from streamkit.errors import ConfigError, TopologyError
from streamkit.serde import Serde

__all__ = ["Aggregates", "combined", "refuse_retention", "refuse_versions", "state_serde"]

V_contra = TypeVar("V_contra", contravariant=True)

_FUNCTIONS = ("count", "count_distinct", "distinct", "first", "last", "mean", "top_k")
_MEANT = {name: name for name in (*_FUNCTIONS, "max_of", "min_of", "sum_of")} | {
    "len": "count",
    "max": "max_of",
    "min": "min_of",
    "set": "distinct",
    "sum": "sum_of",
}
"""What is meant by a function that is given as it is, by its name; those of Python too."""


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
                meant = _MEANT.get(getattr(aggregate, "__name__", ""))
                hint = f"; did you mean {meant}(…)?" if meant else ""
                raise ConfigError(
                    f"{name}= is an aggregate such as count() or sum_of('amount'), not {aggregate!r}{hint}"
                )
        self.by_name: Mapping[str, Aggregate[Any, Any]] = given

    def initial(self) -> dict[str, Any]:
        """The states before the first value.

        Example:
            >>> Aggregates(n=count(), average=mean("cents")).initial()
            {'n': 0, 'average': (None, 0)}
        """
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
        """The states without a value.

        Example:
            >>> spent = Aggregates(n=count(), total=sum_of("cents"))
            >>> spent.subtract("ann", {"cents": 5}, {"n": 3, "total": 9})
            {'n': 2, 'total': 4}
        """
        after = states.copy()
        for name, aggregate in self.by_name.items():
            after[name] = aggregate.subtract(states[name], value)
        return after

    def merge(self, key: Any, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # a merger's arguments
        """The states of two sessions that have become one.

        Example:
            >>> spent = Aggregates(n=count(), total=sum_of("cents"))
            >>> spent.merge("ann", {"n": 3, "total": 9}, {"n": 1, "total": 2})
            {'n': 4, 'total': 11}
        """
        return {
            name: aggregate.merge(one[name], other[name])
            for name, aggregate in self.by_name.items()
        }

    def check_subtracts(self) -> None:
        """
        Raises:
            TopologyError: an aggregate can't take values back, which aggregates of tables must.

        Example:
            >>> Aggregates(n=count(), total=sum_of("cents")).check_subtracts()  # they do
        """
        for name, aggregate in self.by_name.items():
            if not aggregate.subtracts:
                raise TopologyError(
                    f"{name}={aggregate.text} can't be kept for a grouped table: its rows change, and the "
                    "value before can't be taken back out. Tables take count, sum_of and mean; for others "
                    "use aggregate() with a subtractor, or aggregate the table's stream"
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


def refuse_versions(options: Mapping[str, Any]) -> None:
    """
    Raises:
        ConfigError: a history is given where there are windows.
    """
    if "history" in options:
        raise ConfigError("history is for tables without windows: windows have a retention")
