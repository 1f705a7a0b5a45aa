"""count, reduce and aggregate of a stream into a versioned store: the table keeps each key's history.

A result older than the history is dropped. One that comes after a deletion with a higher timestamp goes on as not
the latest. Otherwise as in `count`, `reduce` and `aggregate`. Source: KStreamAggregate, KStreamReduce (KIP-914).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.fold import Fold
from streamkit.operators.keyed_state import KeyedRows
from streamkit.operators.table_rows import LATEST, TOO_OLD

__all__ = ["VersionedAggregate"]


class VersionedAggregate(KeyedRows):
    """Folds records into the versions of their keys.

    Args:
        store: name of its versioned store.
        make_fold: makes what it does with values.
        send_old: put the latest value before into each `Change`.
        reuse_raw_key: the source record's key bytes are what the store's key serde would write.
    """

    def __init__(
        self,
        store: str,
        make_fold: Callable[[], Fold],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(store, send_old=send_old, reuse_raw_key=reuse_raw_key)
        self._fold: Final[Fold] = make_fold()

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None or value is None:
            self.context.drop(self.name, "null key" if key is None else "null value")
            return
        raw_key = self._raw_key(key)
        entry = self._rows.get(raw_key)
        if entry is None:
            old = self._fold.initial()
        else:
            old = entry[0]
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
        new = self._fold.add(key, value, old)
        put = self._rows.put(raw_key, new, timestamp)
        if put == TOO_OLD:
            self.context.drop(self.name, "late")
            return
        change = Change(old if self._send_old else None, new, put == LATEST)
        self.forward(key, change, timestamp, headers)
