"""From fetched bytes to records: which batches count, and what of them. On the calling thread.

Left out are control batches, records of aborted transactions, and records before the position (a broker
sends whole batches, so the first may begin earlier).
"""

from __future__ import annotations

from streamkit.errors import CorruptRecordError
from streamkit.log.client.fetch_state import Chunk
from streamkit.log.client.records import ConsumerRecord, FetchedBatch
from streamkit.log.protocol.batch import (
    BatchHeader,
    ControlKind,
    RecordColumns,
    check_crc,
    control_kind,
    decode_batch,
)
from streamkit.log.protocol.varint import Buffer
from streamkit.model import EMPTY_HEADERS

__all__ = ["split_batch", "take_batch", "to_records"]


def take_batch(chunk: Chunk, *, check_crcs: bool) -> FetchedBatch | None:
    """Decode the next batch of a chunk and move past it; None if nothing of it counts.

    Raises:
        CorruptRecordError: the batch is damaged; the chunk stays where it is.
    """
    pos, header = chunk.entries[chunk.next]
    tp = chunk.state.topic_partition
    if check_crcs and not check_crc(chunk.data, pos, header):
        raise CorruptRecordError(
            f"{tp}: the batch at offset {header.base_offset} has a wrong checksum; "
            f"to go on after it, seek to {header.next_offset}",
            topic_partition=tp,
        )
    columns: RecordColumns | None = None
    if header.is_control:
        if header.producer_id in chunk.aborting and _ends_aborted(chunk.data, pos, header):
            chunk.aborting.discard(header.producer_id)
    elif not _is_aborted(chunk, header):
        columns = decode_batch(chunk.data, pos, header)
    chunk.next += 1
    if columns is None:
        return None
    first = chunk.state.position
    if columns.offsets and columns.offsets[0] < first:
        columns = _from(columns, first)
    if not columns.offsets:
        return None
    return FetchedBatch(tp, columns, chunk.end, header.next_offset)


def split_batch(batch: FetchedBatch, count: int) -> tuple[FetchedBatch, FetchedBatch | None]:
    """The first `count` records, and the rest if there is one."""
    columns = batch.columns
    if len(columns) <= count:
        return batch, None
    tp, end = batch.topic_partition, batch.high_watermark
    first = FetchedBatch(tp, _cut(columns, 0, count), end, columns.offsets[count])
    rest = FetchedBatch(tp, _cut(columns, count, len(columns)), end, batch.next_offset)
    return first, rest


def to_records(batch: FetchedBatch) -> list[ConsumerRecord]:
    """The batch as one object a record."""
    topic, partition = batch.topic_partition
    c = batch.columns
    headers = [EMPTY_HEADERS] * len(c) if c.headers is None else c.headers
    return [
        ConsumerRecord(topic, partition, offset, timestamp, key, value, h)
        for offset, timestamp, key, value, h in zip(
            c.offsets, c.timestamps, c.keys, c.values, headers, strict=True
        )
    ]


def _is_aborted(chunk: Chunk, header: BatchHeader) -> bool:
    """Whether the batch belongs to an aborted transaction; keeps track of which have begun."""
    aborted = chunk.aborted
    while aborted and aborted[0][0] <= header.last_offset:
        chunk.aborting.add(aborted.pop(0)[1])
    return header.is_transactional and header.producer_id in chunk.aborting


def _ends_aborted(data: Buffer, pos: int, header: BatchHeader) -> bool:
    keys = decode_batch(data, pos, header).keys
    return bool(keys) and control_kind(keys[0]) is ControlKind.ABORT


def _from(columns: RecordColumns, offset: int) -> RecordColumns:
    """The records at or after an offset."""
    low = 0
    while low < len(columns) and columns.offsets[low] < offset:
        low += 1
    return _cut(columns, low, len(columns))


def _cut(columns: RecordColumns, low: int, high: int) -> RecordColumns:
    return RecordColumns(
        columns.base_offset,
        columns.offsets[low:high],
        columns.timestamps[low:high],
        columns.keys[low:high],
        columns.values[low:high],
        None if columns.headers is None else columns.headers[low:high],
    )
