"""One segment of a partition's log: a file of record batches and its indexes.

The file's name is the base offset: no batch in it begins earlier. Batches follow each other without a
gap in bytes; offsets grow, and may leave gaps after compaction. Only the last segment of a log, the
active one, is appended to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import HEADER_BYTES, BatchHeader, read_header
from streamkit.log.storage.batch_file import BatchFile
from streamkit.log.storage.errors import LogStorageError
from streamkit.log.storage.files import OpenFiles
from streamkit.log.storage.index import OffsetIndex, TimeIndex
from streamkit.log.storage.transaction_index import TransactionIndex

__all__ = ["Segment"]

LOG_SUFFIX = ".log"
INDEX_SUFFIX = ".index"
TIME_INDEX_SUFFIX = ".timeindex"
TXN_INDEX_SUFFIX = ".txnindex"
DELETED_SUFFIX = ".deleted"

_MAX_RELATIVE_OFFSET = 2**31 - 1
_MAX_SIZE = 2**31 - 1
_INDEX_WRITE_BEHIND = 256


class Segment(BatchFile):
    """One segment.

    Args:
        folder: the partition's.
        base_offset: gives the files their name.
        files: opens them.
        index_interval_bytes: bytes of log between two index entries.
        size: bytes that are in the file already.
        created_ms: when it was begun; rolling by time counts from here when its first batch
            has no timestamp.
        suffix: behind the names of all its files, while it isn't part of the log.

    Attributes:
        size: bytes in the file.
        first_timestamp: largest timestamp of the first batch, or None before it.
        appended_from: from which position on the bytes were written by this process.
    """

    __slots__ = (
        "_cut_to", "_indexed", "_interval", "_max_timestamp", "_max_timestamp_offset",
        "_since_index", "appended_from", "created_ms", "first_timestamp", "offset_index",
        "time_index", "txn_index",
    )  # fmt: skip

    def __init__(
        self,
        folder: Path,
        base_offset: int,
        files: OpenFiles,
        *,
        index_interval_bytes: int,
        size: int,
        created_ms: int,
        suffix: str = "",
    ) -> None:
        stem = f"{folder}/{base_offset:020d}"
        super().__init__(stem + LOG_SUFFIX + suffix, base_offset, files, size)
        self.created_ms = created_ms
        self.first_timestamp: int | None = None
        self.appended_from = size
        self.offset_index = OffsetIndex(stem + INDEX_SUFFIX + suffix, base_offset, files)
        self.time_index = TimeIndex(stem + TIME_INDEX_SUFFIX + suffix, base_offset, files)
        self.txn_index = TransactionIndex(stem + TXN_INDEX_SUFFIX + suffix, files)
        self._interval = index_interval_bytes
        self._since_index = 0
        self._indexed = False
        self._max_timestamp = -1
        self._max_timestamp_offset = base_offset
        self._cut_to: int | None = None

    # ------------------------------------------------------------------ writing

    def create(self) -> None:
        """Make the files of a new, empty segment."""
        self._files.create(self.path)
        self.offset_index.reset()
        self.time_index.reset()
        self._indexed = True

    def append(self, data: bytes | bytearray, batches: list[tuple[int, BatchHeader]]) -> int:
        """Write whole batches at the end.

        Args:
            data: the batches, with their final offsets.
            batches: position in `data` and header of each.

        Returns:
            The position in the file of the first one.

        Raises:
            LogStorageError: the disk refused; the segment is as it was.
        """
        position = self.size
        self.repair()
        try:
            self._files.write(self.path, data, position)
        except LogStorageError:
            self._cut_to = position
            with contextlib.suppress(LogStorageError):
                self.repair()
            raise
        self.size = position + len(data)
        for start, header in batches:
            self._note(position + start, header)
        return position

    def repair(self) -> None:
        """Cut off what an append left that failed half-way.

        Raises:
            LogStorageError: the disk refuses that too; the next append tries it again.
        """
        if self._cut_to is not None:
            self._files.truncate(self.path, self._cut_to)
            self._cut_to = None

    def is_full(self, more_bytes: int, last_offset: int, limit: int, index_limit: int) -> bool:
        """Whether a batch of `more_bytes` that ends with `last_offset` needs a new segment."""
        self._load_indexes()
        # The last place in the time index is kept for the entry made when the segment closes.
        return self.size > 0 and (
            self.size > min(limit, _MAX_SIZE) - more_bytes
            or last_offset - self.base_offset > _MAX_RELATIVE_OFFSET
            or self.offset_index.size_bytes + 8 > index_limit
            or self.time_index.size_bytes + 24 > index_limit
        )

    def age_ms(self, now_ms: int, timestamp: int) -> int:
        """How long the segment has been filled: in record time, or by the clock without it."""
        if self.first_timestamp is not None and self.first_timestamp >= 0:
            return timestamp - self.first_timestamp
        return now_ms - self.created_ms

    def settle(self) -> None:
        """Write all index entries, the largest timestamp among them: the segment is complete."""
        self._load_indexes()
        if self.size:
            self.time_index.append(self._max_timestamp, self._max_timestamp_offset)
        self.repair()
        self.offset_index.settle()
        self.time_index.settle()
        self.txn_index.save()

    def files_to_sync(self) -> list[str]:
        """Write all index entries; the paths of the files that make the segment durable."""
        if self._indexed:
            self.settle()
        paths = [self.path, self.offset_index.path, self.time_index.path]
        if self.txn_index.save():
            paths.append(self.txn_index.path)
        return paths

    def truncate_to(self, offset: int) -> int:
        """Cut off the batch that holds `offset` and all behind it; the offset where the log ends now.

        That is less than `offset` when the batch begins earlier.
        """
        found = self.find(offset)
        if found is None:
            return offset
        end = min(offset, found[1].base_offset)
        self.cut(found[0], end)
        return end

    def cut(self, position: int, offset: int) -> None:
        """Cut the segment at `position`, where the batch with `offset` begins."""
        self._load_indexes()
        self._files.truncate(self.path, position)
        self.size = position
        self.appended_from = min(self.appended_from, position)
        self.offset_index.truncate_to_position(position)
        self.time_index.truncate_to(offset)
        self.txn_index.truncate_to(offset)
        self._max_timestamp, self._max_timestamp_offset = self.time_index.last()
        last = self.offset_index.last_position()
        for _, header in self.headers(last):
            self._note_timestamp(header)
        self._since_index = position - last
        if position == 0:
            self.first_timestamp = None

    def delete(self) -> None:
        """Delete the files."""
        for path in self._unload():
            self._files.remove(path)

    def mark_deleted(self) -> list[str]:
        """Rename the files, so that they are never opened as a segment again.

        Returns:
            The new paths, to be removed later.
        """
        renamed = []
        for path in self._unload():
            self._files.rename(path, path + DELETED_SUFFIX)
            renamed.append(path + DELETED_SUFFIX)
        return renamed

    def change_suffix(self, old: str, new: str) -> None:
        """Give all files names with another suffix; the batches' file last.

        Whoever finds that file under its new name knows that the indexes have theirs.
        """
        for part in (self.txn_index, self.time_index, self.offset_index, self):
            path = part.path.removesuffix(old) + new if old else part.path + new
            self._files.rename(part.path, path)
            part.path = path

    def release(self) -> None:
        """Close the files, without writing anything."""
        for path in self._unload():
            self._files.close(path)

    def _unload(self) -> list[str]:
        self._files.forget(self.offset_index)
        self._files.forget(self.time_index)
        indexes = (self.txn_index.path, self.time_index.path, self.offset_index.path)
        return [*indexes, self.path]

    # ------------------------------------------------------------------ reading

    def find(self, offset: int, from_position: int = 0) -> tuple[int, BatchHeader] | None:
        """The first batch whose last offset is `offset` or later, with its position."""
        self._load_indexes()
        known_offset, position = self.offset_index.lookup(offset)
        start = max(position, from_position)
        try:
            first = True
            for at, header in self.headers(start):
                if first and position and at == position and header.last_offset != known_offset:
                    break
                first = False
                if header.last_offset >= offset:
                    return at, header
            else:
                return None
        except CorruptRecordError:
            if not position:
                raise
        # The index points at something that isn't its batch: it is wrong, or the batch is, and then
        # the index stays.
        for _ in self.headers(0):
            pass
        self.rebuild_indexes()
        return next(self._from_offset(offset, 0), None)

    def find_timestamp(self, timestamp: int) -> Iterator[tuple[int, BatchHeader]]:
        """Batches, in order, among which is the first record at or after `timestamp`."""
        self._load_indexes()
        _, offset = self.time_index.lookup(timestamp)
        _, position = self.offset_index.lookup(offset)
        for at, header in self.headers(position):
            if header.max_timestamp >= timestamp:
                yield at, header

    def read(self, position: int, max_bytes: int, end: int) -> tuple[bytes | memoryview, int]:
        """Whole batches from `position`, where one begins: the first, and more up to `max_bytes`.

        Args:
            position: where a batch begins.
            max_bytes: bytes returned at most, unless the first batch is larger.
            end: where a batch begins that isn't wanted any more, or the segment's size.

        Returns:
            The batches, and the offset after the last one; -1 when they reach `end`.

        Raises:
            CorruptRecordError: no batch begins where one should.
        """
        if end - position <= max_bytes:
            return self._files.read(self.path, end - position, position), -1
        self._load_indexes()
        data = self._files.read(self.path, max(max_bytes, HEADER_BYTES), position)
        known = position + len(data)
        while known > position:
            # Walk from the last known batch; when that one doesn't fit, from the one before it.
            known = max(self.offset_index.batch_before(known - 1), position)
            cut, next_offset = self.walk(data, known - position, position)
            if next_offset >= 0:
                # A copy would cost more than the rest of a fetch, in page faults for its memory.
                return memoryview(data)[:cut], next_offset
        size = self.header_at(data, 0, position, end).size
        data = self._files.read(self.path, size, position)
        return data, read_header(data, 0).next_offset

    def first_batch_timestamp(self) -> int:
        """The largest timestamp of the first batch; -1 when there is none."""
        if self.first_timestamp is None:
            self._read_first_timestamp()
        return -1 if self.first_timestamp is None else self.first_timestamp

    def index_bytes(self) -> tuple[int, int]:
        """Bytes of the offset index and of the time index."""
        self._load_indexes()
        return self.offset_index.size_bytes, self.time_index.size_bytes

    def largest_timestamp(self) -> tuple[int, int]:
        """The largest timestamp and its batch's last offset; -1 when no record has one."""
        self._load_indexes()
        return self._max_timestamp, self._max_timestamp_offset

    # ------------------------------------------------------------------ opening

    def open_active(self, next_offset: int | None = None) -> int:
        """Get ready for appends after a clean stop; the offset after the last record."""
        self._load_indexes()
        position = self.offset_index.last_position()
        last = next_offset
        for _, header in self.headers(position):
            self._note_timestamp(header)
            last = header.next_offset
        self._since_index = self.size - position
        self._read_first_timestamp()
        return self.base_offset if last is None else last

    def recovery_start(self, offset: int) -> tuple[int, int]:
        """Where to begin the check of the segment when all before `offset` is known to be good.

        Returns:
            Position and offset of a batch, or of the segment's end; its start when the indexes are
            damaged or no batch begins with `offset`.
        """
        if (
            offset > self.base_offset
            and self.offset_index.load(self.size)
            and self.time_index.load(self.size)
            and self.txn_index.is_sound()
        ):
            self.offset_index.truncate_to(offset)
            position = self.offset_index.last_position()
            with contextlib.suppress(CorruptRecordError):
                for at, header in self.headers(position):
                    if header.base_offset >= offset:
                        return (
                            (at, offset) if header.base_offset == offset else (0, self.base_offset)
                        )
                    if header.next_offset == offset:
                        return at + header.size, offset
        return 0, self.base_offset

    def recover(
        self, position: int, offset: int, on_batch: Callable[[BatchHeader, bytes], None]
    ) -> CorruptRecordError | None:
        """Check all batches from `position` on, cut off a torn or damaged tail, redo the indexes.

        Args:
            position: as from `recovery_start`; all before is known to be good.
            offset: of the batch there.
            on_batch: gets each good batch.

        Returns:
            What was wrong at the place where it was cut; None if it wasn't.
        """
        if position == 0:
            self.offset_index.reset()
            self.time_index.reset()
            self.txn_index.reset()
        self._indexed = True
        self.offset_index.truncate_to_position(position)
        self.time_index.truncate_to(offset)
        self.txn_index.truncate_to(offset)
        self._max_timestamp, self._max_timestamp_offset = self.time_index.last()
        self._since_index = position - self.offset_index.last_position()
        good = position
        damage: CorruptRecordError | None = None
        try:
            for at, header, data in self.whole_batches(position):
                if not self._follows(header, offset):
                    raise self.damaged(at, "its offsets are wrong")
                self._note(at, header)
                on_batch(header, data)
                good, offset = at + header.size, header.next_offset
        except CorruptRecordError as error:
            damage = error
            self._files.truncate(self.path, good)
            self.size = good
        self.appended_from = good
        self._read_first_timestamp()
        # On a full disk what isn't written stays in memory, and reading goes on.
        with contextlib.suppress(LogStorageError):
            self.settle()
        return damage

    def _read_first_timestamp(self) -> None:
        if self.size:
            data = self.chunk(0, HEADER_BYTES)
            self.first_timestamp = self.header_at(data, 0, 0, self.size).max_timestamp

    def rebuild_indexes(self) -> None:
        """Make offset and time index anew from the batches' headers, as far as these are sound."""
        self.offset_index.reset()
        self.time_index.reset()
        self._indexed = True
        self._since_index = 0
        self._max_timestamp, self._max_timestamp_offset = -1, self.base_offset
        with contextlib.suppress(CorruptRecordError):
            for position, header in self.headers(0):
                self._note(position, header)
        # On a full disk the indexes stay in memory, and reading goes on.
        with contextlib.suppress(LogStorageError):
            self.settle()

    def _load_indexes(self) -> None:
        """Have the indexes in memory; those that are missing or damaged are made anew."""
        if self.offset_index.loaded and self.time_index.loaded:
            return
        sound = self.offset_index.load(self.size)
        sound = self.time_index.load(self.size) and sound
        if not (sound and self._last_entries_fit()):
            self.rebuild_indexes()
        if not self._indexed:
            self._max_timestamp, self._max_timestamp_offset = self.time_index.last()
            self._indexed = True

    def _last_entries_fit(self) -> bool:
        """Whether the last entry of each index says what its batch says."""
        last = len(self.offset_index), len(self.time_index)
        position = self.offset_index.last_position()
        timestamp, offset = self.time_index.last()
        try:
            if last[0]:
                header = next(self.headers(position))[1]
                if self.offset_index.lookup(header.last_offset) != (header.last_offset, position):
                    return False
            if last[1]:
                _, position = self.offset_index.lookup(offset)
                found = next(self._from_offset(offset, position), None)
                if found is None or found[1].max_timestamp != timestamp:
                    return False
        except CorruptRecordError:
            # The batch may be what is damaged; its reader will be told so.
            return True
        return True

    def _from_offset(self, offset: int, position: int) -> Iterator[tuple[int, BatchHeader]]:
        """The batches from `position` on that hold `offset` or later ones.

        A function, since mypyc makes a list of a generator expression, and would read the whole file.
        """
        for at, header in self.headers(position):
            if header.last_offset >= offset:
                yield at, header

    def _follows(self, header: BatchHeader, offset: int) -> bool:
        relative = header.last_offset - self.base_offset
        return header.base_offset >= offset and relative <= _MAX_RELATIVE_OFFSET

    def _note(self, position: int, header: BatchHeader) -> None:
        if position == 0:
            self.first_timestamp = header.max_timestamp
        self._note_timestamp(header)
        if self._since_index > self._interval:
            self.offset_index.append(header.last_offset, position)
            self.time_index.append(self._max_timestamp, self._max_timestamp_offset)
            self._since_index = 0
            if self.offset_index.unsaved >= _INDEX_WRITE_BEHIND:
                # The batch is in the log; entries that can't be written now are written later.
                with contextlib.suppress(LogStorageError):
                    self.offset_index.save()
                    self.time_index.save()
        self._since_index += header.size

    def _note_timestamp(self, header: BatchHeader) -> None:
        if header.max_timestamp > self._max_timestamp:
            self._max_timestamp = header.max_timestamp
            self._max_timestamp_offset = header.last_offset
