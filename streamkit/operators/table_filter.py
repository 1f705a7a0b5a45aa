"""filter, filter_not of a table: a rejected row is deleted downstream.

A tombstone goes out for each rejected or deleted key, known or not; only where the value before is known
(and was absent too) it is left out. The predicate never sees None. Source: KTableFilter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.table_state import TableState

__all__ = ["TableFilter"]


class TableFilter(TableState):
    """Keeps rows that `predicate(key, value)` accepts.

    Args:
        store: name of its store; None: not materialized.
        negate: keep the others instead.
        send_old: put the value before into each `Change`.
        versioned: the table above is versioned: no tombstone is needless, as history may change.
    """

    def __init__(
        self,
        predicate: Callable[[Any, Any], object],
        store: str | None = None,
        *,
        negate: bool = False,
        send_old: bool = False,
        versioned: bool = False,
    ) -> None:
        super().__init__(store)
        self._predicate: Final[Any] = predicate
        self._negate: Final = negate
        self._send_old: Final = send_old
        self._versioned: Final = versioned

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        new = self._kept(key, value.new)
        old: object = None
        if self._send_old:
            old = self._kept(key, value.old) if self._rows is None else self._stored(key)
            if old is None and new is None and not self._versioned:
                return
        if self._rows is not None:
            self._keep(key, old, new, timestamp, headers)
        else:
            self.forward(key, Change(old, new, value.is_latest), timestamp, headers)

    def _kept(self, key: object, value: object) -> object:
        if value is not None and bool(self._predicate(key, value)) is not self._negate:
            return value
        return None
