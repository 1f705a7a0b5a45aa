"""aggregate: one value a key, folded from the records of a stream. Becomes a table.

Records without key or value are dropped. The result's timestamp is the later of the record's and the
entry's; a None result deletes the entry. Source: KStreamAggregate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.keyed_state import KeyedState

__all__ = ["StreamAggregate"]


class StreamAggregate(KeyedState):
    """Folds with `aggregator(key, value, aggregate)`, starting from `initializer()`."""

    def __init__(
        self,
        store: str,
        initializer: Callable[[], Any],
        aggregator: Callable[[Any, Any, Any], Any],
        *,
        send_old: bool = False,
        reuse_raw_key: bool = False,
    ) -> None:
        super().__init__(store, send_old=send_old, reuse_raw_key=reuse_raw_key)
        self._initializer: Final[Any] = initializer
        self._aggregator: Final[Any] = aggregator

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None or value is None:
            self.context.drop(self.name, "null key" if key is None else "null value")
            return
        raw_key = self._raw_key(key)
        entry = self._store.get_raw(raw_key)
        if entry is None:
            # What is sent on as old is the initial aggregate, as Kafka Streams does it.
            old = self._initializer()
        else:
            old = entry[0]
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
        new = self._aggregator(key, value, old)
        self._store.put_raw(raw_key, new, timestamp)
        self.forward(key, Change(old if self._send_old else None, new), timestamp, headers)
