"""flat_map: any number of records for each, with keys and values of their own, sent on in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["FlatMap"]


class FlatMap(Operator):
    """Sends on every (key, value) pair of `mapper(key, value)`."""

    def __init__(self, mapper: Callable[[Any, Any], Iterable[tuple[Any, Any]]]) -> None:
        super().__init__()
        self._mapper: Final[Any] = mapper

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        for new_key, new_value in self._mapper(key, value):
            self.forward(new_key, new_value, timestamp, headers)
