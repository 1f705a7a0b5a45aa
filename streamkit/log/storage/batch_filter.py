"""Taking records out of a batch, as compaction does, without a change to those that stay.

A batch keeps its base offset, last offset, producer fields, codec and leader epoch, so the offsets and
sequences that it stands for stay known; the offsets of its records may have gaps. When a batch with
tombstones, or a transaction marker that is no longer needed, is compacted first, the time at which they may
go is written into it: the delete horizon takes the place of the base timestamp, attribute bit 6 says so.

A batch whose records are all gone may have to stay for its header: it is the last of its producer, or of
what was compacted.

Source: KIP-534; org.apache.kafka.common.record.MemoryRecords.filterTo.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Sequence

from streamkit.log.protocol import HEADER_BYTES, BatchHeader, RecordColumns, compress
from streamkit.log.protocol.crc import crc32c

__all__ = ["Kept", "delete_horizon_ms", "emptied", "with_records"]

Kept = tuple[RecordColumns, Sequence[int]]
"""Some records of a batch, and the indexes of those that stay."""

_DELETE_HORIZON = 0x40
_CODEC = 0x07
_HEAD = struct.Struct(">qiibI")
_CHECKED = struct.Struct(">hiqqqhii")
_LENGTH_COUNTS_FROM = 12
_MAGIC = 2
_NO_TIMESTAMP = -1


def delete_horizon_ms(header: BatchHeader) -> int:
    """From when on the batch's tombstones or marker may be removed; -1 when that isn't set yet."""
    return header.base_timestamp if header.attributes & _DELETE_HORIZON else -1


def with_records(
    header: BatchHeader, kept: Sequence[Kept], horizon_ms: int
) -> Generator[None, None, bytes]:
    """The batch with some of its records, a step for each part; compressed and put together at the end.

    Args:
        header: the batch's.
        kept: parts of its records, with the indexes of those that stay; at least one record in all.
        horizon_ms: the delete horizon; -1 for none.

    Returns:
        (as the generator's value) The batch.
    """
    attributes = header.attributes & ~_DELETE_HORIZON
    timestamps = [columns.timestamps[index] for columns, indexes in kept for index in indexes]
    base_timestamp = timestamps[0]
    if horizon_ms >= 0:
        attributes |= _DELETE_HORIZON
        base_timestamp = horizon_ms
    max_timestamp = header.max_timestamp if header.log_append_time else max(timestamps)
    body = bytearray()
    for columns, indexes in kept:
        for index in indexes:
            record = _record(header, columns, index, base_timestamp)
            body += _varint(len(record))
            body += record
        yield
    data = bytes(body)
    if attributes & _CODEC:
        data = compress(attributes & _CODEC, data)
    return _batch(header, attributes, base_timestamp, max_timestamp, len(timestamps), data)


def emptied(header: BatchHeader) -> bytes:
    """The batch without records: a header that keeps its offsets and its producer's state."""
    attributes = header.attributes & ~(_DELETE_HORIZON | _CODEC)
    return _batch(header, attributes, _NO_TIMESTAMP, header.max_timestamp, 0, b"")


def _batch(
    header: BatchHeader,
    attributes: int,
    base_timestamp: int,
    max_timestamp: int,
    count: int,
    records: bytes,
) -> bytes:
    checked = _CHECKED.pack(
        attributes,
        header.last_offset_delta,
        base_timestamp,
        max_timestamp,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        count,
    )
    head = _HEAD.pack(
        header.base_offset,
        HEADER_BYTES + len(records) - _LENGTH_COUNTS_FROM,
        header.partition_leader_epoch,
        _MAGIC,
        crc32c(records, crc32c(checked)),
    )
    return head + checked + records


def _record(header: BatchHeader, columns: RecordColumns, index: int, base_timestamp: int) -> bytes:
    record = bytearray(b"\0")
    record += _varint(columns.timestamps[index] - base_timestamp)
    record += _varint(columns.offsets[index] - header.base_offset)
    for field in (columns.keys[index], columns.values[index]):
        record += _sized(field)
    pairs = columns.headers[index] if columns.headers is not None else ()
    record += _varint(len(pairs))
    for name, value in pairs:
        record += _sized(name.encode())
        record += _sized(value)
    return bytes(record)


def _sized(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


def _varint(value: int) -> bytes:
    bits = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while bits > 127:
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)
