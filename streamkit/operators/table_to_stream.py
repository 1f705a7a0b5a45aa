"""to_stream: each change of a table as a record: its new value, None where the row was deleted."""

from __future__ import annotations

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["TableToStream"]


class TableToStream(Operator):
    """Sends on the new value of each change."""

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        self.forward(key, value.new, timestamp, headers)
