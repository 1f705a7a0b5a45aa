"""The step before a repartition topic: records without a key go no further, where nothing needs them.

A record without a key can't be found again by key behind the topic; only left joins downstream keep it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["DropNullKey"]


class DropNullKey(Operator):
    """Drops records without a key.

    Args:
        keep: let them pass after all (a left join is downstream).
    """

    def __init__(self, *, keep: bool = False) -> None:
        super().__init__()
        self._keep: Final = keep

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is not None or self._keep:
            self.forward(key, value, timestamp, headers)
