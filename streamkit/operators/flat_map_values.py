"""flat_map_values: any number of values for each record, under its own key, sent on in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["FlatMapValues", "FlatMapValuesWithKey"]


class FlatMapValues(Operator):
    """Sends on every value of `mapper(value)`."""

    def __init__(self, mapper: Callable[[Any], Iterable[Any]]) -> None:
        super().__init__()
        self._mapper: Final[Any] = mapper

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        for new_value in self._mapper(value):
            self.forward(key, new_value, timestamp, headers)


class FlatMapValuesWithKey(Operator):
    """Sends on every value of `mapper(key, value)`."""

    def __init__(self, mapper: Callable[[Any, Any], Iterable[Any]]) -> None:
        super().__init__()
        self._mapper: Final[Any] = mapper

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        for new_value in self._mapper(key, value):
            self.forward(key, new_value, timestamp, headers)
