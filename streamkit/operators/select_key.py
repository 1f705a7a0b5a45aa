"""select_key: a new key for each record. Null keys and values go to the function like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["SelectKey"]


class SelectKey(Operator):
    """Replaces the key by what `selector(key, value)` returns."""

    def __init__(self, selector: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self._selector: Final[Any] = selector

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self.forward(self._selector(key, value), value, timestamp, headers)
