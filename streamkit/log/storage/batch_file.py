"""The file of a segment as a sequence of record batches: walking over it, whole or by headers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from streamkit.errors import CorruptRecordError, caused_by
from streamkit.log.protocol import HEADER_BYTES, BatchHeader, check_crc, read_header
from streamkit.log.storage.files import OpenFiles, storage_errors

__all__ = ["BatchFile"]

_LENGTH = struct.Struct(">i")
_LENGTH_AT = 8
_LENGTH_COUNTS_FROM = 12
_HEADER_CHUNK = 16 * 1024
_DATA_CHUNK = 1024 * 1024


class BatchFile:
    """Record batches one behind the other.

    Args:
        path: the file.
        base_offset: no batch begins earlier.
        files: opens it.
        size: bytes in it.
    """

    __slots__ = ("_files", "base_offset", "path", "size")

    def __init__(self, path: str, base_offset: int, files: OpenFiles, size: int) -> None:
        self.path = path
        self.base_offset = base_offset
        self.size = size
        self._files = files

    def read_batch(self, position: int, header: BatchHeader) -> bytes:
        """The bytes of one batch."""
        return self._files.read(self.path, header.size, position)

    def headers(self, position: int) -> Iterator[tuple[int, BatchHeader]]:
        """Position and header of each batch from `position` on, where one begins.

        Raises:
            CorruptRecordError: no whole batch begins where one should.
        """
        chunk, chunk_at, size = b"", position, _HEADER_CHUNK
        while position < self.size:
            start = position - chunk_at
            if start + HEADER_BYTES > len(chunk):
                chunk, chunk_at, start = self.chunk(position, size), position, 0
            header = self.header_at(chunk, start, position, self.size)
            yield position, header
            position += header.size
            # Next to large batches there is no other header worth reading along.
            size = _HEADER_CHUNK if header.size < _HEADER_CHUNK else HEADER_BYTES

    def whole_batches(self, position: int) -> Iterator[tuple[int, BatchHeader, bytes]]:
        """As `headers`, with the bytes of each batch, whose checksum is right.

        Raises:
            CorruptRecordError: the batch at this place is torn or damaged.
        """
        chunk, chunk_at = b"", position
        while position < self.size:
            start = position - chunk_at
            if start + HEADER_BYTES > len(chunk):
                chunk, chunk_at, start = self.chunk(position, _DATA_CHUNK), position, 0
            header = self.header_at(chunk, start, position, self.size)
            if start + header.size > len(chunk):
                size = max(header.size, _DATA_CHUNK)
                chunk, chunk_at, start = self.chunk(position, size), position, 0
            data = chunk[start : start + header.size]
            if len(data) < header.size or not check_crc(data, 0, header):
                raise self.damaged(position, "its checksum is wrong")
            yield position, header, data
            position += header.size

    def verified(
        self, data: bytes | memoryview, position: int, offset: int, whole_from: int
    ) -> tuple[bytes | memoryview, int]:
        """The batches at the head of `data` whose checksums are right, and the offset after them.

        Args:
            data: read from `position`.
            position: where a batch begins.
            offset: the record that should be in the first one.
            whole_from: from this offset on none may be missing between batches.

        Raises:
            CorruptRecordError: the very first one is damaged, or isn't the one that it should be.
        """
        start, next_offset = 0, -1
        while start < len(data):
            try:
                header = self.header_at(data, start, position + start, position + len(data))
                if not check_crc(data, start, header):
                    raise self.damaged(position + start, "its checksum is wrong")
                if header.base_offset > offset >= whole_from:
                    raise self.missing(offset, header.base_offset)
            except CorruptRecordError:
                if start == 0:
                    raise
                break
            start += header.size
            next_offset = offset = header.next_offset
        return data[:start], next_offset

    def walk(self, data: bytes, start: int, position: int) -> tuple[int, int]:
        """The end of the last whole batch in `data`, and the offset after it; -1 if there is none."""
        previous = -1
        while start + HEADER_BYTES <= len(data):
            size = _LENGTH.unpack_from(data, start + _LENGTH_AT)[0] + _LENGTH_COUNTS_FROM
            if size < HEADER_BYTES and start == 0:
                raise self.damaged(position, "no batch begins there")
            # What comes before a damaged batch is good; the next read finds the damage.
            if size < HEADER_BYTES or start + size > len(data):
                break
            previous = start
            start += size
        return start, read_header(data, previous).next_offset if previous >= 0 else -1

    def modified_ms(self) -> int:
        """When the file was last written."""
        with storage_errors("stat", self.path):
            return Path(self.path).stat().st_mtime_ns // 1_000_000

    def chunk(self, position: int, size: int) -> bytes:
        """Up to `size` bytes at `position`."""
        return self._files.read(self.path, min(size, self.size - position), position)

    def header_at(
        self, data: bytes | memoryview, start: int, position: int, end: int
    ) -> BatchHeader:
        """The header at `start` of `data`, which was read from `position`; the batch ends by `end`.

        Raises:
            CorruptRecordError: no whole batch begins there.
        """
        if start + HEADER_BYTES > len(data):
            raise self.damaged(position, "its header is torn")
        try:
            header = read_header(data, start)
        except CorruptRecordError as error:
            raise caused_by(self.damaged(position, "no batch begins there"), error)  # noqa: B904
        if position + header.size > end:
            raise self.damaged(position, "it is torn")
        if header.base_offset < self.base_offset:
            raise self.damaged(position, "its offsets are wrong")
        return header

    def damaged(self, position: int, reason: str) -> CorruptRecordError:
        """The error that says where the file is damaged."""
        topic, partition = self.topic_partition
        return CorruptRecordError(
            f"topic {topic}, partition {partition}: the batch at byte {position} of segment "
            f"{self.path} is damaged: {reason}",
            path=self.path,
            topic_partition=(topic, partition),
            position=position,
        )

    def missing(self, offset: int, found: int) -> CorruptRecordError:
        """The error that says which records should be in the file, or in one behind it, and aren't."""
        topic, partition = self.topic_partition
        return CorruptRecordError(
            f"topic {topic}, partition {partition}: records {offset} to {found - 1} are missing in "
            f"segment {self.path}, or the segment that held them is",
            path=self.path,
            topic_partition=(topic, partition),
            position=self.size,
        )

    @property
    def topic_partition(self) -> tuple[str, int]:
        """Whose file it is, by the name of its folder."""
        topic, _, partition = Path(self.path).parent.name.rpartition("-")
        return topic, int(partition) if partition.isdigit() else -1
