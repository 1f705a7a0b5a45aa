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

Brokers refuse a text of more than `MOST_CHARACTERS` (`offset.metadata.max.bytes`). Where nodes are so many, what Kafka
Streams doesn't know goes into one entry, whose name is `PACKED` and base64 of the compressed names and times; if
that is too long as well it is left out, with a warning: the times come from the changelogs then, as after Kafka Streams.

Source: org.apache.kafka.streams.processor.internals.TopicPartitionMetadata, ProcessorMetadata.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamkit.operators.window_close import EMITTED

__all__ = ["PACKED", "OffsetMetadata"]

_HEAD = struct.Struct(">bq")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")

STREAM_TIME = ":stream-time"
PACKED = ":packed:"
MOST_CHARACTERS = 4_096
_MOST_UNPACKED = 1 << 20

log = logging.getLogger(__name__)


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
        entries = {_entry(name): time_ms for name, time_ms in self.node_times.items()}
        whole = self._layout(entries)
        if len(whole) <= MOST_CHARACTERS:
            return whole
        of_kafka = {name: time for name, time in entries.items() if not name.endswith(STREAM_TIME)}
        ours = {name: time for name, time in entries.items() if name not in of_kafka}
        names = json.dumps(ours, separators=(",", ":")).encode()
        packed = PACKED + base64.b64encode(zlib.compress(names, 9)).decode("ascii")
        text = self._layout({**of_kafka, packed: 0})
        if len(text) <= MOST_CHARACTERS:
            return text
        log.warning(
            "the stream times of %d nodes don't fit into an offset commit and aren't saved: after a "
            "restart they are taken from the changelogs. Shorter names help",
            len(ours),
        )
        text = self._layout(of_kafka)
        return text if len(text) <= MOST_CHARACTERS else self._layout({})

    def _layout(self, entries: Mapping[str, int]) -> str:
        parts = [_HEAD.pack(2, self.partition_time_ms)]
        if entries:
            parts.append(_INT32.pack(len(entries)))
            for name, time_ms in entries.items():
                raw = name.encode()
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
        except (binascii.Error, struct.error, zlib.error, RecursionError, TypeError, ValueError):
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
        (time_ms,) = _INT64.unpack_from(data, position)
        position += 8
        if name.startswith(PACKED):
            times.update(_unpacked(name))
        else:
            times[_node(name)] = time_ms
    return times


def _unpacked(name: str) -> dict[str, int]:
    packed = base64.b64decode(name.removeprefix(PACKED), validate=True)
    found = json.loads(zlib.decompressobj().decompress(packed, _MOST_UNPACKED))
    if not isinstance(found, dict):
        raise ValueError("packed times are no map")
    return {_node(entry): int(time_ms) for entry, time_ms in found.items()}


def _entry(node: str) -> str:
    return node.removesuffix(EMITTED) if node.endswith(EMITTED) else node + STREAM_TIME


def _node(entry: str) -> str:
    return entry.removesuffix(STREAM_TIME) if entry.endswith(STREAM_TIME) else entry + EMITTED
