"""merge, and the named ends of branches: records pass unchanged."""

from __future__ import annotations

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["PassThrough"]


class PassThrough(Operator):
    """Passes every record on."""

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self.forward(key, value, timestamp, headers)
