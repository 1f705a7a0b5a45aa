"""What table operators with an optional store share."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.table_rows import LATEST, TOO_OLD, TableRows, table_rows

__all__ = ["TableState"]


class TableState(Operator):
    """A table operator whose result may be materialized.

    Args:
        store: name of its store; None: not materialized.
    """

    _rows: TableRows | None

    def __init__(self, store: str | None) -> None:
        super().__init__()
        self._store_name: Final = store
        self._rows = None

    def init(self, context: TaskContext) -> None:
        super().init(context)
        if self._store_name is not None:
            self._rows = table_rows(context, self._store_name, self.name)

    def _stored(self, key: object) -> object:
        """The value that the store has for `key`."""
        rows = self._rows
        assert rows is not None
        entry = rows.get(rows.raw_key(key))
        return None if entry is None else entry[0]

    def _keep(
        self, key: object, old: object, new: object, timestamp: i64, headers: Headers
    ) -> None:
        """Put a row into the store and send the change on, unless the row is too old to be kept."""
        rows = self._rows
        assert rows is not None
        put = rows.put(rows.raw_key(key), new, timestamp)
        if put == TOO_OLD:
            self.context.drop(self.name, "late")
            return
        self.forward(key, Change(old, new, put == LATEST), timestamp, headers)
