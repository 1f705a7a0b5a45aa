"""Serdes from the annotations of a function: `def f(orders: KStream[str, Order])` reads str and Order."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from streamkit.errors import ConfigError, caused_by
from streamkit.serde import Serde, serde_for
from streamkit.serde.json_types import foreign_class
from streamkit.serde.models import is_model

__all__ = ["Annotations", "serde_of_annotation"]


class Annotations:
    """What the arguments of a function are annotated with.

    Args:
        function: the user's.
        scope: names that its annotations may use beside those of its module.

    Raises:
        ConfigError: an annotation names what isn't there.
    """

    def __init__(self, function: Callable[..., Any], scope: Mapping[str, Any]) -> None:
        self._name = getattr(function, "__qualname__", repr(function))
        try:
            self._hints = (
                get_type_hints(function, localns=dict(scope), include_extras=True)
                if getattr(function, "__annotations__", None)
                else {}
            )
        except (NameError, AttributeError, TypeError) as error:
            raise caused_by(
                ConfigError(
                    f"can't read the annotations of {self._name}: {error}; define or import what they name "
                    "before, or give the topic as app.topic(…, key=…, value=…)"
                ),
                error,
            ) from error
        try:
            self._parameters = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            self._parameters = []

    def serdes(
        self, position: int, expected: type[Any]
    ) -> tuple[Serde[Any] | None, Serde[Any] | None]:
        """Of keys and values of the argument at `position`; None where the annotation says nothing.

        Args:
            expected: what the argument will be: KStream, KTable, Record, …

        Raises:
            ConfigError: it is annotated as something else, or with a type that no serde stands for.
        """
        hint: Any = None
        if position < len(self._parameters):
            hint = self._hints.get(self._parameters[position])
        if hint is None or hint is Any:
            return None, None
        origin = get_origin(hint) or hint
        if not (isinstance(origin, type) and issubclass(expected, origin)):
            raise ConfigError(
                f"{self._name} gets a {expected.__name__} as its argument "
                f"{self._parameters[position]!r}, which is annotated as {_text(hint)}"
            )
        arguments = get_args(hint)
        if len(arguments) != 2:
            return None, None
        parts = []
        for part, annotation in zip(("keys", "values"), arguments, strict=True):
            where = f"{part} of {self._parameters[position]!r} of {self._name}"
            parts.append(serde_of_annotation(annotation, where))
        return parts[0], parts[1]


def serde_of_annotation(annotation: Any, where: str) -> Serde[Any] | None:
    """The serde that an annotation stands for; None for `Any` and type variables.

    `T | None` stands for T: a missing key or value never reaches a serde.

    Args:
        where: what is annotated, for the error.

    Raises:
        ConfigError: no serde stands for it.
    """
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if annotation is Any or annotation is object or isinstance(annotation, TypeVar):
        return None
    if get_origin(annotation) in (Union, types.UnionType):
        given = [part for part in get_args(annotation) if part is not type(None)]
        if len(given) < len(get_args(annotation)):
            return serde_of_annotation(Union[tuple(given)], where)  # noqa: UP007  # made at run time
    if isinstance(annotation, Serde) or is_model(annotation):
        return serde_for(annotation)
    try:
        unknown = foreign_class(annotation)
        if unknown is None:
            return serde_for(annotation)
    except (TypeError, NameError, ConfigError) as error:
        raise caused_by(
            ConfigError(f"no serde stands for {_text(annotation)}, the {where}: {error}"), error
        ) from error
    raise ConfigError(
        f"no serde stands for {_text(annotation)}, the {where}: {_text(unknown)} is neither a scalar, a "
        "dataclass, a msgspec.Struct, a TypedDict, a pydantic model nor a collection of such; give the "
        "topic as app.topic(…, key=…, value=…) with a serde"
    )


def _text(annotation: Any) -> str:
    return (
        annotation.__name__
        if isinstance(annotation, type) and not get_args(annotation)
        else str(annotation)
    )
