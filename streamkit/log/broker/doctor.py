"""The check of a data folder as a whole: its files, its metadata, and whether both fit together.

No broker may have the folder open; it is locked meanwhile. Nothing in it is changed but the lock file.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from streamkit.errors import ProtocolError, StorageError
from streamkit.log.broker.metadata.image import ClusterImage
from streamkit.log.broker.metadata.service import METADATA_PARTITION
from streamkit.log.protocol import BatchHeader, decode_batch, decode_metadata_record
from streamkit.log.storage.checkup import BatchVisitor, Checkup, check_data_folder
from streamkit.log.storage.lock import FolderLock
from streamkit.model import TopicPartition

__all__ = ["examine"]

_MOST_BATCH_BYTES = 256 << 20


def examine(data_dir: Path) -> Checkup:
    """Check a data folder.

    Raises:
        LockedError: a broker has it open.
        StorageError: there is no such folder, or it can't be read.
    """
    if not data_dir.is_dir():
        raise StorageError(f"there is no data folder {data_dir}", path=str(data_dir))
    lock = FolderLock(data_dir)
    try:
        metadata = _Metadata()
        found = check_data_folder(data_dir, metadata.visitor)
    finally:
        lock.release()
    metadata.compare(found)
    metadata.check_gaps(found)
    return found


class _Metadata:
    """The cluster's metadata, as the log of it tells."""

    def __init__(self) -> None:
        self.image = ClusterImage()
        self.problem: str | None = None

    def visitor(self, topic_partition: TopicPartition) -> BatchVisitor | None:
        return self._replay if topic_partition == METADATA_PARTITION else None

    def _replay(self, header: BatchHeader, data: bytes) -> None:
        try:
            columns = decode_batch(data, 0, header, max_bytes=_MOST_BATCH_BYTES)
            for value in columns.values:
                if value is not None:
                    record, _ = decode_metadata_record(value)
                    self.image.replay(record)
        except (ProtocolError, LookupError) as error:
            offset = header.base_offset
            self.problem = self.problem or f"the records from offset {offset} on: {error}"

    def check_gaps(self, found: Checkup) -> None:
        """Whether records are missing in the middle of logs that weren't compacted."""
        for name, partition in found.partitions.items():
            topic = self.image.topics.get(name.topic)
            if topic is not None and "compact" in topic.configs.get("cleanup.policy", ""):
                continue
            for path, first, after in partition.gaps:
                found.add(
                    "error",
                    path,
                    f"records {first} to {after - 1} are missing before those that it holds, or a "
                    "segment is",
                )

    def compare(self, found: Checkup) -> None:
        """Whether there are logs of topics that aren't known, or of other topics of the same name."""
        folder = str(METADATA_PARTITION)
        if METADATA_PARTITION not in found.partitions:
            if found.partitions:
                found.add("error", folder, "is missing: the topics aren't known")
            return
        if self.problem is not None:
            found.add("error", folder, f"can't be replayed: {self.problem}")
            return
        for name, partition in found.partitions.items():
            topic = self.image.topics.get(name.topic)
            if name == METADATA_PARTITION:
                continue
            if topic is None or name.partition >= topic.partitions:
                found.add(
                    "warning", str(name), "isn't in the metadata; the next start deletes its log"
                )
            elif isinstance(partition.topic_id, UUID) and partition.topic_id != topic.topic_id:
                found.add("warning", str(name), "is of a deleted topic; the next start deletes it")
