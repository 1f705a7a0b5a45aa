"""The topics of a test driver: lists of records, one partition each."""

from __future__ import annotations

from collections.abc import Mapping

from streamkit.model.records import Headers, Record
from streamkit.operators.context import RecordCollector

__all__ = ["DriverTopics"]


class DriverTopics(RecordCollector):
    """What tasks write, until somebody reads it, and the offsets of all topics.

    Args:
        inputs: the topics that are fed from outside.
    """

    def __init__(self, inputs: Mapping[str, int]) -> None:
        self._unread: dict[str, list[Record[bytes | None, bytes | None]]] = {}
        self._read: dict[str, int] = {}
        self._written: list[tuple[str, Record[bytes | None, bytes | None]]] = []
        self._ends: dict[str, int] = {}
        self._input_ends: dict[str, int] = dict.fromkeys(inputs, 0)

    def send(
        self,
        topic: str,
        partition: int,  # noqa: ARG002  # there is only one
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        record = Record(key, value, timestamp, headers)
        self._unread.setdefault(topic, []).append(record)
        self._written.append((topic, record))
        self._ends[topic] = self._ends.get(topic, 0) + 1

    def partitions_for(self, topic: str) -> int:  # noqa: ARG002
        return 1

    def partition_of(self, topic: str, key: bytes) -> int:  # noqa: ARG002
        return 0

    def pop(self, topic: str) -> Record[bytes | None, bytes | None] | None:
        records = self._unread.get(topic)
        if not records:
            return None
        position = self._read.get(topic, 0)
        record = records[position]
        position += 1
        if position == len(records):
            records.clear()
            position = 0
        self._read[topic] = position
        return record

    def take_written(self) -> list[tuple[str, Record[bytes | None, bytes | None]]]:
        written, self._written = self._written, []
        return written

    def names(self) -> tuple[str, ...]:
        return tuple(self._unread)

    def end_offset(self, topic: str) -> int:
        return self._ends.get(topic, 0)

    def next_input_offset(self, topic: str) -> int:
        offset = self._input_ends.get(topic, 0)
        self._input_ends[topic] = offset + 1
        return offset
