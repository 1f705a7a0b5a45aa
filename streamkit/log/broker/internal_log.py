"""The broker's own records: made into a batch, and read back from the start of a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamkit.log.broker.services import InternalBatch, InternalRecord
from streamkit.log.protocol import ControlKind, control_kind
from streamkit.log.protocol.batch import BatchBuilder, BatchHeader, batches, decode_batch
from streamkit.log.storage import PartitionLog

__all__ = ["InternalLog", "batch_of", "check_records", "records_of"]

_READ_BYTES = 1 << 20


class InternalLog:
    """One partition of an internal topic; see `services.InternalRecords`."""

    __slots__ = ("_log", "partition")

    def __init__(self, partition: int, log: PartitionLog) -> None:
        self.partition = partition
        self._log = log

    def records(self) -> Iterator[InternalRecord]:
        return records_of(self._log)

    def batches(self) -> Iterator[InternalBatch]:
        for data, position, header in _batches_of(self._log):
            columns = decode_batch(data, position, header)
            if not header.is_control:
                producer_id = header.producer_id if header.is_transactional else -1
                yield InternalBatch(
                    producer_id, None, list(zip(columns.keys, columns.values, strict=True))
                )
            # Compaction leaves of the last marker of a producer nothing but its header.
            elif columns.keys and (kind := control_kind(columns.keys[0])) is not None:
                yield InternalBatch(header.producer_id, kind is ControlKind.COMMIT, ())


def batch_of(
    records: Iterable[InternalRecord], now_ms: int, producer: tuple[int, int] | None = None
) -> bytes:
    """One uncompressed batch with `records`; with a producer's id and epoch, of its transaction."""
    builder = BatchBuilder()
    for key, value in records:
        builder.append(now_ms, key, value)
    if producer is None:
        return builder.build()
    producer_id, epoch = producer
    return builder.build(producer_id=producer_id, producer_epoch=epoch, transactional=True)


def check_records(log: PartitionLog) -> None:
    """Read all batches of `log` up to its end, and check their checksums.

    Raises:
        CorruptRecordError: a batch is damaged.
        LogStorageError: the disk refused.
    """
    offset, following = -1, log.log_start_offset
    # The last records may be compacted away, and those behind them cut off with damage.
    while offset < following < log.end_offset:
        offset, following = following, log.read(following, _READ_BYTES).next_offset


def records_of(log: PartitionLog) -> Iterator[InternalRecord]:
    """Key and value of every record of `log` in order, without control batches.

    Raises:
        CorruptRecordError: a batch is damaged.
    """
    for data, position, header in _batches_of(log):
        if not header.is_control:
            columns = decode_batch(data, position, header)
            yield from zip(columns.keys, columns.values, strict=True)


def _batches_of(log: PartitionLog) -> Iterator[tuple[bytes, int, BatchHeader]]:
    """Every batch of `log`: the bytes it is in, its position there, its header."""
    offset = log.log_start_offset
    while offset < log.end_offset:
        data = bytes(log.read(offset, _READ_BYTES).data)
        next_offset = offset
        for position, header in batches(data):
            next_offset = header.next_offset
            yield data, position, header
        if next_offset <= offset:
            return
        offset = next_offset
