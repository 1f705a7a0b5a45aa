"""sink: the last operator; writes keys and values as bytes to a topic.

A record with a negative timestamp can't be written and is an error, as in Kafka Streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import SerdeError, TopologyError
from streamkit.model.records import Headers, RecordInfo
from streamkit.operators.base import Operator
from streamkit.operators.change_codec import encode_change
from streamkit.serde.base import Serde

__all__ = ["SinkOperator"]


class SinkOperator(Operator):
    """Encodes and sends.

    Args:
        topic: name of the topic; None: `topic_extractor` names it for each record.
        topic_extractor: `f(key, value, info)` -> topic.
        key_serde, value_serde: None: keys and values are bytes already.
        partitioner: `f(topic, key, value, partitions)` -> a partition, several (the record goes to each; none:
            it is dropped), or None, which leaves it to the producer; None: murmur2 of the key.
        window_bytes: without a partitioner: how many bytes at the end of the key don't choose the partition.
        reuse_raw_key: send the source record's key bytes instead of encoding the key again.
        changes: values are changes of a table on their way to an aggregation.
    """

    def __init__(
        self,
        topic: str | None,
        key_serde: Serde[Any] | None = None,
        value_serde: Serde[Any] | None = None,
        *,
        topic_extractor: Any = None,
        partitioner: Any = None,
        window_bytes: i64 = 0,
        reuse_raw_key: bool = False,
        changes: bool = False,
    ) -> None:
        super().__init__()
        self._topic: Final = topic
        self._topic_extractor: Final[Any] = topic_extractor
        self._key_serde: Final[Any] = key_serde
        self._value_serde: Final[Any] = value_serde
        self._partitioner: Final[Any] = partitioner
        self._window_bytes: Final[i64] = window_bytes
        self._reuse_raw_key: Final = reuse_raw_key
        self._changes: Final = changes

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        if timestamp < 0:
            raise TopologyError(
                f"sink {self.name!r} can't write a record with the negative timestamp {timestamp}"
            )
        topic = (
            self._topic if self._topic is not None else self._named(key, value, timestamp, headers)
        )
        partitions: list[int] | None = None
        if self._partitioner is not None:
            partitions = self._partitions(topic, key, value)
            if partitions is not None and not partitions:
                self.context.drop(self.name, "no partition")
                return
        raw_key: bytes | None = None
        raw_value: bytes | None = None
        try:
            if key is not None:
                if self._reuse_raw_key:
                    raw_key = self.context.record.raw_key
                if raw_key is None:
                    raw_key = (
                        _as_bytes(key, self.name, "key")
                        if self._key_serde is None
                        else self._key_serde.serialize(topic, key)
                    )
            if value is not None:
                if self._changes:
                    raw_value = encode_change(self._value_serde, topic, value)
                elif self._value_serde is None:
                    raw_value = _as_bytes(value, self.name, "value")
                else:
                    raw_value = self._value_serde.serialize(topic, value)
        except SerdeError as error:
            error.node = self.name
            raise
        if partitions is None:
            partition: i64 = -1
            if self._window_bytes > 0 and raw_key is not None:
                base_key = raw_key[: len(raw_key) - self._window_bytes]
                partition = self.context.collector.partition_of(topic, base_key)
            self.context.collector.send(topic, partition, raw_key, raw_value, timestamp, headers)
            return
        for chosen in partitions:
            self.context.collector.send(topic, chosen, raw_key, raw_value, timestamp, headers)

    def _partitions(self, topic: str, key: object, value: object) -> list[int] | None:
        """The partitions that the user's partitioner wants; None leaves it to the producer."""
        count = self.context.collector.partitions_for(topic)
        chosen: object = self._partitioner(topic, key, value, count)
        if chosen is None:
            return None
        partitions: list[int] = []
        for partition in _iterable(chosen):
            if not isinstance(partition, int) or not 0 <= partition < count:
                raise TopologyError(
                    f"sink {self.name!r}: the partitioner gave {chosen!r}, but topic {topic!r} has partitions "
                    f"0 to {count - 1}"
                )
            if partition not in partitions:
                partitions.append(partition)
        return partitions

    def _named(self, key: object, value: object, timestamp: i64, headers: Headers) -> str:
        record = self.context.record
        info = RecordInfo(record.topic, record.partition, record.offset, timestamp, headers)
        topic: str = self._topic_extractor(key, value, info)
        return topic


def _iterable(chosen: object) -> Iterable[object]:
    if isinstance(chosen, (list, tuple, set, frozenset, range)):
        return chosen
    return (chosen,)


def _as_bytes(data: object, node: str, part: str) -> bytes:
    if isinstance(data, bytes):
        return data
    raise SerdeError(
        f"sink {node!r} has no serde for its {part} and got {type(data).__name__} instead of bytes: "
        f"give {part}= where the topic is written",
        serde="bytes",
        node=node,
    )
