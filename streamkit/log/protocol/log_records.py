"""Envelopes of structs that stand in records: which struct it is, in which version.

| where | before the struct |
| --- | --- |
| ConsumerProtocol subscription and assignment | version 2 bytes |
| key in `__consumer_offsets`, `__transaction_state` | record type 2 bytes; the struct has version 0 |
| value in `__consumer_offsets`, `__transaction_state` | version 2 bytes |
| value in `__cluster_metadata` | three unsigned varints: frame version (1), record type, version |

Source: Kafka's CoordinatorRecordSerde, AbstractApiMessageSerde and MessageUtil.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, TypeVar

from streamkit.errors import ProtocolError
from streamkit.log.protocol.codec import decode_struct_at, encode_struct
from streamkit.log.protocol.messages import (
    consumer_protocol,
    group_log,
    metadata_log,
    transaction_log,
)
from streamkit.log.protocol.varint import Buffer, encode_uvarint, read_uvarint
from streamkit.log.protocol.wire import info_of

__all__ = [
    "decode_metadata_record",
    "decode_record_key",
    "decode_versioned",
    "encode_metadata_record",
    "encode_record_key",
    "encode_versioned",
]

M = TypeVar("M")

_SHORT = struct.Struct(">h")
_FRAME_VERSION = 1


def encode_versioned(message: object, version: int) -> bytes:
    """The struct behind its version in 2 bytes; raises `ProtocolError` as `encode_struct`."""
    return _SHORT.pack(version) + encode_struct(message, version)


def decode_versioned(cls: type[M], buf: Buffer) -> M:
    """The struct behind its version.

    A ConsumerProtocol struct of a version newer than known is read as the newest known one: Kafka only ever
    appends to them.

    Raises:
        ProtocolError: too short, a version that `cls` does not have, or damaged.
    """
    version = _read_short(buf)
    if cls in _GROWING and version > 0:
        version = min(version, info_of(cls).versions.high)
    return decode_struct_at(cls, version, buf, 2)[0]


def encode_record_key(message: object) -> bytes:
    """The key of a record in `__consumer_offsets` or `__transaction_state`: its type, then the struct."""
    return _SHORT.pack(info_of(type(message)).key) + encode_struct(message, 0)


def decode_record_key(topic: str, buf: Buffer) -> Any:
    """The key struct of a record of the internal topic `topic`; its class tells what the value is.

    Raises:
        ProtocolError: a type that is not known, or damaged.
    """
    record_type = _read_short(buf)
    cls = _KEYS.get((topic, record_type))
    if cls is None:
        raise ProtocolError(f"{topic} has no record type {record_type}")
    return decode_struct_at(cls, 0, buf, 2)[0]


def encode_metadata_record(message: object, version: int) -> bytes:
    """The value of a record in `__cluster_metadata`; raises `ProtocolError` as `encode_struct`."""
    head = (_FRAME_VERSION, info_of(type(message)).key, version)
    return b"".join(map(encode_uvarint, head)) + encode_struct(message, version)


def decode_metadata_record(buf: Buffer) -> tuple[Any, int]:
    """The struct in the value of a record in `__cluster_metadata`, and its version.

    Raises:
        ProtocolError: a frame version or type that is not known, or damaged.
    """
    frame_version, pos = read_uvarint(buf, 0)
    if frame_version != _FRAME_VERSION:
        raise ProtocolError(f"__cluster_metadata has no frame version {frame_version}")
    record_type, pos = read_uvarint(buf, pos)
    version, pos = read_uvarint(buf, pos)
    cls = _METADATA.get(record_type)
    if cls is None:
        raise ProtocolError(f"__cluster_metadata has no record type {record_type}")
    return decode_struct_at(cls, version, buf, pos)[0], version


def _read_short(buf: Buffer) -> int:
    if len(buf) < 2:
        raise ProtocolError(f"a record of {len(buf)} bytes")
    number: int = _SHORT.unpack_from(buf)[0]
    return number


def _with_key(module: Any, names: Iterable[str], suffix: str) -> dict[int, type[Any]]:
    classes = [getattr(module, name) for name in names if name.endswith(suffix)]
    return {info_of(cls).key: cls for cls in classes if info_of(cls).key >= 0}


_GROWING = frozenset(
    {consumer_protocol.ConsumerProtocolSubscription, consumer_protocol.ConsumerProtocolAssignment}
)
_METADATA = _with_key(metadata_log, metadata_log.__all__, "Record")
_KEYS = {
    (topic, record_type): cls
    for topic, module in (
        ("__consumer_offsets", group_log),
        ("__transaction_state", transaction_log),
    )
    for record_type, cls in _with_key(module, module.__all__, "Key").items()
}
# Type 0 is the layout of type 1 as brokers before 0.8.3 wrote it.
_KEYS["__consumer_offsets", 0] = group_log.OffsetCommitKey
