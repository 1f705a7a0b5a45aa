"""What `agg` makes of the states of its aggregates: dicts, objects of a class, or one result alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, is_typeddict

import msgspec

from streamkit.dsl.aggregate_kinds import Aggregate
from streamkit.dsl.aggregates_by_name import Aggregates
from streamkit.errors import ConfigError

__all__ = ["ONE", "Results", "SingleResult"]

ONE = "result"
"""The name of the only aggregate, where it was given none."""


class SingleResult:
    """The result of the only aggregate."""

    def __init__(self, aggregate: Aggregate[Any, Any]) -> None:
        self._aggregate = aggregate

    def __call__(self, states: Mapping[str, Any]) -> Any:
        return self._aggregate.result(states[ONE])


class Results:
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
