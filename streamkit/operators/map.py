"""map: a new key and a new value for each record. Null keys and values go to the function like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["StreamMap"]


class StreamMap(Operator):
    """Replaces key and value by the pair that `mapper(key, value)` returns."""

    def __init__(self, mapper: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        super().__init__()
        self._mapper: Final[Any] = mapper

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        new_key, new_value = self._mapper(key, value)
        self.forward(new_key, new_value, timestamp, headers)
