"""map_values of a table: each row's value changed; deletions stay deletions, unseen by the function.

Source: KTableMapValues.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.table_state import TableState

__all__ = ["TableMapValues"]


class TableMapValues(TableState):
    """Maps with `mapper(value)`, or `mapper(key, value)` if `with_key`.

    Args:
        store: name of its store; None: not materialized.
        with_key: the function takes the key too.
        send_old: put the value before into each `Change`.
    """

    def __init__(
        self,
        mapper: Callable[..., Any],
        store: str | None = None,
        *,
        with_key: bool = False,
        send_old: bool = False,
    ) -> None:
        super().__init__(store)
        self._mapper: Final[Any] = mapper
        self._with_key: Final = with_key
        self._send_old: Final = send_old

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        assert isinstance(value, Change)
        new = self._mapped(key, value.new)
        old: object = None
        if self._send_old:
            old = self._mapped(key, value.old) if self._rows is None else self._stored(key)
        if self._rows is not None:
            self._keep(key, old, new, timestamp, headers)
        else:
            self.forward(key, Change(old, new, value.is_latest), timestamp, headers)

    def _mapped(self, key: object, value: object) -> object:
        if value is None:
            return None
        result: object = self._mapper(key, value) if self._with_key else self._mapper(value)
        return result
