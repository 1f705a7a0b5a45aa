"""The kinds of aggregates: what state each keeps, and how values go in. Made by `aggregates`.

States are never changed in place: whoever holds one may keep it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = [
    "Aggregate",
    "Count",
    "CountDistinct",
    "Distinct",
    "Edge",
    "Extreme",
    "Mean",
    "Sum",
    "Take",
    "TopK",
]

V_contra = TypeVar("V_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

_NAN = math.nan
"""The one that `Distinct` keeps: NaN equals nothing, but a dict finds the same object again."""

Take: TypeAlias = Callable[[Any], Any]


class Aggregate(ABC, Generic[V_contra, R_co]):
    """One field of the result of `agg`, made by the functions of this module.

    Attributes:
        text: how it was written, for messages.
        kind: what its state looks like; a stored state of another kind isn't taken up.
        subtracts: it can take back a value that was added.
        keeps_values: its state holds whole values, which the stream's serde writes.
    """

    kind: str = ""
    subtracts = False

    def __init__(self, text: str, *, keeps_values: bool = False) -> None:
        self.text = text
        self.keeps_values = keeps_values

    def __repr__(self) -> str:
        return self.text

    @abstractmethod
    def initial(self) -> Any:
        """The state before the first value."""

    @abstractmethod
    def add(self, state: Any, value: Any) -> Any:
        """The state after one more value, which isn't None."""

    @abstractmethod
    def merge(self, one: Any, other: Any) -> Any:
        """The state of two sessions that have become one."""

    @abstractmethod
    def result(self, state: Any) -> R_co:
        """What the state says."""

    def subtract(self, state: Any, value: Any) -> Any:
        """The state without a value that was added before; only called if it `subtracts`."""
        raise NotImplementedError

    def pack(self, state: Any, write: Callable[[Any], bytes]) -> Any:
        """The state with its whole values as bytes; only called if it `keeps_values`."""
        raise NotImplementedError

    def unpack(self, state: Any, read: Callable[[bytes], Any]) -> Any:
        """What `pack` was given."""
        raise NotImplementedError


class Count(Aggregate[Any, int]):
    kind = "count"
    subtracts = True

    def __init__(self, text: str, take: Take | None) -> None:
        super().__init__(text)
        self._take = take

    def initial(self) -> int:
        return 0

    def add(self, state: int, value: Any) -> int:
        return state + 1 if self._take is None or self._take(value) is not None else state

    def subtract(self, state: int, value: Any) -> int:
        return state - 1 if self._take is None or self._take(value) is not None else state

    def merge(self, one: int, other: int) -> int:
        return one + other

    def result(self, state: int) -> int:
        return state


class Sum(Aggregate[Any, Any]):
    """The state is None until there is something to add, so that it needs no zero of its type."""

    kind = "sum"
    subtracts = True

    def __init__(self, text: str, take: Take) -> None:
        super().__init__(text)
        self._take = take

    def initial(self) -> Any:
        return None

    def add(self, state: Any, value: Any) -> Any:
        part = self._take(value)
        return state if part is None else _plus(self.text, state, part)

    def subtract(self, state: Any, value: Any) -> Any:
        part = self._take(value)
        return state if part is None else _minus(self.text, state, part)

    def merge(self, one: Any, other: Any) -> Any:
        return one if other is None else _plus(self.text, one, other)

    def result(self, state: Any) -> Any:
        return 0 if state is None else state


class Mean(Aggregate[Any, Any]):
    kind = "mean"
    subtracts = True

    def __init__(self, text: str, take: Take) -> None:
        super().__init__(text)
        self._take = take

    def initial(self) -> tuple[Any, int]:
        return (None, 0)

    def add(self, state: tuple[Any, int], value: Any) -> tuple[Any, int]:
        part = self._take(value)
        return state if part is None else (_plus(self.text, state[0], part), state[1] + 1)

    def subtract(self, state: tuple[Any, int], value: Any) -> tuple[Any, int]:
        part = self._take(value)
        if part is None:
            return state
        return (None, 0) if state[1] == 1 else (_minus(self.text, state[0], part), state[1] - 1)

    def merge(self, one: tuple[Any, int], other: tuple[Any, int]) -> tuple[Any, int]:
        if other[1] == 0:
            return one
        return (_plus(self.text, one[0], other[0]), one[1] + other[1])

    def result(self, state: tuple[Any, int]) -> Any:
        return None if state[1] == 0 else state[0] / state[1]


class Extreme(Aggregate[Any, Any]):
    def __init__(self, kind: str, text: str, take: Take) -> None:
        super().__init__(text)
        self.kind = kind
        self._take = take

    def initial(self) -> Any:
        return None

    def add(self, state: Any, value: Any) -> Any:
        return self.merge(state, self._take(value))

    def merge(self, one: Any, other: Any) -> Any:
        if other is None or other != other:
            return one
        if one is None:
            return other
        better = (
            _less(self.text, other, one) if self.kind == "min" else _less(self.text, one, other)
        )
        return other if better else one

    def result(self, state: Any) -> Any:
        return state


class Edge(Aggregate[Any, Any]):
    """First or last: the state is empty, or (what tells the order, the value)."""

    def __init__(self, kind: str, text: str, take: Take | None, by: Take | None) -> None:
        super().__init__(text, keeps_values=take is None)
        self.kind = kind
        self._take = take
        self._by = by

    def initial(self) -> tuple[Any, ...]:
        return ()

    def add(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        part = value if self._take is None else self._take(value)
        if part is None:
            return state
        place = None if self._by is None else self._by(value)
        if self._by is not None and (place is None or place != place):
            return state
        return self.merge(state, (place, part))

    def merge(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        if not one or not other:
            return one or other
        if self._by is None:
            return one if self.kind == "first" else other
        if self.kind == "first":
            return other if _less(self.text, other[0], one[0]) else one
        return one if _less(self.text, other[0], one[0]) else other

    def result(self, state: tuple[Any, ...]) -> Any:
        return state[1] if state else None

    def pack(self, state: tuple[Any, ...], write: Callable[[Any], bytes]) -> Any:
        return (state[0], write(state[1])) if state else ()

    def unpack(self, state: tuple[Any, ...], read: Callable[[bytes], Any]) -> Any:
        return (state[0], read(state[1])) if state else ()


class Distinct(Aggregate[Any, Any]):
    """The state is a dict whose keys are the values, in the order in which they came."""

    kind = "distinct"

    def __init__(self, text: str, take: Take) -> None:
        super().__init__(text)
        self._take = take

    def initial(self) -> dict[Any, None]:
        return {}

    def add(self, state: dict[Any, None], value: Any) -> dict[Any, None]:
        part = self._take(value)
        if part is None:
            return state
        if part != part:
            part = _NAN
        try:
            known = part in state
        except TypeError:
            raise TypeError(
                f"{self.text} needs hashable values (numbers, text, tuples, …), not {part!r}"
            ) from None
        return state if known else {**state, part: None}

    def merge(self, one: dict[Any, None], other: dict[Any, None]) -> dict[Any, None]:
        return {**one, **other}

    def result(self, state: dict[Any, None]) -> Any:
        return list(state)


class CountDistinct(Distinct):
    def result(self, state: dict[Any, None]) -> Any:
        return len(state)


class TopK(Aggregate[Any, Any]):
    """The state is a tuple of (by, what is kept), the best first."""

    def __init__(self, text: str, k: int, by: Take, of: Take | None, *, lowest: bool) -> None:
        super().__init__(text, keeps_values=of is None)
        self.kind: str = f"{'bottom' if lowest else 'top'}{k}"
        self._k = k
        self._by = by
        self._of = of
        self._lowest = lowest

    def initial(self) -> tuple[Any, ...]:
        return ()

    def add(self, state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        place = self._by(value)
        if place is None or place != place:
            return state
        if len(state) == self._k and not self._goes_before(place, state[-1][0]):
            return state
        return self._with(state, (place, value if self._of is None else self._of(value)))

    def merge(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        for entry in other:
            one = self._with(one, entry)
        return one

    def result(self, state: tuple[Any, ...]) -> Any:
        return [kept for _, kept in state]

    def pack(self, state: tuple[Any, ...], write: Callable[[Any], bytes]) -> Any:
        return tuple((place, write(value)) for place, value in state)

    def unpack(self, state: Iterable[Any], read: Callable[[bytes], Any]) -> Any:
        return tuple((place, read(data)) for place, data in state)

    def _with(self, state: tuple[Any, ...], entry: tuple[Any, Any]) -> tuple[Any, ...]:
        position = len(state)
        while position > 0 and self._goes_before(entry[0], state[position - 1][0]):
            position -= 1
        return (*state[:position], entry, *state[position:])[: self._k]

    def _goes_before(self, one: Any, other: Any) -> bool:
        return _less(self.text, one, other) if self._lowest else _less(self.text, other, one)


def _plus(text: str, one: Any, other: Any) -> Any:
    if isinstance(other, (str, bytes, list, tuple)):
        raise TypeError(f"{text} adds numbers, not {other!r}")
    try:
        # +True is 1, and a timedelta stays one.
        return +other if one is None else one + other
    except TypeError as error:
        raise TypeError(f"{text} can't add {other!r} to {one!r}") from error


def _minus(text: str, one: Any, other: Any) -> Any:
    try:
        return -other if one is None else one - other
    except TypeError as error:
        raise TypeError(f"{text} can't take {other!r} from {one!r}") from error


def _less(text: str, one: Any, other: Any) -> bool:
    try:
        return bool(one < other)
    except TypeError as error:
        raise TypeError(f"{text} can't order {one!r} and {other!r}") from error
