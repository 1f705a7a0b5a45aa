"""What operators with a table of their own share: the store, raw keys, and sending changes on."""

from __future__ import annotations

from typing import Any, Final

from streamkit.errors import TopologyError
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.table_rows import TableRows, table_rows
from streamkit.state.store import TimestampedKeyValueStore

__all__ = ["KeyedRows", "KeyedState", "timestamped_store"]


def timestamped_store(
    context: TaskContext, name: str, node: str
) -> TimestampedKeyValueStore[Any, Any]:
    """The store called `name`.

    Raises:
        TopologyError: it is of another kind.
    """
    store = context.store(name)
    if not isinstance(store, TimestampedKeyValueStore):
        raise TopologyError(
            f"operator {node!r} needs a timestamped key-value store, {name!r} is a {type(store).__name__}"
        )
    return store


class KeyedState(Operator):
    """An operator around one timestamped key-value store.

    Args:
        store: its name.
        send_old: put the value before into each `Change`; somebody downstream needs it.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    _store: TimestampedKeyValueStore[Any, Any]

    def __init__(self, store: str, *, send_old: bool = False, reuse_raw_key: bool = False) -> None:
        super().__init__()
        self._store_name: Final = store
        self._send_old: Final = send_old
        self._reuse_raw_key: Final = reuse_raw_key

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._store = timestamped_store(context, self._store_name, self.name)

    def _raw_key(self, key: object) -> bytes:
        """The key as the store has it: the source record's bytes where they are the same."""
        if self._reuse_raw_key:
            raw = self.context.record.raw_key
            if raw is not None:
                return raw
        return self._store.raw_key(key)


class KeyedRows(Operator):
    """An operator around the rows of one table, whichever kind of store has them.

    Args:
        store: its name.
        send_old: put the value before into each `Change`; somebody downstream needs it.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    _rows: TableRows

    def __init__(self, store: str, *, send_old: bool = False, reuse_raw_key: bool = False) -> None:
        super().__init__()
        self._store_name: Final = store
        self._send_old: Final = send_old
        self._reuse_raw_key: Final = reuse_raw_key

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._rows = table_rows(context, self._store_name, self.name)

    def _raw_key(self, key: object) -> bytes:
        """The key as the store has it: the source record's bytes where they are the same."""
        if self._reuse_raw_key:
            raw = self.context.record.raw_key
            if raw is not None:
                return raw
        return self._rows.raw_key(key)
