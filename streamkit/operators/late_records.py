"""Late records as a stream: an operator hands what comes too late for it to its child of this kind.

The record goes on as it came: key, value, timestamp and headers, and one header more, `late`, that says in
words which operator it came too late for, and why. What the operator itself sends on passes this child by.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["LATE_HEADER", "LateRecords", "late_children"]

LATE_HEADER: Final = "late"
"""Name of the header with the reason."""


class LateRecords(Operator):
    """The beginning of a stream of late records, below the operator that they were too late for."""

    def __init__(self) -> None:
        super().__init__()
        self._is_late = False

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if self._is_late:
            self.forward(key, value, timestamp, headers)

    def take(
        self, key: object, value: object, timestamp: i64, headers: Headers, reason: str
    ) -> None:
        """Send a late record on."""
        self._is_late = True
        try:
            # Through `process`, whose frame tells the way when a function below raises.
            self.process(key, value, timestamp, (*headers, (LATE_HEADER, reason.encode())))
        finally:
            self._is_late = False


def late_children(operator: Operator) -> list[LateRecords]:
    """The streams of late records below an operator."""
    return [child for child in operator.children if isinstance(child, LateRecords)]
