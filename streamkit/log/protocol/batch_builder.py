"""Record batches, built from arguments; transaction markers. `batch.py` has the layout.

Compiled; `bench/micro_batch.py` measures it.
"""

from __future__ import annotations

import struct
from typing import Final

from mypy_extensions import i64

from streamkit.errors import ProtocolError, caused_by
from streamkit.log.protocol.batch_header import (
    CONTROL,
    FRAME_BYTES,
    HEADER_BYTES,
    MAGIC,
    TRANSACTIONAL,
)
from streamkit.log.protocol.compression import MAX_BATCH_BYTES, compress
from streamkit.log.protocol.control_kind import ControlKind
from streamkit.log.protocol.crc import crc32c
from streamkit.model.records import Headers

__all__ = ["BatchBuilder", "control_batch"]

_FRAME: Final = struct.Struct(">qiibI")
_CHECKED: Final = struct.Struct(">hiqqqhii")  # the header's fields that the CRC covers
_CONTROL_KEY: Final = struct.Struct(">hh")
_CONTROL_VALUE: Final = struct.Struct(">hi")


def _encode_varint(value: int) -> bytes:
    """`value` as a zigzag varint; any 64-bit number."""
    if 0 <= value < _TABLE_SIZE:
        return _VARINTS[value]
    if 0 < value < _THREE_BYTES:
        # Offsets and times of a large batch: a loop over a bytearray would take three times as long.
        low: i64 = value << 1
        packed: int = low & 127 | 128 | (low >> 7 & 127 | 128) << 8 | low >> 14 << 16
        return packed.to_bytes(3, "little")
    bits = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while bits > 127:
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)


_TABLE_SIZE: Final = 8192  # the numbers of one and two bytes
_THREE_BYTES: Final = 1 << 20  # beyond the numbers of three bytes


def _varint_table() -> list[bytes]:
    one_byte = [bytes([value << 1]) for value in range(64)]
    return one_byte + [
        bytes([value << 1 & 127 | 128, value >> 6]) for value in range(64, _TABLE_SIZE)
    ]


_VARINTS: Final[list[bytes]] = _varint_table()
_NULL: Final = b"\x01"
_ZERO: Final = b"\x00"


class BatchBuilder:
    """Collects records and makes them a batch. Not thread-safe.

    The pieces of a record are put into a list, and joined once a batch: keys and values are not copied
    before, and an append is a few list appends (`bench/micro_batch.py`).

    Args:
        compression: how the batch is compressed.
        level: see `compress`.
        max_bytes: when `is_full` becomes true; a record that is larger by itself still fits.
    """

    __slots__ = (
        "_base_timestamp",
        "_compression",
        "_level",
        "_max_bytes",
        "_max_timestamp",
        "_parts",
        "count",
        "size",
    )

    def __init__(
        self,
        compression: int = 0,
        *,
        level: int | None = None,
        max_bytes: int = MAX_BATCH_BYTES,
    ) -> None:
        self._compression: int = int(compression)
        self._level = level
        self._max_bytes: i64 = max_bytes
        self._parts: list[bytes] = []
        self._base_timestamp: i64 = 0
        self._max_timestamp: i64 = 0
        self.count: i64 = 0
        self.size: i64 = HEADER_BYTES

    @property
    def is_full(self) -> bool:
        """The uncompressed size has reached `max_bytes`."""
        return self.size >= self._max_bytes

    @property
    def max_timestamp(self) -> int:
        """The greatest timestamp so far."""
        return self._max_timestamp

    def append(
        self, timestamp: i64, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> None:
        """Add a record; its offset is the number of records before it."""
        parts = self._parts
        count: i64 = self.count
        if count == 0:
            self._base_timestamp = timestamp
            self._max_timestamp = timestamp
        elif timestamp > self._max_timestamp:
            self._max_timestamp = timestamp
        delta: i64 = timestamp - self._base_timestamp
        time_part = _VARINTS[delta] if 0 <= delta < _TABLE_SIZE else _encode_varint(delta)
        offset_part = _VARINTS[count] if count < _TABLE_SIZE else _encode_varint(count)
        length: i64 = 2 + len(time_part) + len(offset_part)

        key_head = _NULL
        if key is not None:
            n: i64 = len(key)
            key_head = _VARINTS[n] if n < _TABLE_SIZE else _encode_varint(n)
            length += n
        value_head = _NULL
        if value is not None:
            m: i64 = len(value)
            value_head = _VARINTS[m] if m < _TABLE_SIZE else _encode_varint(m)
            length += m
        length += len(key_head) + len(value_head)

        tail = _ZERO
        if headers:
            tail = _encode_headers(headers)
            length += len(tail) - 1
        head = _VARINTS[length] if length < _TABLE_SIZE else _encode_varint(length)

        parts.append(head)
        parts.append(_ZERO)
        parts.append(time_part)
        parts.append(offset_part)
        parts.append(key_head)
        if key is not None:
            parts.append(key)
        parts.append(value_head)
        if value is not None:
            parts.append(value)
        parts.append(tail)
        self.count = count + 1
        self.size += length + len(head)

    def build(
        self,
        *,
        base_offset: int = 0,
        leader_epoch: int = -1,
        producer_id: int = -1,
        producer_epoch: int = -1,
        base_sequence: int = -1,
        transactional: bool = False,
        control: bool = False,
    ) -> bytes:
        """The batch; the builder keeps its records, so that a batch can be built again.

        Raises:
            ProtocolError: there is no record, or a number is out of its range.
        """
        if self.count == 0:
            raise ProtocolError("a record batch has at least one record")
        records = b"".join(self._parts)
        attributes = self._compression
        if attributes != 0:
            records = compress(attributes, records, self._level)
        if transactional:
            attributes |= TRANSACTIONAL
        if control:
            attributes |= CONTROL
        try:
            checked = _CHECKED.pack(
                attributes,
                self.count - 1,
                self._base_timestamp,
                self._max_timestamp,
                producer_id,
                producer_epoch,
                base_sequence,
                self.count,
            )
            head = _FRAME.pack(
                base_offset,
                HEADER_BYTES - FRAME_BYTES + len(records),
                leader_epoch,
                MAGIC,
                crc32c(records, crc32c(checked)),
            )
        except struct.error as e:
            raise caused_by(ProtocolError(f"record batch can't be built: {e}"), e)  # noqa: B904
        return head + checked + records

    def reset(self) -> None:
        """Forget all records, for the next batch."""
        self._parts = []
        self.count = 0
        self.size = HEADER_BYTES


def _encode_headers(headers: Headers) -> bytes:
    """Number of headers, then the pairs."""
    parts = [_encode_varint(len(headers))]
    for name, value in headers:
        raw = name.encode()
        parts.append(_encode_varint(len(raw)))
        parts.append(raw)
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_encode_varint(len(value)))
            parts.append(value)
    return b"".join(parts)


def control_batch(
    kind: ControlKind,
    *,
    producer_id: int,
    producer_epoch: int,
    timestamp: int,
    coordinator_epoch: int = 0,
    base_offset: int = 0,
    leader_epoch: int = -1,
) -> bytes:
    """The marker that ends a producer's transaction in one partition."""
    builder = BatchBuilder()
    builder.append(
        timestamp, _CONTROL_KEY.pack(0, int(kind)), _CONTROL_VALUE.pack(0, coordinator_epoch)
    )
    return builder.build(
        base_offset=base_offset,
        leader_epoch=leader_epoch,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        transactional=True,
        control=True,
    )
