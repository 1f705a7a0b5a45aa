"""Forcing files to the disk, apart from the thread that owns the logs: fsync can take long."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from streamkit.log.storage.files import storage_errors, sync_folder
from streamkit.model import TopicPartition

__all__ = ["FlushJob"]


@dataclass(frozen=True, slots=True)
class FlushJob:
    """Files of one partition to force to the disk.

    It opens descriptors of its own, so it may run on any thread while the log goes on. A file that
    retention or truncation has removed meanwhile is passed over.

    Attributes:
        topic_partition: whose files.
        folder: of the partition; its entries, and its own in the data folder, are forced too.
        paths: the files.
        end_offset: all before it is on the disk once the job has run.
    """

    topic_partition: TopicPartition
    folder: str
    paths: tuple[str, ...]
    end_offset: int

    def run(self) -> None:
        """Do it.

        Raises:
            LogStorageError: the disk refused.
        """
        for path in self.paths:
            with storage_errors("sync", path):
                try:
                    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        sync_folder(self.folder)
        sync_folder(str(Path(self.folder).parent))
