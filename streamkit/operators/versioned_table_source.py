"""The start of a table that keeps its history: each record is a version of its key from its timestamp on.

Versions older than the history are dropped. An out-of-order one changes the history and is sent on marked
as not the latest, which joins and aggregations pass over. Source: KTableSource, KIP-914.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.state.store import VersionedKeyValueStore

__all__ = ["VersionedTableSource", "versioned_store"]


def versioned_store(context: TaskContext, name: str, node: str) -> VersionedKeyValueStore[Any, Any]:
    """The versioned store called `name`.

    Raises:
        TopologyError: it is of another kind.
    """
    store = context.store(name)
    if not isinstance(store, VersionedKeyValueStore):
        raise TopologyError(
            f"operator {node!r} needs a versioned store, {name!r} is a {type(store).__name__}"
        )
    return store


class VersionedTableSource(Operator):
    """Keeps the versions of each key and sends changes on.

    Args:
        store: name of its versioned store.
        send_old: put the latest value before into each `Change`.
    """

    _store: VersionedKeyValueStore[Any, Any]

    def __init__(self, store: str, *, send_old: bool = False) -> None:
        super().__init__()
        self._store_name: Final = store
        self._send_old: Final = send_old

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._store = versioned_store(context, self._store_name, self.name)

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None:
            self.context.drop(self.name, "null key")
            return
        old: object = None
        if self._send_old:
            version = self._store.get(key)
            if version is not None:
                old = version.value
        if not self._store.put(key, value, timestamp):
            self.context.drop(self.name, "late")
            return
        is_latest = self._store.is_latest(key, timestamp)
        self.forward(key, Change(old, value, is_latest), timestamp, headers)
