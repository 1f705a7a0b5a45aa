"""The restore thread: fills the stores of new tasks from their changelogs.

It owns a consumer without a group, and the stores of a task from `submit` until the task comes back
from `finished`. The processing thread goes on with other tasks meanwhile. Records go straight to the
backends, and progress is saved with each batch, so a restore that is cut off goes on where it was.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from streamkit.errors import StreamkitError, caused_by
from streamkit.log.client import Consumer
from streamkit.model.records import TopicPartition
from streamkit.runtime.task import Task
from streamkit.state import RecordBuffer, StateStore

__all__ = ["RestoreJob", "RestoreThread"]

log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.1


@dataclass(slots=True)
class _StoreRestore:
    """One store on its way: from `position` to `end` of its changelog partition.

    `latest` is the highest timestamp met; `whole`: none was missed.
    """

    store: StateStore
    partition: TopicPartition
    position: int
    end: int
    whole: bool
    latest: int = -1


@dataclass(slots=True)
class RestoreJob:
    """One task whose stores are being filled.

    Attributes:
        task: created, not started.
        limits: for stores whose changelog is a source topic: the committed input offset, where
            processing will go on; other changelogs are read to their end.
        total: records to read, known once the job has begun.
        done: of them, read so far.
        error: why it failed; the stores are not complete then.
        cancelled: set by the processing thread to stop early.
    """

    task: Task
    limits: Mapping[TopicPartition, int] = field(default_factory=dict)
    total: int = 0
    done: int = 0
    error: StreamkitError | None = None
    cancelled: bool = False
    stores: list[_StoreRestore] = field(default_factory=list)

    def latest(self) -> dict[str, int]:
        """Highest time in the changelog of each store that was restored from all of it.

        Buffers' changelogs have the wall clock for timestamps; those of joins tell times in their keys.
        """
        found = {}
        for restore in self.stores:
            store = restore.store
            if restore.whole:
                told = store.restored_time() if isinstance(store, RecordBuffer) else restore.latest
                found[store.name] = told
        return found


class RestoreThread:
    """Runs jobs side by side until stopped.

    Args:
        make_consumer: a consumer without a group, made on this thread, that reads what is committed.
        log_ends: the ends of partitions, behind transactions that are still open: a restore waits for what
            comes of them, as the committed input offsets may belong to them.
        on_finished: called on this thread after a job is put into `finished`.
    """

    def __init__(
        self,
        make_consumer: Callable[[], Consumer],
        log_ends: Callable[[Collection[TopicPartition]], Mapping[TopicPartition, int]],
        on_finished: Callable[[], None],
    ) -> None:
        self.finished: queue.SimpleQueue[RestoreJob] = queue.SimpleQueue()
        self._make_consumer = make_consumer
        self._log_ends = log_ends
        self._on_finished = on_finished
        self._submitted: queue.SimpleQueue[RestoreJob | None] = queue.SimpleQueue()
        self._jobs: list[RestoreJob] = []
        self._by_partition: dict[TopicPartition, tuple[RestoreJob, _StoreRestore]] = {}
        self._thread = threading.Thread(target=self._run, name="streamkit-restore", daemon=True)
        self._started = False
        self._ended_by: StreamkitError | None = None

    def submit(self, job: RestoreJob) -> None:
        """Begin a job soon; the thread starts with the first one.

        Raises:
            StreamkitError: the thread has ended by a fault.
        """
        self.check()
        self._submitted.put(job)
        if not self._started:
            self._started = True
            self._thread.start()

    def check(self) -> None:
        """Look whether the thread has ended: what is submitted then would wait for ever.

        Raises:
            StreamkitError: what ended it.
        """
        if self._ended_by is not None:
            raise self._ended_by

    def stop(self) -> None:
        """End the thread; unfinished jobs are left where they are. Blocks until it has ended. Final."""
        if self._started:
            self._started = False
            self._submitted.put(None)
            self._thread.join()

    def _run(self) -> None:
        consumer: Consumer | None = None
        try:
            consumer = self._make_consumer()
            while True:
                jobs, stop = self._take(wait=not self._jobs)
                if stop:
                    return
                for job in jobs:
                    self._guarded(job, consumer, self._begin)
                self._drop_cancelled(consumer)
                if self._jobs:
                    self._step(consumer)
        except BaseException as error:  # noqa: BLE001  the thread's boundary: `check` raises it
            self._fail_all(_told(error))
        finally:
            if consumer is not None:
                consumer.close()

    def _take(self, *, wait: bool) -> tuple[list[RestoreJob], bool]:
        """Jobs submitted since the last call, and whether to stop."""
        jobs: list[RestoreJob] = []
        while True:
            try:
                job = self._submitted.get(timeout=None if wait and not jobs else 0.0)
            except queue.Empty:
                return jobs, False
            if job is None:
                return jobs, True
            jobs.append(job)

    def _guarded(
        self,
        job: RestoreJob,
        consumer: Consumer,
        step: Callable[[RestoreJob, Consumer], None],
    ) -> None:
        try:
            step(job, consumer)
        except Exception as error:  # noqa: BLE001  the processing thread raises it
            job.error = _told(error)
            self._finish(job, consumer)

    def _begin(self, job: RestoreJob, consumer: Consumer) -> None:
        """Find out what each store lacks. A store that is ahead of its changelog starts over."""
        task = job.task
        wanted = task.restorable()
        self._jobs.append(job)
        if wanted:
            begins = consumer.beginning_offsets(list(wanted))
            ends = self._log_ends(list(wanted))
            for partition, store in wanted.items():
                begin = begins[partition]
                end = min(ends[partition], job.limits.get(partition, ends[partition]))
                if partition in task.inputs and partition not in job.limits:
                    end = begin
                position = store.checkpoint()
                if position > ends[partition] or 0 <= position < begin:
                    log.warning(
                        "task %s: store %s has read up to offset %d of %s, which holds %d to %d: "
                        "restoring it from the beginning",
                        *(task.task_id, store.name, position, partition, begin, ends[partition]),
                    )
                    store.wipe()
                    position = -1
                whole = position < 0
                if whole:
                    position = begin
                if position < end:
                    job.stores.append(_StoreRestore(store, partition, position, end, whole))
                    job.total += end - position
        if not job.stores:
            self._finish(job, consumer)
            return
        log.info("task %s: restoring %d records", task.task_id, job.total)
        for restore in job.stores:
            self._by_partition[restore.partition] = (job, restore)
        consumer.assign(list(self._by_partition))
        for restore in job.stores:
            consumer.seek(restore.partition, restore.position)

    def _step(self, consumer: Consumer) -> None:
        for batch in consumer.poll_batches(_IDLE_SECONDS, max_records=5_000):
            entry = self._by_partition.get(batch.topic_partition)
            if entry is None:
                continue
            job, restore = entry
            columns = batch.columns
            next_offset = min(batch.next_offset, restore.end)
            count = len(columns.offsets)
            while count and columns.offsets[count - 1] >= restore.end:
                count -= 1
            restore.store.restore_batch(
                columns.keys[:count],
                columns.values[:count],
                columns.timestamps[:count],
                next_offset,
            )
            restore.latest = max(restore.latest, max(columns.timestamps[:count], default=-1))
            job.done += next_offset - restore.position
            restore.position = next_offset
        for job in list(self._jobs):
            # A changelog may end in records that no batch shows (compacted away, or markers).
            for restore in job.stores:
                if restore.position < restore.end:
                    position = min(consumer.position(restore.partition), restore.end)
                    if position > restore.position and consumer.fetch_lag(restore.partition) == 0:
                        restore.store.restore_batch([], [], [], position)
                        restore.position = position
            if all(restore.position >= restore.end for restore in job.stores):
                self._finish(job, consumer)

    def _drop_cancelled(self, consumer: Consumer) -> None:
        for job in [job for job in self._jobs if job.cancelled]:
            self._finish(job, consumer)

    def _finish(self, job: RestoreJob, consumer: Consumer) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
        dropped = [r.partition for r in job.stores if self._by_partition.pop(r.partition, None)]
        if dropped:
            consumer.assign(list(self._by_partition))
        self.finished.put(job)
        self._on_finished()

    def _fail_all(self, error: StreamkitError) -> None:
        self._ended_by = error
        for job in (*self._jobs, *self._take(wait=False)[0]):
            job.error = error
            self.finished.put(job)
        self._on_finished()


def _told(error: BaseException) -> StreamkitError:
    """`error` as the processing thread raises it."""
    if isinstance(error, StreamkitError):
        return error
    log.error("the restore thread failed: %r", error, exc_info=error)
    return caused_by(StreamkitError(f"stores can't be restored: {error!r}"), error)
