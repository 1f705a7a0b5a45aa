"""What table operators with an optional store share."""

from __future__ import annotations

from typing import Any, Final

from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.keyed_state import timestamped_store
from streamkit.state.store import TimestampedKeyValueStore

__all__ = ["TableState"]


class TableState(Operator):
    """A table operator whose result may be materialized.

    Args:
        store: name of its store; None: not materialized.
    """

    _store: TimestampedKeyValueStore[Any, Any] | None

    def __init__(self, store: str | None) -> None:
        super().__init__()
        self._store_name: Final = store
        self._store = None

    def init(self, context: TaskContext) -> None:
        super().init(context)
        if self._store_name is not None:
            self._store = timestamped_store(context, self._store_name, self.name)

    def _stored(self, key: object) -> object:
        """The value that the store has for `key`."""
        assert self._store is not None
        entry = self._store.get(key)
        return None if entry is None else entry[0]
