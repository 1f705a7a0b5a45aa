"""filter, filter_not: pass the records that a predicate accepts, or those that it doesn't.

Null keys and values go to the predicate like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["StreamFilter"]


class StreamFilter(Operator):
    """Drops what `predicate(key, value)` rejects.

    Args:
        negate: drop what it accepts instead.
    """

    def __init__(self, predicate: Callable[[Any, Any], object], *, negate: bool = False) -> None:
        super().__init__()
        self._predicate: Final[Any] = predicate
        self._negate: Final = negate

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if bool(self._predicate(key, value)) is not self._negate:
            self.forward(key, value, timestamp, headers)
