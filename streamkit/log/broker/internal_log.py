"""The broker's own records: made into a batch, and read back from the start of a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamkit.log.broker.services import InternalRecord
from streamkit.log.protocol.batch import BatchBuilder, batches, decode_batch
from streamkit.log.storage import PartitionLog

__all__ = ["InternalLog", "batch_of", "records_of"]

_READ_BYTES = 1 << 20


class InternalLog:
    """One partition of an internal topic; see `services.InternalRecords`."""

    __slots__ = ("_log", "partition")

    def __init__(self, partition: int, log: PartitionLog) -> None:
        self.partition = partition
        self._log = log

    def records(self) -> Iterator[InternalRecord]:
        return records_of(self._log)


def batch_of(records: Iterable[InternalRecord], now_ms: int) -> bytes:
    """One uncompressed batch with `records`."""
    builder = BatchBuilder()
    for key, value in records:
        builder.append(now_ms, key, value)
    return builder.build()


def records_of(log: PartitionLog) -> Iterator[InternalRecord]:
    """Key and value of every record of `log` in order, without control batches.

    Raises:
        CorruptRecordError: a batch is damaged.
    """
    offset = log.log_start_offset
    while offset < log.end_offset:
        data = log.read(offset, _READ_BYTES).data
        next_offset = offset
        for position, header in batches(data):
            next_offset = header.next_offset
            if not header.is_control:
                columns = decode_batch(data, position, header)
                yield from zip(columns.keys, columns.values, strict=True)
        if next_offset <= offset:
            return
        offset = next_offset
