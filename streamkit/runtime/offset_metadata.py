"""What a task saves beside its committed offsets: partition time and the stream times of its nodes.

The text in the metadata field of an offset commit is base64 of Kafka Streams' own layout, version 2:

| bytes | field |
| --- | --- |
| 1 | version, 2 |
| 8 | partition time in milliseconds, -1 if unknown |
| 4 | number of entries; the map is left out when it is empty |
| 4 + n, 8 | for each entry: length and UTF-8 name of a node, its time |

All integers are big-endian. Version 1 ends after the partition time.

Kafka Streams' own entries have the name of a store, and tell up to when its closed windows were emitted. A node's
stream time, which Kafka Streams forgets, goes under the node's name and `STREAM_TIME`.

Source: org.apache.kafka.streams.processor.internals.TopicPartitionMetadata, ProcessorMetadata.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamkit.operators.window_close import EMITTED

__all__ = ["OffsetMetadata"]

_HEAD = struct.Struct(">bq")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")

STREAM_TIME = ":stream-time"


@dataclass(frozen=True, slots=True)
class OffsetMetadata:
    """The metadata of one committed offset.

    Attributes:
        partition_time_ms: highest timestamp of the partition, -1 if unknown.
        node_times: in milliseconds, the stream time of each node that keeps its own by its name, and
            the time of the last emission of a store by its name and `EMITTED`.
    """

    partition_time_ms: int = -1
    node_times: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> str:
        """The text for the metadata field."""
        parts = [_HEAD.pack(2, self.partition_time_ms)]
        if self.node_times:
            parts.append(_INT32.pack(len(self.node_times)))
            for name, time_ms in self.node_times.items():
                raw = _entry(name).encode()
                parts.append(_INT32.pack(len(raw)))
                parts.append(raw)
                parts.append(_INT64.pack(time_ms))
        return base64.b64encode(b"".join(parts)).decode("ascii")

    @classmethod
    def decode(cls, text: str | None) -> OffsetMetadata:
        """What `text` says; unknown times if it is empty, damaged or of a version to come.

        Metadata is advice: whoever resets offsets with Kafka's tools leaves it empty, so nothing
        here may stop a task from starting.
        """
        if not text:
            return cls()
        try:
            data = base64.b64decode(text, validate=True)
            version, partition_time_ms = _HEAD.unpack_from(data)
            if version not in (1, 2):
                return cls()
            if version == 1 or len(data) == _HEAD.size:
                return cls(partition_time_ms)
            return cls(partition_time_ms, _read_map(data, _HEAD.size))
        except (binascii.Error, struct.error, UnicodeError, ValueError):
            return cls()


def _read_map(data: bytes, position: int) -> dict[str, int]:
    (count,) = _INT32.unpack_from(data, position)
    position += 4
    times: dict[str, int] = {}
    for _ in range(min(count, len(data))):
        (size,) = _INT32.unpack_from(data, position)
        position += 4
        if size < 0 or position + size > len(data):
            raise ValueError("a name is longer than the metadata")
        name = data[position : position + size].decode()
        position += size
        (times[_node(name)],) = _INT64.unpack_from(data, position)
        position += 8
    return times


def _entry(node: str) -> str:
    return node.removesuffix(EMITTED) if node.endswith(EMITTED) else node + STREAM_TIME


def _node(entry: str) -> str:
    return entry.removesuffix(STREAM_TIME) if entry.endswith(STREAM_TIME) else entry + EMITTED
