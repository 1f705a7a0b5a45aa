"""How an aggregation makes its next result from a record: count, reduce, aggregate.

Window operators hold one of these, so that each kind of window is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

__all__ = ["AggregateFold", "CountFold", "Fold", "ReduceFold"]


@mypyc_attr(allow_interpreted_subclasses=True)
class Fold:
    """What an aggregation does with values."""

    def initial(self) -> object:
        """The result before the first record."""
        raise NotImplementedError

    def add(self, key: object, value: object, result: object) -> object:
        """The result after one more record."""
        raise NotImplementedError

    def merge(self, key: object, one: object, other: object) -> object:
        """The result of two sessions that have become one; `one` may be `initial()`."""
        raise NotImplementedError


class CountFold(Fold):
    """How many records."""

    def initial(self) -> object:
        return 0

    def add(self, key: object, value: object, result: object) -> object:
        count: Any = result
        before: i64 = count
        return before + 1

    def merge(self, key: object, one: object, other: object) -> object:
        first: Any = one
        return first + other


class ReduceFold(Fold):
    """`reducer(so far, value)`; the first value is taken as it is."""

    def __init__(self, reducer: Callable[[Any, Any], Any]) -> None:
        self._reducer: Final[Any] = reducer

    def initial(self) -> object:
        return None

    def add(self, key: object, value: object, result: object) -> object:
        if result is None:
            return value
        new: object = self._reducer(result, value)
        return new

    def merge(self, key: object, one: object, other: object) -> object:
        return self.add(key, other, one)


class AggregateFold(Fold):
    """`aggregator(key, value, aggregate)` from `initializer()` on.

    Args:
        merger: `f(key, one, other)`, for sessions.
    """

    def __init__(
        self,
        initializer: Callable[[], Any],
        aggregator: Callable[[Any, Any, Any], Any],
        merger: Callable[[Any, Any, Any], Any] | None = None,
    ) -> None:
        self._initializer: Final[Any] = initializer
        self._aggregator: Final[Any] = aggregator
        self._merger: Final[Any] = merger

    def initial(self) -> object:
        result: object = self._initializer()
        return result

    def add(self, key: object, value: object, result: object) -> object:
        new: object = self._aggregator(key, value, result)
        return new

    def merge(self, key: object, one: object, other: object) -> object:
        result: object = self._merger(key, one, other)
        return result
