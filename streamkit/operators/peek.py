"""peek, for_each: call a function for each record; peek passes the record on, for_each ends there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["ForEach", "Peek"]


class Peek(Operator):
    """Calls `action(key, value)` and passes the record on unchanged."""

    def __init__(self, action: Callable[[Any, Any], object]) -> None:
        super().__init__()
        self._action: Final[Any] = action

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self._action(key, value)
        self.forward(key, value, timestamp, headers)


class ForEach(Operator):
    """Calls `action(key, value)`; nothing comes after it."""

    def __init__(self, action: Callable[[Any, Any], object]) -> None:
        super().__init__()
        self._action: Final[Any] = action

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self._action(key, value)
