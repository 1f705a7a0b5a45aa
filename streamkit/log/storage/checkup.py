"""A look at a data folder that no broker has open: what is damaged in it, and what the next start will mend.

Reads only, and every byte of every segment; a segment is in memory in pieces, its batches' positions as a whole.

| severity | meaning |
| --- | --- |
| error | something acknowledged may be lost, or is served wrongly |
| warning | the next start mends it, and nothing is lost by that |
| note | worth knowing |
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from streamkit.errors import CorruptRecordError, StorageError
from streamkit.log.protocol import BatchHeader
from streamkit.log.storage.batch_file import BatchFile
from streamkit.log.storage.checkpoints import (
    CLEANER_OFFSET_FILE,
    LEADER_EPOCH_FILE,
    LOG_START_FILE,
    META_PROPERTIES_FILE,
    PARTITION_METADATA_FILE,
    RECOVERY_POINT_FILE,
    is_damaged,
    read_leader_epochs,
    read_meta_properties,
    read_offsets,
    read_topic_id,
    was_clean_shutdown,
)
from streamkit.log.storage.files import OpenFiles, storage_errors
from streamkit.log.storage.producer_state import decode_snapshot
from streamkit.log.storage.transaction_index import TransactionIndex
from streamkit.model import TopicPartition

__all__ = ["Checkup", "Finding", "PartitionCheck", "check_data_folder"]

_FOLDER_NAME = re.compile(r"([a-zA-Z0-9._-]+)-(\d+)")
_LEFT_OVER = (".deleted", ".cleaned", ".tmp", ".swap")
_OFFSET_ENTRY = struct.Struct(">II")
_TIME_ENTRY = struct.Struct(">qI")

BatchVisitor = Callable[[BatchHeader, bytes], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: its severity (see the module), the file or folder, and what is the matter."""

    severity: str
    path: str
    message: str


@dataclass(slots=True)
class PartitionCheck:
    """What was found of one partition.

    Attributes:
        segments, batches, size_bytes: whole batches count.
        start_offset, end_offset: the first base offset, and the one after the last record.
        topic_id: in text as Kafka writes it; None: not noted.
        gaps: segment, and the offsets missing before or in it as `(first, after the last)`; compaction
            leaves some too.
    """

    topic_partition: TopicPartition
    segments: int = 0
    batches: int = 0
    size_bytes: int = 0
    start_offset: int = 0
    end_offset: int = 0
    topic_id: object = None
    gaps: list[tuple[Path, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Checkup:
    """What was found in a data folder.

    Attributes:
        clean: the last broker stopped cleanly.
        partitions: every partition that has a folder, by name.
    """

    data_dir: Path
    clean: bool = False
    partitions: dict[TopicPartition, PartitionCheck] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether there is no error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def add(self, severity: str, path: Path | str, message: str) -> None:
        """Note a finding; `path` is shortened to its part below the data folder."""
        shown = str(path).removeprefix(f"{self.data_dir}/")
        self.findings.append(Finding(severity, shown, message))


def check_data_folder(
    data_dir: Path, visit: Callable[[TopicPartition], BatchVisitor | None]
) -> Checkup:
    """Check every file of a data folder that nobody has open.

    Args:
        data_dir: the folder; the caller holds its lock.
        visit: for a partition, what gets each of its sound batches in order; None: nobody.

    Raises:
        StorageError: the folder itself can't be read.
    """
    found = Checkup(data_dir, was_clean_shutdown(data_dir))
    if not found.clean:
        found.add("note", data_dir, "the last broker didn't stop cleanly; the next start recovers")
    if "cluster.id" not in read_meta_properties(data_dir / META_PROPERTIES_FILE):
        found.add("error", META_PROPERTIES_FILE, "has no cluster.id")
    with storage_errors("list", str(data_dir)):
        folders = sorted(path for path in data_dir.iterdir() if path.is_dir())
    files = OpenFiles(max_open=16)
    try:
        for folder in folders:
            match = _FOLDER_NAME.fullmatch(folder.name)
            if match is None:
                found.add("note", folder, "is no partition's folder")
                continue
            name = TopicPartition(match[1], int(match[2]))
            partition = _Partition(found, folder, name, files)
            found.partitions[name] = partition.result
            try:
                partition.check(visit(name))
            except StorageError as error:
                found.add("error", folder, f"can't be checked to its end: {error}")
    finally:
        files.close_all()
    _check_checkpoints(found)
    _forget_compacted_gaps(found)
    return found


class _Partition:
    """The check of one partition's folder."""

    def __init__(
        self, found: Checkup, folder: Path, name: TopicPartition, files: OpenFiles
    ) -> None:
        self._found = found
        self._folder = folder
        self._files = files
        self.result = PartitionCheck(name)
        self._is_after_damage = False

    def check(self, visit: BatchVisitor | None) -> None:
        with storage_errors("list", str(self._folder)):
            paths = sorted(self._folder.iterdir())
        segments = [path for path in paths if path.suffix == ".log"]
        if not segments:
            self._found.add("warning", self._folder, "has no segment; the next start makes one")
        for path in segments:
            self._check_segment(path, path is segments[-1], visit)
        bases = {path.stem for path in segments}
        for path in paths:
            self._check_other(path, bases)
        self._check_epochs()
        try:
            self.result.topic_id = read_topic_id(self._folder / PARTITION_METADATA_FILE)
        except StorageError as error:
            self._found.add("error", self._folder / PARTITION_METADATA_FILE, str(error))

    def _check_segment(self, path: Path, is_last: bool, visit: BatchVisitor | None) -> None:
        result = self.result
        if not path.stem.isdigit():
            self._found.add("note", path, "is no segment of Kafka's naming")
            return
        base_offset = int(path.stem)
        if not result.segments:
            result.start_offset = result.end_offset = base_offset
        elif base_offset < result.end_offset:
            self._found.add(
                "error", path, f"begins before offset {result.end_offset}, where the last one ends"
            )
        elif base_offset > result.end_offset and not self._is_after_damage:
            result.gaps.append((path, result.end_offset, base_offset))
        result.segments += 1
        result.end_offset = max(result.end_offset, base_offset)
        with storage_errors("stat", str(path)):
            size = path.stat().st_size
        ends: dict[int, int] = {}
        largest_timestamp, good = -1, 0
        try:
            for position, header, data in BatchFile(
                str(path), base_offset, self._files, size
            ).whole_batches(0):
                if header.base_offset < result.end_offset:
                    self._found.add(
                        "error",
                        path,
                        f"the batch at byte {position} has offset {header.base_offset} again",
                    )
                elif header.base_offset > result.end_offset:
                    result.gaps.append((path, result.end_offset, header.base_offset))
                ends[position] = header.last_offset
                largest_timestamp = max(largest_timestamp, header.max_timestamp)
                result.end_offset = header.next_offset
                result.batches += 1
                result.size_bytes += header.size
                good = position + header.size
                if visit is not None:
                    visit(header, data)
            self._is_after_damage = False
        except CorruptRecordError as error:
            self._is_after_damage = True
            torn = is_last and not self._found.clean
            reason = str(error).rpartition("is damaged: ")[2]
            cut = f"; the next start checks the log from its recovery point, and cuts off {size - good:,} bytes"
            self._found.add(
                "warning" if torn else "error",
                path,
                f"damaged at byte {good}: {reason}{cut if torn else ''}",
            )
        self._check_offset_index(path, base_offset, ends, good == size)
        self._check_time_index(path, largest_timestamp, result.end_offset - base_offset, bool(ends))

    def _check_offset_index(
        self, segment: Path, base_offset: int, ends: dict[int, int], whole: bool
    ) -> None:
        path = segment.with_suffix(".index")
        for offset, position in self._entries(path, _OFFSET_ENTRY):
            if position not in ends:
                if whole:
                    self._found.add("error", path, f"points at byte {position}, where no batch is")
                return
            if ends[position] != base_offset + offset:
                self._found.add(
                    "error",
                    path,
                    f"says that the batch at byte {position} ends with offset {base_offset + offset}; "
                    f"it is {ends[position]}",
                )
                return

    def _check_time_index(
        self, segment: Path, largest_timestamp: int, offsets: int, has_batches: bool
    ) -> None:
        path = segment.with_suffix(".timeindex")
        last_timestamp, last_offset = -1, -1
        for timestamp, offset in self._entries(path, _TIME_ENTRY):
            if timestamp <= last_timestamp or offset < last_offset:
                self._found.add("error", path, "its entries aren't in order")
                return
            last_timestamp, last_offset = timestamp, offset
        if has_batches and (last_timestamp > largest_timestamp or last_offset >= offsets):
            self._found.add("error", path, "has entries of records that the segment doesn't hold")

    def _entries(self, path: Path, entry: struct.Struct) -> Iterator[tuple[int, int]]:
        data = self._files.read_all(str(path))
        if data is None:
            self._found.add("warning", path, "is missing; the broker makes it anew")
        elif len(data) % entry.size:
            self._found.add(
                "warning",
                path,
                f"has {len(data)} bytes, no multiple of {entry.size}; the broker makes it anew",
            )
        else:
            yield from entry.iter_unpack(data)

    def _check_other(self, path: Path, bases: set[str]) -> None:
        if path.suffix in _LEFT_OVER:
            self._found.add("note", path, "is left over; the next start deals with it")
        elif path.suffix in (".index", ".timeindex", ".txnindex") and path.stem not in bases:
            self._found.add("note", path, "belongs to no segment")
        elif path.suffix == ".txnindex":
            try:
                TransactionIndex(str(path), self._files).entries()
            except CorruptRecordError as error:
                self._found.add("error", path, str(error))
        elif path.suffix == ".snapshot":
            try:
                decode_snapshot(self._files.read_all(str(path)) or b"", str(path))
            except CorruptRecordError:
                self._found.add("warning", path, "is damaged; the broker replays the log instead")
            if path.stem.isdigit() and int(path.stem) > self.result.end_offset:
                self._found.add("warning", path, "lies behind the log's end; it is removed")

    def _check_epochs(self) -> None:
        path = self._folder / LEADER_EPOCH_FILE
        if is_damaged(path, bool(read_leader_epochs(path))):
            self._found.add("warning", path, "is damaged, and counts as empty")
        for epoch, start in read_leader_epochs(path):
            if start > self.result.end_offset:
                self._found.add(
                    "warning", path, f"epoch {epoch} begins at {start}, behind the log's end"
                )


def _check_checkpoints(found: Checkup) -> None:
    for name in (RECOVERY_POINT_FILE, LOG_START_FILE, CLEANER_OFFSET_FILE):
        offsets = read_offsets(found.data_dir / name)
        if is_damaged(found.data_dir / name, bool(offsets)):
            found.add("warning", name, "is damaged, and counts as empty")
        for topic_partition, offset in offsets.items():
            partition = found.partitions.get(topic_partition)
            if partition is None:
                found.add("note", name, f"names {topic_partition}, which has no folder")
            elif offset > partition.end_offset:
                found.add(
                    "error",
                    name,
                    f"{topic_partition} was on the disk up to offset {offset}, "
                    f"but its log ends at {partition.end_offset}",
                )


def _forget_compacted_gaps(found: Checkup) -> None:
    """Where a log was compacted records may be missing."""
    compacted = read_offsets(found.data_dir / CLEANER_OFFSET_FILE)
    for name, partition in found.partitions.items():
        clean_to = compacted.get(name, 0)
        partition.gaps = [gap for gap in partition.gaps if gap[1] >= clean_to]
