"""Records of a batch, decoded into columns. `batch.py` has the layout.

Compiled; `bench/micro_batch.py` measures it. Bytes from outside raise `CorruptRecordError` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mypy_extensions import i64

from streamkit.errors import CorruptRecordError, caused_by
from streamkit.log.protocol.batch_header import HEADER_BYTES, BatchHeader
from streamkit.log.protocol.compression import MAX_BATCH_BYTES, decompress
from streamkit.model.records import EMPTY_HEADERS, Headers

__all__ = ["RecordColumns", "decode_batch", "decode_in_parts"]

_LEAST_RECORD_BYTES: Final = 7
_MAX_NUMBER: Final = 1 << 62


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
    count = header.count
    data = _records_of(buf, pos, header, max_bytes)
    columns = RecordColumns(header.base_offset, [], [], [], [], None)
    used = _decoded(data, 0, count, header, pos, columns)
    if used != len(data):
        raise CorruptRecordError(f"{len(data) - used} bytes after the last record", position=pos)
    return columns


def decode_in_parts(
    buf: bytes | bytearray | memoryview,
    pos: int,
    header: BatchHeader,
    *,
    records: int,
    max_bytes: int = MAX_BATCH_BYTES,
) -> Iterator[RecordColumns]:
    """As `decode_batch`, some records at a time, for who has other things to do in between.

    Args:
        buf: holds the whole batch; not looked at again once the first part is there.
        pos: where it starts.
        header: from `read_header` or `batches`.
        records: of a part, but for the last; 1 or more.
        max_bytes: the most that the records may expand to.

    Raises:
        CorruptRecordError: as `decode_batch`, when the damaged part's turn comes.
    """
    data = _records_of(buf, pos, header, max_bytes)
    left = header.count
    used = 0
    while left > 0:
        count = min(left, records)
        columns = RecordColumns(header.base_offset, [], [], [], [], None)
        used = _decoded(data, used, count, header, pos, columns)
        left -= count
        yield columns
    if used != len(data):
        raise CorruptRecordError(f"{len(data) - used} bytes after the last record", position=pos)


def _records_of(
    buf: bytes | bytearray | memoryview, pos: int, header: BatchHeader, max_bytes: int
) -> bytes:
    """The records' bytes, uncompressed, of a header that may be right."""
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
    if not -_MAX_NUMBER < base_timestamp < _MAX_NUMBER:
        raise CorruptRecordError(f"base timestamp {base_timestamp} is out of range", position=pos)
    if not -_MAX_NUMBER < header.base_offset < _MAX_NUMBER:
        raise CorruptRecordError(f"base offset {header.base_offset} is out of range", position=pos)
    if header.count * _LEAST_RECORD_BYTES > len(data):
        raise CorruptRecordError(f"{header.count} records in {len(data)} bytes", position=pos)
    return data


def _decoded(
    data: bytes, start: int, count: int, header: BatchHeader, pos: int, columns: RecordColumns
) -> int:
    """Fill the columns with `count` records from `start` on; where they end."""
    try:
        used = _decode_records(data, start, count, header.base_timestamp, columns)
    except (IndexError, ValueError) as e:
        error = CorruptRecordError(f"damaged record in batch at {pos}: {e}", position=pos)
        raise caused_by(error, e)  # noqa: B904  `from` has no effect in compiled code
    if header.log_append_time:
        columns.timestamps = [header.max_timestamp] * count
    return used


def _decode_records(
    data: bytes, pos: i64, count: i64, base_timestamp: i64, columns: RecordColumns
) -> i64:
    """Fill the columns from `pos` on; where the records end. IndexError and ValueError tell of damage."""
    offsets = columns.offsets
    timestamps = columns.timestamps
    keys = columns.keys
    values = columns.values
    base_offset: i64 = columns.base_offset
    size: i64 = len(data)
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
                columns.headers.append(EMPTY_HEADERS)
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
        empty: list[Headers] = [EMPTY_HEADERS]
        columns.headers = empty * int(index)
    columns.headers.append(tuple(pairs))
    return pos
