"""One side of a stream-stream join: keeps each record for the time that partners may come.

Records without a key or a value are not kept. One that is older than the store's retention meets the partners
that are there, but is seen by none that come: it counts as late.

Source: KStreamJoinWindow.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.late_records import LateRecords, late_children
from streamkit.state.store import WindowStore

__all__ = ["StreamJoinWindow", "join_window_store"]


def join_window_store(context: TaskContext, name: str, node: str) -> WindowStore[Any, Any]:
    """The window store called `name`.

    Raises:
        TopologyError: it is of another kind.
    """
    store = context.store(name)
    if not isinstance(store, WindowStore):
        raise TopologyError(
            f"operator {node!r} needs a window store, {name!r} is a {type(store).__name__}"
        )
    return store


class StreamJoinWindow(Operator):
    """Passes records on to the join, then keeps them: a record doesn't find itself.

    Args:
        store: name of the side's window store, which keeps duplicates.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    _store: WindowStore[Any, Any]

    def __init__(self, store: str, *, reuse_raw_key: bool = False) -> None:
        super().__init__()
        self._store_name: Final = store
        self._reuse_raw_key: Final = reuse_raw_key
        self._late: list[LateRecords] = []

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._store = join_window_store(context, self._store_name, self.name)
        self._late = late_children(self)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        self.forward(key, value, timestamp, headers)
        if key is not None and value is not None:
            if self._store.expired(timestamp):
                self.context.drop(self.name, "late")
                for late in self._late:
                    late.take(
                        key,
                        value,
                        timestamp,
                        headers,
                        f"{self.name}: the join keeps no records of that time any more, so partners that come "
                        "later miss this one",
                    )
            raw_key = self.context.record.raw_key if self._reuse_raw_key else None
            if raw_key is None:
                raw_key = self._store.raw_key(key)
            self.context.store_context.timestamp = timestamp
            self._store.put_raw(raw_key, value, timestamp)
