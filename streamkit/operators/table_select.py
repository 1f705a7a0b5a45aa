"""group_by of a table: each change under the group's key, as an old part to subtract and a new part to add.

Both parts travel as one record where the group stays the same, else as two, the old one first. Rows whose
new key or value is None are in no group. Out-of-order updates of a versioned table are passed over. Source: KTableRepartitionMap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["TableSelect"]


class TableSelect(Operator):
    """Groups by the pair that `selector(key, value)` returns: group key and value."""

    def __init__(self, selector: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        super().__init__()
        self._selector: Final[Any] = selector

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        if not value.is_latest:
            return
        new_key: Any = None
        new: Any = None
        old_key: Any = None
        old: Any = None
        if value.new is not None:
            new_key, new = self._selector(key, value.new)
        if value.old is not None:
            old_key, old = self._selector(key, value.old)
        has_new = new_key is not None and new is not None
        has_old = old_key is not None and old is not None
        if has_new and has_old and _is_same(old_key, new_key):
            self.forward(new_key, Change(old, new), timestamp, headers)
            return
        if has_old:
            self.forward(old_key, Change(old, None), timestamp, headers)
        if has_new:
            self.forward(new_key, Change(None, new), timestamp, headers)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two keys are one group: to Python 1, 1.0 and True are equal, but serdes write each in its own way."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, (list, tuple)):
        return all(_is_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return all(_is_same(value, other[name]) for name, value in one.items())
    return True
