"""map_values: a new value for each record under its own key. Null values go to the function too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["MapValues", "MapValuesWithKey"]


class MapValues(Operator):
    """Replaces the value by `mapper(value)`."""

    def __init__(self, mapper: Callable[[Any], Any]) -> None:
        super().__init__()
        self._mapper: Final[Any] = mapper

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self.forward(key, self._mapper(value), timestamp, headers)


class MapValuesWithKey(Operator):
    """Replaces the value by `mapper(key, value)`."""

    def __init__(self, mapper: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self._mapper: Final[Any] = mapper

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self.forward(key, self._mapper(key, value), timestamp, headers)
