"""count: how many records with a value each key has had. Becomes a table.

Records without key or value are dropped; the value itself is never looked at, so the source need not
decode it. Source: KStreamAggregate with a counting aggregator.
"""

from __future__ import annotations

from mypy_extensions import i64

from streamkit.model.change import Change
from streamkit.model.records import Headers
from streamkit.operators.keyed_state import KeyedState

__all__ = ["StreamCount"]


class StreamCount(KeyedState):
    """Counts. What is sent on as old of a first record is 0, as Kafka Streams does it."""

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if key is None or value is None:
            self.context.drop(self.name, "null key" if key is None else "null value")
            return
        raw_key = self._raw_key(key)
        entry = self._store.get_raw(raw_key)
        count: i64 = 1
        old: object = 0
        if entry is not None:
            old = entry[0]
            before: i64 = entry[0]
            count = before + 1
            entry_timestamp: i64 = entry[1]
            if entry_timestamp > timestamp:
                timestamp = entry_timestamp
        new: object = count
        self._store.put_raw(raw_key, new, timestamp)
        self.forward(key, Change(old if self._send_old else None, new), timestamp, headers)
