"""Record batches for tests of the log, and a plain view of what a log holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from streamkit.log.protocol import (
    BatchBuilder,
    Compression,
    ControlKind,
    batches,
    check_crc,
    control_batch,
    control_kind,
    decode_batch,
)
from streamkit.log.storage import LogConfig, LogManager, PartitionLog
from streamkit.log.storage.files import OpenFiles


class OpenLog(Protocol):
    """The fixture that opens, or opens again, the log of `t-0`; without a recovery point cleanly."""

    def __call__(
        self,
        config: LogConfig | None = None,
        *,
        recovery_point: int | None = None,
        log_start_offset: int = 0,
        files: OpenFiles | None = None,
        now_ms: int = 0,
        seed: int = 0,
    ) -> PartitionLog: ...


class OpenManager(Protocol):
    """The fixture that opens a data folder; each call makes another manager of the same one."""

    def __call__(self, config: LogConfig | None = None, **options: int) -> LogManager: ...


class Row(NamedTuple):
    """One record of a log."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def batch(
    *values: bytes,
    timestamp: int = 1_000,
    timestamps: Sequence[int] = (),
    key: bytes | None = b"key",
    producer: tuple[int, int, int] = (-1, -1, -1),
    transactional: bool = False,
    compression: Compression = Compression.NONE,
) -> bytes:
    """A batch as a producer sends it: a record for each value.

    `producer` is producer id, epoch and first sequence.
    """
    builder = BatchBuilder(compression)
    for index, value in enumerate(values or (b"value",)):
        builder.append(timestamps[index] if timestamps else timestamp, key, value, ())
    producer_id, epoch, sequence = producer
    return builder.build(
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        transactional=transactional,
    )


def marker(
    kind: ControlKind,
    producer_id: int,
    epoch: int = 0,
    *,
    coordinator_epoch: int = 0,
    timestamp: int = 1_000,
) -> bytes:
    """The marker that ends a transaction."""
    return control_batch(
        kind,
        producer_id=producer_id,
        producer_epoch=epoch,
        coordinator_epoch=coordinator_epoch,
        timestamp=timestamp,
    )


def rows(data: bytes | memoryview) -> list[Row]:
    """The records in `data`, whole batches with right checksums; control records left out."""
    found: list[Row] = []
    end = 0
    for position, header in batches(data):
        assert position == end
        assert check_crc(data, position, header)
        end = position + header.size
        if header.is_control:
            continue
        columns = decode_batch(data, position, header)
        found.extend(map(Row, columns.offsets, columns.timestamps, columns.keys, columns.values))
    assert end == len(data)
    return found


def markers(data: bytes | memoryview) -> list[tuple[int, ControlKind | None]]:
    """Offset and kind of the control records in `data`."""
    return [
        (header.base_offset, control_kind(decode_batch(data, position, header).keys[0]))
        for position, header in batches(data)
        if header.is_control
    ]


def all_bytes(log: PartitionLog, max_bytes: int = 1_000_000) -> bytes:
    """Everything in the log, read as a consumer reads it."""
    parts, offset = [], log.log_start_offset
    while offset < log.end_offset:
        result = log.read(offset, max_bytes)
        assert result.next_offset > offset
        parts.append(result.data)
        offset = result.next_offset
    return b"".join(parts)


def all_rows(log: PartitionLog, max_bytes: int = 1_000_000) -> list[Row]:
    """Every record from the log's start on."""
    found = rows(all_bytes(log, max_bytes))
    return [row for row in found if row.offset >= log.log_start_offset]
