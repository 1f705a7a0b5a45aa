"""Where the records of a worker's tasks go: its producer."""

from __future__ import annotations

from mypy_extensions import i64

from streamkit.log.client import Producer
from streamkit.log.client.partitioner import partition_for_key
from streamkit.model.records import Headers
from streamkit.operators.context import RecordCollector

__all__ = ["ProducerCollector"]


class ProducerCollector(RecordCollector):
    """Hands records to a producer, which batches them.

    Attributes:
        sent: records handed over so far, changelog included.
    """

    def __init__(self, producer: Producer) -> None:
        self._append = producer.append
        self._producer = producer
        self.sent: i64 = 0

    def send(
        self,
        topic: str,
        partition: i64,
        key: bytes | None,
        value: bytes | None,
        timestamp: i64,
        headers: Headers,
    ) -> None:
        self.sent += 1
        self._append(topic, partition, key, value, timestamp, headers)

    def partitions_for(self, topic: str) -> int:
        return self._producer.partitions_for(topic)

    def partition_of(self, topic: str, key: bytes) -> int:
        return partition_for_key(key, self._producer.partitions_for(topic))
