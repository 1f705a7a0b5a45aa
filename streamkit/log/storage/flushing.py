"""Forcing files to the disk, apart from the thread that owns the logs: fsync can take long."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streamkit.errors import StorageError
from streamkit.log.storage.checkpoints import write_offsets
from streamkit.log.storage.errors import LogStorageError
from streamkit.log.storage.files import storage_errors, sync_folder
from streamkit.model import TopicPartition

__all__ = ["FlushJob", "Flusher"]

# The disk takes several fsyncs at once: closing 1,000 changed logs takes a third of the time.
_THREADS = 4
_MAX_JOBS = 16

log = logging.getLogger(__name__)


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
        layout: of the log's segments when the job was made.
    """

    topic_partition: TopicPartition
    folder: str
    paths: tuple[str, ...]
    end_offset: int
    layout: int = 0

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


class Flushable(Protocol):
    """What the flusher needs of a partition's log."""

    flushed_ms: int

    def begin_flush(self) -> FlushJob:
        """The work."""
        ...

    def finish_flush(self, job: FlushJob, now_ms: int | None = None) -> None:
        """It is done."""
        ...


class Flusher:
    """Runs flush jobs, replaces checkpoints and removes folders on threads of its own.

    Results are taken over by `finish`, on the thread that owns the logs. A job that fails is reported;
    the log stays changed, so that it is tried again.
    """

    __slots__ = ("_jobs", "_saver", "_workers")

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="streamkit-log-flush")
        # Checkpoints are replaced one after the other, so that the last one stays.
        self._saver = ThreadPoolExecutor(1, thread_name_prefix="streamkit-log-checkpoint")
        self._jobs: dict[TopicPartition, tuple[Flushable, FlushJob, Future[None]]] = {}

    @property
    def is_busy(self) -> bool:
        """Whether there are as many jobs as should wait at a time."""
        return len(self._jobs) >= _MAX_JOBS

    def __contains__(self, name: TopicPartition) -> bool:
        return name in self._jobs

    def begin(self, name: TopicPartition, partition_log: Flushable, now_ms: int) -> None:
        """Begin to force a log to the disk."""
        try:
            job = partition_log.begin_flush()
        except StorageError:
            partition_log.flushed_ms = now_ms
            log.exception("flushing %s failed; it is tried again later", name)
        else:
            self._jobs[name] = (partition_log, job, self._workers.submit(job.run))

    def finish(self, now_ms: int) -> None:
        """Tell the logs of the jobs that are done."""
        for name, (partition_log, job, future) in list(self._jobs.items()):
            if not future.done():
                continue
            del self._jobs[name]
            partition_log.flushed_ms = now_ms
            error = future.exception()
            if error is None:
                partition_log.finish_flush(job, now_ms)
            else:
                log.error("flushing %s failed; it is tried again later: %s", name, error)

    def forget(self, name: TopicPartition) -> None:
        """The log is gone: nobody waits for its job."""
        self._jobs.pop(name, None)

    def save_offsets(self, path: Path, offsets: Mapping[TopicPartition, int]) -> Future[None]:
        """Replace a checkpoint in the background; what comes back is done when that is, or has failed."""
        return self._saver.submit(_save_offsets, path, offsets)

    def wait_for_checkpoints(self) -> None:
        """Wait until the checkpoints that are being replaced are."""
        self._saver.submit(int).result()

    def submit(self, job: FlushJob) -> Future[None]:
        """Run a job that belongs to no flush of a whole log."""
        return self._workers.submit(job.run)

    def run(self, work: Callable[[], None]) -> None:
        """Do `work` in the background; nobody waits for it."""
        self._workers.submit(work)

    def wait(self) -> None:
        """Wait until all that has begun is done; `finish` takes note of it."""
        wait([future for _, _, future in self._jobs.values()])
        self._saver.submit(int).result()

    def close(self) -> None:
        """Wait for everything, and end the threads."""
        self._workers.shutdown(wait=True)
        self._saver.shutdown(wait=True)


def _save_offsets(path: Path, offsets: Mapping[TopicPartition, int]) -> None:
    try:
        write_offsets(path, offsets)
    except LogStorageError:
        log.exception("a checkpoint could not be saved; the next one replaces it")
        raise
