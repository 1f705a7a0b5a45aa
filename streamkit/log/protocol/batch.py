"""Record batches of format 2: reading headers, stamping, decoding into columns, building.

| bytes | field | in the CRC |
| --- | --- | --- |
| 0-7 | base offset | no |
| 8-11 | length of what follows | no |
| 12-15 | partition leader epoch | no |
| 16 | magic, 2 | no |
| 17-20 | CRC-32C of what follows | |
| 21-22 | attributes: 0-2 compression, 3 log append time, 4 transactional, 5 control, 6 delete horizon | yes |
| 23-26 | last offset delta | yes |
| 27-34, 35-42 | base timestamp, max timestamp | yes |
| 43-50, 51-52, 53-56 | producer id, producer epoch, base sequence; -1 without | yes |
| 57-60 | number of records | yes |
| 61- | the records, compressed as a whole | yes |

A record: length, attributes (1 byte), timestamp delta, offset delta, key length and key, value length and value, number of
headers, then for each name length and name, value length and value. Numbers are zigzag varints, length -1 is null.

Compiled. Records are decoded into columns and encoded from arguments: no object a record. `bench/micro_batch.py`
measures both. Bytes from outside raise `CorruptRecordError` and nothing else.

Source: the protocol guide's "Record Batch"; KIP-98.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from crc32c import crc32c
from mypy_extensions import i64

from streamkit.errors import CorruptRecordError, ProtocolError, caused_by
from streamkit.log.protocol.compression import MAX_BATCH_BYTES, compress, decompress

__all__ = [
    "HEADER_BYTES",
    "BatchBuilder",
    "BatchHeader",
    "ControlKind",
    "RecordColumns",
    "batches",
    "check_crc",
    "control_batch",
    "control_kind",
    "decode_batch",
    "read_header",
    "set_log_append_time",
    "stamp",
]

Headers = tuple[tuple[str, bytes | None], ...]

HEADER_BYTES: Final = 61
_FRAME_BYTES: Final = 12  # base offset and length, which the length does not count
_LEAST_RECORD_BYTES: Final = 7
_MAGIC: Final = 2
_COMPRESSION_MASK: Final = 0x07
_LOG_APPEND_TIME: Final = 0x08
_TRANSACTIONAL: Final = 0x10
_CONTROL: Final = 0x20
_MAX_TIMESTAMP: Final = 1 << 62

_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_CHECKED: Final = struct.Struct(">hiqqqhii")  # the header's fields that the CRC covers
_STAMP_OFFSET: Final = struct.Struct(">q")
_INT: Final = struct.Struct(">i")
_UINT: Final = struct.Struct(">I")
_ATTRIBUTES: Final = struct.Struct(">h")
_CONTROL_KEY: Final = struct.Struct(">hh")
_CONTROL_VALUE: Final = struct.Struct(">hi")

_EMPTY_HEADERS: Final[Headers] = ()


class ControlKind(IntEnum):
    """What a control record says; the numbers are the protocol's."""

    ABORT = 0
    COMMIT = 1


class BatchHeader:
    """The header of a batch.

    Attributes:
        base_offset: offset of the first record that the batch was made with.
        size: of the whole batch in bytes, its header included.
        partition_leader_epoch, magic, crc, attributes, last_offset_delta, base_timestamp,
        max_timestamp, producer_id, producer_epoch, base_sequence: as on the wire.
        count: number of records.
    """

    __slots__ = (
        "attributes",
        "base_offset",
        "base_sequence",
        "base_timestamp",
        "count",
        "crc",
        "last_offset_delta",
        "magic",
        "max_timestamp",
        "partition_leader_epoch",
        "producer_epoch",
        "producer_id",
        "size",
    )

    def __init__(
        self,
        base_offset: int,
        size: int,
        partition_leader_epoch: int,
        magic: int,
        crc: int,
        attributes: int,
        last_offset_delta: int,
        base_timestamp: int,
        max_timestamp: int,
        producer_id: int,
        producer_epoch: int,
        base_sequence: int,
        count: int,
    ) -> None:
        self.base_offset = base_offset
        self.size = size
        self.partition_leader_epoch = partition_leader_epoch
        self.magic = magic
        self.crc = crc
        self.attributes = attributes
        self.last_offset_delta = last_offset_delta
        self.base_timestamp = base_timestamp
        self.max_timestamp = max_timestamp
        self.producer_id = producer_id
        self.producer_epoch = producer_epoch
        self.base_sequence = base_sequence
        self.count = count

    @property
    def last_offset(self) -> int:
        """Offset of the last record that the batch was made with; compaction may have removed it."""
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        """The offset after this batch."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record; it wraps to 0 after 2^31 - 1; -1 without a producer id."""
        if self.base_sequence < 0:
            return -1
        return (self.base_sequence + self.last_offset_delta) & 0x7FFFFFFF

    @property
    def compression(self) -> int:
        """The number of a `Compression`, or one that doesn't exist."""
        return self.attributes & _COMPRESSION_MASK

    @property
    def is_transactional(self) -> bool:
        """The records are visible once their transaction commits."""
        return self.attributes & _TRANSACTIONAL != 0

    @property
    def is_control(self) -> bool:
        """The batch holds a marker of the log's own, not records of a user."""
        return self.attributes & _CONTROL != 0

    @property
    def log_append_time(self) -> bool:
        """All records have the max timestamp, which the broker set."""
        return self.attributes & _LOG_APPEND_TIME != 0

    @property
    def has_producer_id(self) -> bool:
        """Written by an idempotent or transactional producer."""
        return self.producer_id >= 0

    def __repr__(self) -> str:
        return (
            f"BatchHeader(base_offset={self.base_offset}, count={self.count}, size={self.size}, "
            f"attributes={self.attributes:#x}, producer_id={self.producer_id})"
        )


class RecordColumns:
    """The records of one batch, a list a column, all of one length.

    Attributes:
        base_offset: of the batch; the first record's unless compaction removed it.
        offsets, timestamps: ints.
        keys, values: bytes or None.
        headers: a tuple of (name, value) pairs a record; None when no record has any.
    """

    __slots__ = ("base_offset", "headers", "keys", "offsets", "timestamps", "values")

    def __init__(
        self,
        base_offset: int,
        offsets: list[int],
        timestamps: list[int],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[Headers] | None,
    ) -> None:
        self.base_offset = base_offset
        self.offsets = offsets
        self.timestamps = timestamps
        self.keys = keys
        self.values = values
        self.headers = headers

    def __len__(self) -> int:
        return len(self.offsets)


# --- headers --------------------------------------------------------------------------------------


def read_header(buf: bytes | bytearray | memoryview, pos: int = 0) -> BatchHeader:
    """The header of the batch at `pos`; the CRC is not checked, the records need not be there.

    Raises:
        CorruptRecordError: fewer bytes than a header, another magic than 2, or a size that can't be.
    """
    if pos < 0 or len(buf) - pos < HEADER_BYTES:
        raise CorruptRecordError(
            f"{len(buf) - pos} bytes left, a batch header has {HEADER_BYTES}", position=pos
        )
    (
        base_offset,
        length,
        leader_epoch,
        magic,
        crc,
        attributes,
        last_offset_delta,
        base_timestamp,
        max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        count,
    ) = _HEADER.unpack_from(buf, pos)
    if magic != _MAGIC:
        raise CorruptRecordError(
            f"record batch of format {magic}; only format {_MAGIC} is supported", position=pos
        )
    if length < HEADER_BYTES - _FRAME_BYTES:
        raise CorruptRecordError(f"batch length {length} is less than its header", position=pos)
    if count < 0 or last_offset_delta < 0:
        raise CorruptRecordError(
            f"batch of {count} records up to offset delta {last_offset_delta}", position=pos
        )
    return BatchHeader(
        base_offset,
        length + _FRAME_BYTES,
        leader_epoch,
        magic,
        crc,
        attributes,
        last_offset_delta,
        base_timestamp,
        max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        count,
    )


def batches(buf: bytes | bytearray | memoryview, pos: int = 0) -> list[tuple[int, BatchHeader]]:
    """Position and header of every whole batch from `pos` on; a last one that is cut off is left out.

    Raises:
        CorruptRecordError: bytes that are no batch.
    """
    found: list[tuple[int, BatchHeader]] = []
    end = len(buf)
    while end - pos >= _FRAME_BYTES:
        length: int = _INT.unpack_from(buf, pos + 8)[0]
        if length < HEADER_BYTES - _FRAME_BYTES:
            raise CorruptRecordError(f"batch length {length} is less than its header", position=pos)
        if length > end - pos - _FRAME_BYTES:
            break
        header = read_header(buf, pos)
        found.append((pos, header))
        pos += header.size
    return found


def check_crc(buf: bytes | bytearray | memoryview, pos: int, header: BatchHeader) -> bool:
    """Whether the batch at `pos` is whole and its checksum is right."""
    if len(buf) - pos < header.size:
        return False
    return bool(crc32c(memoryview(buf)[pos + 21 : pos + header.size]) == header.crc)


def stamp(buf: bytearray, pos: int, *, base_offset: int, leader_epoch: int) -> None:
    """Set the fields that the broker assigns and the CRC does not cover."""
    _STAMP_OFFSET.pack_into(buf, pos, base_offset)
    _INT.pack_into(buf, pos + 12, leader_epoch)


def set_log_append_time(buf: bytearray, pos: int, timestamp: int) -> None:
    """Give all records of the batch at `pos` the broker's time; the CRC is made anew."""
    header = read_header(buf, pos)
    _ATTRIBUTES.pack_into(buf, pos + 21, header.attributes | _LOG_APPEND_TIME)
    _STAMP_OFFSET.pack_into(buf, pos + 35, timestamp)
    _UINT.pack_into(buf, pos + 17, crc32c(memoryview(buf)[pos + 21 : pos + header.size]))


# --- decoding -------------------------------------------------------------------------------------


def decode_batch(
    buf: bytes | bytearray | memoryview,
    pos: int,
    header: BatchHeader,
    *,
    max_bytes: int = MAX_BATCH_BYTES,
) -> RecordColumns:
    """The records of the batch at `pos`, whose header was read; keys and values are copies.

    Args:
        buf: holds the whole batch.
        pos: where it starts.
        header: from `read_header` or `batches`.
        max_bytes: the most that the records may expand to.

    Raises:
        CorruptRecordError: cut off, or damaged within; the CRC is left to `check_crc`.
    """
    end = pos + header.size
    if end > len(buf):
        raise CorruptRecordError(
            f"batch of {header.size} bytes, {len(buf) - pos} there", position=pos
        )
    kind = header.compression
    if kind != 0:
        data = decompress(kind, memoryview(buf)[pos + HEADER_BYTES : end], max_bytes=max_bytes)
    else:
        data = bytes(buf[pos + HEADER_BYTES : end])
    base_timestamp = header.base_timestamp
    if not -_MAX_TIMESTAMP < base_timestamp < _MAX_TIMESTAMP:
        raise CorruptRecordError(f"base timestamp {base_timestamp} is out of range", position=pos)
    if not -_MAX_TIMESTAMP < header.base_offset < _MAX_TIMESTAMP:
        raise CorruptRecordError(f"base offset {header.base_offset} is out of range", position=pos)
    count = header.count
    if count * _LEAST_RECORD_BYTES > len(data):
        raise CorruptRecordError(f"{count} records in {len(data)} bytes", position=pos)
    columns = RecordColumns(header.base_offset, [], [], [], [], None)
    try:
        used = _decode_records(data, count, base_timestamp, columns)
    except (IndexError, ValueError) as e:
        error = CorruptRecordError(f"damaged record in batch at {pos}: {e}", position=pos)
        raise caused_by(error, e)  # noqa: B904  `from` has no effect in compiled code
    if used != len(data):
        raise CorruptRecordError(f"{len(data) - used} bytes after the last record", position=pos)
    if header.attributes & _LOG_APPEND_TIME:
        columns.timestamps = [header.max_timestamp] * count
    return columns


def _decode_records(data: bytes, count: i64, base_timestamp: i64, columns: RecordColumns) -> i64:
    """Fill the columns; the number of bytes read. IndexError and ValueError tell of damage."""
    offsets = columns.offsets
    timestamps = columns.timestamps
    keys = columns.keys
    values = columns.values
    base_offset: i64 = columns.base_offset
    size: i64 = len(data)
    pos: i64 = 0
    index: i64 = 0
    n: i64 = 0
    b: i64 = 0
    end: i64 = 0
    while index < count:
        # Each varint: one byte and two bytes inline, more by a call.
        n = data[pos]
        pos += 1
        if n >= 128:
            b = data[pos]
            pos += 1
            n = (n & 127) | (b << 7)
            if b >= 128:
                n, pos = _varint_tail(data, pos, n & 16383)
        n = (n >> 1) ^ -(n & 1)
        end = pos + n
        if n < 0 or end > size:
            raise ValueError(f"record of {n} bytes, {size - pos} left")
        pos += 1  # attributes: none are defined

        n = data[pos]
        pos += 1
        if n >= 128:
            b = data[pos]
            pos += 1
            n = (n & 127) | (b << 7)
            if b >= 128:
                n, pos = _varint_tail(data, pos, n & 16383)
        timestamps.append(base_timestamp + ((n >> 1) ^ -(n & 1)))

        n = data[pos]
        pos += 1
        if n >= 128:
            b = data[pos]
            pos += 1
            n = (n & 127) | (b << 7)
            if b >= 128:
                n, pos = _varint_tail(data, pos, n & 16383)
        offsets.append(base_offset + ((n >> 1) ^ -(n & 1)))

        n = data[pos]
        pos += 1
        if n >= 128:
            b = data[pos]
            pos += 1
            n = (n & 127) | (b << 7)
            if b >= 128:
                n, pos = _varint_tail(data, pos, n & 16383)
        n = (n >> 1) ^ -(n & 1)
        if n == -1:
            keys.append(None)
        else:
            if n < 0 or n > end - pos:
                raise ValueError(f"key of {n} bytes, {end - pos} left in the record")
            keys.append(data[pos : pos + n])
            pos += n

        n = data[pos]
        pos += 1
        if n >= 128:
            b = data[pos]
            pos += 1
            n = (n & 127) | (b << 7)
            if b >= 128:
                n, pos = _varint_tail(data, pos, n & 16383)
        n = (n >> 1) ^ -(n & 1)
        if n == -1:
            values.append(None)
        else:
            if n < 0 or n > end - pos:
                raise ValueError(f"value of {n} bytes, {end - pos} left in the record")
            values.append(data[pos : pos + n])
            pos += n

        if data[pos] == 0:
            pos += 1
            if columns.headers is not None:
                columns.headers.append(_EMPTY_HEADERS)
        else:
            pos = _decode_headers(data, pos, end, index, columns)
        if pos != end:
            raise ValueError(f"record {index} ends {pos - end} bytes off its length")
        index += 1
    return pos


def _varint_tail(data: bytes, pos: i64, value: i64) -> tuple[i64, i64]:
    """The rest of a varint after 14 bits; at most 63 bits in all, so that no sum overflows."""
    shift: i64 = 14
    while shift < 63:
        b: i64 = data[pos]
        pos += 1
        value |= (b & 127) << shift
        if b < 128:
            return value, pos
        shift += 7
    raise ValueError(f"varint of more than 63 bits ends at {pos}")


def _read_varint(data: bytes, pos: i64) -> tuple[i64, i64]:
    """The zigzag varint at `pos`, and the position after it."""
    n: i64 = data[pos]
    pos += 1
    if n >= 128:
        b: i64 = data[pos]
        pos += 1
        n = (n & 127) | (b << 7)
        if b >= 128:
            n, pos = _varint_tail(data, pos, n & 16383)
    return (n >> 1) ^ -(n & 1), pos


def _decode_headers(data: bytes, pos: i64, end: i64, index: i64, columns: RecordColumns) -> i64:
    """Append the headers of record `index`; the position after them."""
    count: i64 = 0
    n: i64 = 0
    count, pos = _read_varint(data, pos)
    if count < 0 or count * 2 > end - pos:
        raise ValueError(f"{count} headers, {end - pos} bytes left in the record")
    pairs: list[tuple[str, bytes | None]] = []
    while count > 0:
        n, pos = _read_varint(data, pos)
        if n < 0 or n > end - pos:
            raise ValueError(f"header name of {n} bytes, {end - pos} left in the record")
        name = data[pos : pos + n].decode()
        pos += n
        n, pos = _read_varint(data, pos)
        if n == -1:
            pairs.append((name, None))
        else:
            if n < 0 or n > end - pos:
                raise ValueError(f"header of {n} bytes, {end - pos} left in the record")
            pairs.append((name, data[pos : pos + n]))
            pos += n
        count -= 1
    if columns.headers is None:
        empty: list[Headers] = [_EMPTY_HEADERS]
        columns.headers = empty * int(index)
    columns.headers.append(tuple(pairs))
    return pos


# --- encoding -------------------------------------------------------------------------------------


def _encode_varint(value: int) -> bytes:
    """`value` as a zigzag varint; any 64-bit number."""
    if 0 <= value < _TABLE_SIZE:
        return _VARINTS[value]
    bits = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while bits > 127:
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)


_TABLE_SIZE: Final = 8192  # the numbers of one and two bytes


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

    The pieces of a record are put into a list and joined once a batch: measured faster than writing
    into a bytearray piece by piece (`bench/micro_batch.py`).

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
            attributes |= _TRANSACTIONAL
        if control:
            attributes |= _CONTROL
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
            head = struct.pack(
                ">qiibI",
                base_offset,
                HEADER_BYTES - _FRAME_BYTES + len(records),
                leader_epoch,
                _MAGIC,
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


# --- control batches ------------------------------------------------------------------------------


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


def control_kind(key: bytes | None) -> ControlKind | None:
    """What a control record with this key says; None for kinds that don't end a transaction.

    Raises:
        CorruptRecordError: a key too short.
    """
    if key is None or len(key) < 4:
        raise CorruptRecordError("control record without a type")
    number: int = _CONTROL_KEY.unpack_from(key)[1]
    if number == 0:
        return ControlKind.ABORT
    return ControlKind.COMMIT if number == 1 else None
