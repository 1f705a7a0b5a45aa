"""The start of a table: each record of a topic or stream is an update of its key; None deletes.

Updates apply in the order in which they come, whatever their timestamps. Records without a key are
dropped. Without a store the table is a view: updates pass through and nobody can look a key up.
Source: KTableSource.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.keyed_state import timestamped_store
from streamkit.state.store import TimestampedKeyValueStore

__all__ = ["TableSource"]


class TableSource(Operator):
    """Keeps the latest value of each key and sends changes on.

    Args:
        store: name of its store; None: not materialized.
        send_old: put the value before into each `Change`.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    _store: TimestampedKeyValueStore[Any, Any]

    def __init__(
        self, store: str | None, *, send_old: bool = False, reuse_raw_key: bool = False
    ) -> None:
        super().__init__()
        self._store_name: Final = store
        self._send_old: Final = send_old
        self._reuse_raw_key: Final = reuse_raw_key

    def init(self, context: TaskContext) -> None:
        super().init(context)
        if self._store_name is not None:
            self._store = timestamped_store(context, self._store_name, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None:
            self.context.drop(self.name, "null key")
            return
        old: object = None
        if self._store_name is not None:
            raw_key = self.context.record.raw_key if self._reuse_raw_key else None
            if raw_key is None:
                raw_key = self._store.raw_key(key)
            if self._send_old:
                entry = self._store.get_raw(raw_key)
                if entry is not None:
                    old = entry[0]
            self._store.put_raw(raw_key, value, timestamp)
        self.forward(key, Change(old, value), timestamp, headers)
