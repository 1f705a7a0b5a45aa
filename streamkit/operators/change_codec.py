"""Changes of a table as bytes, on the repartition topic between a table and its aggregation.

| last byte | before it |
| --- | --- |
| 0 | old value |
| 1 | new value |
| 2 | length of the new value (zigzag varint), new value, old value |
| 3, 4, 5 | as 0, 1, 2, then one byte: 1 for the latest version, 0 for an out-of-order one |

Written are 0, 1 and 2; all are read. Source: ChangedSerializer, ChangedDeserializer.
"""

from __future__ import annotations

from typing import Any

from streamkit.errors import SerdeError
from streamkit.model.change import Change

__all__ = ["decode_change", "encode_change"]


def encode_change(serde: Any, topic: str, value: object) -> bytes:
    """`value`, a `Change` with at least one side set; `serde` None: both are bytes.

    Raises:
        SerdeError: both sides are None, or the serde can't write one.
    """
    assert isinstance(value, Change)
    new = _encode(serde, topic, value.new)
    old = _encode(serde, topic, value.old)
    if new is not None and old is not None:
        return _varint(len(new)) + new + old + b"\x02"
    if new is not None:
        return new + b"\x01"
    if old is not None:
        return old + b"\x00"
    raise SerdeError(
        "a change without old and new value can't be written", serde="change", topic=topic
    )


def decode_change(serde: Any, topic: str, data: bytes) -> Change:
    """The change that `data` stands for.

    Raises:
        SerdeError: an unknown last byte, lengths that lie, or the serde can't read a side.
    """
    flag = data[-1] if data else -1
    if flag < 0 or flag > 5:
        raise _unreadable(topic, f"ends in byte {flag}")
    end = len(data) - 1
    is_latest = True
    if flag >= 3:
        if end < 1 or data[end - 1] > 1:
            raise _unreadable(topic, "has no valid mark for the latest version")
        end -= 1
        is_latest = data[end] == 1
        flag -= 3
    if flag == 0:
        return Change(_decode(serde, topic, data[:end]), None, is_latest)
    if flag == 1:
        return Change(None, _decode(serde, topic, data[:end]), is_latest)
    length, start = _read_varint(topic, data, end)
    if length < 0 or start + length > end:
        raise _unreadable(topic, f"says that its new value has {length} bytes")
    middle = start + length
    return Change(
        _decode(serde, topic, data[middle:end]),
        _decode(serde, topic, data[start:middle]),
        is_latest,
    )


def _encode(serde: Any, topic: str, value: object) -> bytes | None:
    if value is None:
        return None
    if serde is None:
        assert isinstance(value, bytes)
        return value
    data: bytes = serde.serialize(topic, value)
    return data


def _decode(serde: Any, topic: str, data: bytes) -> object:
    return data if serde is None else serde.deserialize(topic, data)


def _varint(number: int) -> bytes:
    rest = number << 1
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _read_varint(topic: str, data: bytes, end: int) -> tuple[int, int]:
    number = 0
    for index in range(min(end, 5)):
        byte = data[index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), index + 1
    raise _unreadable(topic, "has a broken length")


def _unreadable(topic: str, why: str) -> SerdeError:
    return SerdeError(f"a table change in topic {topic!r} {why}", serde="change", topic=topic)
