"""One operator (or a small chain) on its own: real stores in memory, and what it sends on as a list."""

from __future__ import annotations

from typing import Any, NamedTuple

from streamkit.clock import ManualClock
from streamkit.log.client.partitioner import partition_for_key
from streamkit.model import EMPTY_HEADERS, Headers, TaskId
from streamkit.operators.base import Operator
from streamkit.operators.context import RecordCollector, TaskContext
from streamkit.state import StoreContext, StoreSpec, open_store
from streamkit.state.store import StateStore


class Sent(NamedTuple):
    """A record that reached a capture."""

    key: Any
    value: Any
    timestamp: int


class Written(NamedTuple):
    """A record that a sink sent."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers


class Capture(Operator):
    """The end of a chain: remembers what it gets."""

    def __init__(self, name: str = "capture") -> None:
        super().__init__()
        self.name = name
        self.records: list[Sent] = []

    def process(self, key: object, value: object, timestamp: int, headers: Headers) -> None:
        self.records.append(Sent(key, value, timestamp))

    def take(self) -> list[Sent]:
        taken, self.records = self.records, []
        return taken


class Collector(RecordCollector):
    """Remembers what sinks send; every topic has four partitions."""

    def __init__(self) -> None:
        self.records: list[Written] = []

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        self.records.append(Written(topic, partition, key, value, timestamp, headers))

    def partitions_for(self, topic: str) -> int:
        return 4

    def partition_of(self, topic: str, key: bytes) -> int:
        return partition_for_key(key, 4)


class Lab:
    """An operator with its stores and a capture below it.

    Args:
        operator: gets the name "op" unless it has one.
        stores: specifications of the stores it finds in its context.
        below: its children; by default one capture.
    """

    def __init__(
        self, operator: Operator, *stores: StoreSpec, below: list[Operator] | None = None
    ) -> None:
        self.clock = ManualClock()
        self.collector = Collector()
        self.stores: dict[str, StateStore] = {spec.name: open_store(spec) for spec in stores}
        for store in self.stores.values():
            store.init(StoreContext("0_0"))
        self.context = TaskContext("app", TaskId(0, 0), self.collector, self.clock, self.stores, {})
        self.capture = Capture()
        self.operator = operator
        operator.name = operator.name or "op"
        operator.children.extend([self.capture] if below is None else below)
        for each in [operator, *(below or [])]:
            each.init(self.context)

    def send(
        self,
        key: Any,
        value: Any,
        timestamp: int = 0,
        *,
        raw_key: bytes | None = None,
        headers: Headers = EMPTY_HEADERS,
    ) -> list[Sent]:
        """What one record caused."""
        record = self.context.record
        record.topic, record.partition, record.offset = "in", 0, record.offset + 1
        record.timestamp, record.raw_key = timestamp, raw_key
        self.operator.process(key, value, timestamp, headers)
        return self.capture.take()

    @property
    def dropped(self) -> dict[str, int]:
        """Dropped records by reason."""
        return {reason: count for (_, reason), count in self.context.dropped.items()}
