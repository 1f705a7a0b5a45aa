"""Headers of record batches: read, checked, stamped by the broker. `batch.py` has the layout.

Compiled. Bytes from outside raise `CorruptRecordError` and nothing else.
"""

from __future__ import annotations

import struct
from typing import Final

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol.crc import crc32c

__all__ = [
    "CONTROL",
    "FRAME_BYTES",
    "HEADER_BYTES",
    "LOG_APPEND_TIME",
    "MAGIC",
    "TRANSACTIONAL",
    "BatchHeader",
    "batches",
    "check_crc",
    "read_header",
    "set_log_append_time",
    "stamp",
]

HEADER_BYTES: Final = 61
FRAME_BYTES: Final = 12  # base offset and length, which the length does not count
MAGIC: Final = 2
COMPRESSION_MASK: Final = 0x07
LOG_APPEND_TIME: Final = 0x08
TRANSACTIONAL: Final = 0x10
CONTROL: Final = 0x20

_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_LONG: Final = struct.Struct(">q")
_INT: Final = struct.Struct(">i")
_UINT: Final = struct.Struct(">I")
_SHORT: Final = struct.Struct(">h")


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
        return self.attributes & COMPRESSION_MASK

    @property
    def is_transactional(self) -> bool:
        """The records are visible once their transaction commits."""
        return self.attributes & TRANSACTIONAL != 0

    @property
    def is_control(self) -> bool:
        """The batch holds a marker of the log's own, not records of a user."""
        return self.attributes & CONTROL != 0

    @property
    def log_append_time(self) -> bool:
        """All records have the max timestamp, which the broker set."""
        return self.attributes & LOG_APPEND_TIME != 0

    @property
    def has_producer_id(self) -> bool:
        """Written by an idempotent or transactional producer."""
        return self.producer_id >= 0

    def __repr__(self) -> str:
        return (
            f"BatchHeader(base_offset={self.base_offset}, count={self.count}, size={self.size}, "
            f"attributes={self.attributes:#x}, producer_id={self.producer_id})"
        )


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
    if magic != MAGIC:
        raise CorruptRecordError(
            f"record batch of format {magic}; only format {MAGIC} is supported", position=pos
        )
    if length < HEADER_BYTES - FRAME_BYTES:
        raise CorruptRecordError(f"batch length {length} is less than its header", position=pos)
    if count < 0 or last_offset_delta < 0:
        raise CorruptRecordError(
            f"batch of {count} records up to offset delta {last_offset_delta}", position=pos
        )
    return BatchHeader(
        base_offset,
        length + FRAME_BYTES,
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
    while end - pos >= FRAME_BYTES:
        length: int = _INT.unpack_from(buf, pos + 8)[0]
        if length < HEADER_BYTES - FRAME_BYTES:
            raise CorruptRecordError(f"batch length {length} is less than its header", position=pos)
        if length > end - pos - FRAME_BYTES:
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
    _LONG.pack_into(buf, pos, base_offset)
    _INT.pack_into(buf, pos + 12, leader_epoch)


def set_log_append_time(buf: bytearray, pos: int, timestamp: int) -> None:
    """Give all records of the batch at `pos` the broker's time; the CRC is made anew."""
    header = read_header(buf, pos)
    _SHORT.pack_into(buf, pos + 21, header.attributes | LOG_APPEND_TIME)
    _LONG.pack_into(buf, pos + 35, timestamp)
    _UINT.pack_into(buf, pos + 17, crc32c(memoryview(buf)[pos + 21 : pos + header.size]))
