"""The tasks of one worker: taken over, restored, run, committed, given up.

| state | what happens |
| --- | --- |
| waiting | its folder is locked by a sibling still; asked again in each round |
| restoring | the restore thread has its stores; its partitions are paused |
| running | its records are processed |

All methods run on the processing thread; the listener's in the consumer's poll.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from streamkit.clock import Clock
from streamkit.errors import DamagedStoreError, LockedError, TopologyError
from streamkit.log.client import Consumer, RebalanceListener
from streamkit.log.client.records import FetchedBatch
from streamkit.model.records import TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.runtime.assignment import MemberState
from streamkit.runtime.assignor import StreamkitAssignor
from streamkit.runtime.columns import columns_of
from streamkit.runtime.commit import CommitLog, OffsetsRefusedError, commit_tasks, saved_state
from streamkit.runtime.partition_group import MAX_TIMESTAMP
from streamkit.runtime.restore import RestoreJob, RestoreThread
from streamkit.runtime.restored_times import restored_times
from streamkit.runtime.starting_offsets import StartingOffsets
from streamkit.runtime.state_directory import StateDirectory, TaskDirectory
from streamkit.runtime.task import Task
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.runtime.worker_status import PartitionLag
from streamkit.state import StateStore

__all__ = ["TaskManager"]

log = logging.getLogger(__name__)

CHUNK_RECORDS = 1_000
"""Records between two chances for other threads, at most."""
FIRST_CHUNK_RECORDS = 50
"""Until it is known how long a record takes."""
CHUNK_SECONDS = 0.005
ROUND_SECONDS = 0.05
"""How long tasks are processed before the consumer is asked again."""


class MakeFactory(Protocol):
    """The worker's way to a task factory."""

    def __call__(self, *, renew: bool = False) -> TaskFactory: ...


@dataclass(slots=True)
class _Held:
    """A task that this worker owns, in whatever state."""

    task_id: TaskId
    inputs: list[TopicPartition]
    waiting_since_ms: int
    folder: TaskDirectory | None = None
    task: Task | None = None
    job: RestoreJob | None = None
    running: bool = False
    chunk: int = FIRST_CHUNK_RECORDS
    remade: bool = False
    told: bool = False


class TaskManager(RebalanceListener):
    """See the module.

    Args:
        factory: makes tasks; renewed with each assignment, as partition counts may have changed.
        topic_ids: ids of changelog topics by name.
        starting: where partitions without an offset begin.

    Attributes:
        dropped, processed, process_seconds, punctuations, punctuate_seconds, restored, rebalances: as in
            `WorkerStatus`; punctuations and dropped records of running tasks come on top.
        committed_offsets: the last ones.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        clock: Clock,
        state: StateDirectory,
        restorer: RestoreThread,
        commit_log: CommitLog,
        *,
        factory: MakeFactory,
        topic_ids: Callable[[Collection[str]], Mapping[str, str]],
        starting: StartingOffsets,
    ) -> None:
        self.global_stores: Mapping[str, StateStore] = {}
        self.dropped: dict[tuple[str, str], int] = {}
        self.processed = 0
        self.process_seconds = 0.0
        self.punctuations = 0
        self.punctuate_seconds = 0.0
        self.restored = 0
        self.rebalances = 0
        self.committed_offsets: dict[TopicPartition, int] = {}
        self._settings = settings
        self._clock = clock
        self._state = state
        self._restorer = restorer
        self._commit_log = commit_log
        self._factory = factory
        self._topic_ids = topic_ids
        self._starting = starting
        self._host = ""
        self._held: dict[TaskId, _Held] = {}
        self._by_partition: dict[TopicPartition, _Held] = {}
        self._paused: set[TopicPartition] = set()
        self._closing: list[_Held] = []
        self._consumer: Consumer
        self._assignor: StreamkitAssignor

    def connect(self, consumer: Consumer, assignor: StreamkitAssignor, host: str) -> None:
        """Meet the consumer, which was made with this object as its listener."""
        self._consumer = consumer
        self._assignor = assignor
        self._host = host

    def member_state(self) -> MemberState:
        """What the group's leader needs to know of this worker."""
        stored = {task_id: 1 for task_id in self._state.tasks() if task_id not in self._held}
        stored.update(dict.fromkeys(self._held, 0))
        return MemberState(self._host, frozenset(self._held), stored)

    # -- the group ---------------------------------------------------------------------------------

    def on_assigned(self, partitions: list[TopicPartition]) -> None:
        """Take over the tasks that the assignor named."""
        if self._assignor.error:
            raise TopologyError(self._assignor.error)
        self.rebalances += 1
        now_ms = self._clock.monotonic_ms()
        factory = self._factory(renew=True)
        for task_id in self._assignor.tasks:
            inputs = factory.inputs(task_id)
            before = self._held.get(task_id)
            if before is not None:
                if before.inputs == inputs:
                    continue
                # A pattern has found another topic, or a topic has grown: make the task anew.
                self._give_up([before])
            held = _Held(task_id, inputs, now_ms, remade=before is not None)
            self._held[task_id] = held
            for partition in inputs:
                self._by_partition[partition] = held
        idle = [
            partition
            for partition in self._consumer.assignment().union(partitions)
            if (owner := self._by_partition.get(partition)) is None or not owner.running
        ]
        if idle:
            self._consumer.pause(idle)
            self._paused.update(idle)

    def on_revoked(self, partitions: list[TopicPartition]) -> None:
        """Commit the tasks of these partitions and let go of them."""
        self._give_up(self._holders(partitions))

    def _give_up(self, leaving: list[_Held]) -> None:
        running = [held.task for held in leaving if held.running and held.task is not None]
        if running:
            try:
                self._commit(running)
            except OffsetsRefusedError as error:
                # Only these: what could not be delivered may be a record of a task that stays.
                log.warning("tasks are given up without a commit: %s", error)
        for held in leaving:
            self._release(held)

    def on_lost(self, partitions: list[TopicPartition]) -> None:
        """Others may have these tasks already: close without a commit."""
        for held in self._holders(partitions):
            log.warning("task %s is lost: the group went on without this worker", held.task_id)
            self._release(held)

    # -- one round ---------------------------------------------------------------------------------

    def add(self, batches: Collection[FetchedBatch]) -> None:
        """Buffer what was fetched; a partition whose buffer is full is paused."""
        full = []
        for batch in batches:
            partition = batch.topic_partition
            held = self._by_partition.get(partition)
            if held is None or held.task is None or not held.running:
                continue
            held.task.add(partition, columns_of(batch))
            if (
                held.task.buffered_bytes(partition) > self._settings.buffer_bytes_per_partition
                and partition not in self._paused
            ):
                full.append(partition)
        if full:
            self._consumer.pause(full)
            self._paused.update(full)

    def advance(self) -> None:
        """Move waiting and restored tasks on, and resume partitions whose buffers have room.

        Raises:
            LockedError: a task's folder stays locked for longer than `lock_timeout_ms`.
            StreamkitError: a restore failed.
        """
        for held in list(self._held.values()):
            if held.task is None:
                self._open(held)
        while not self._restorer.finished.empty():
            self._restored(self._restorer.finished.get())
        self._restorer.check()
        room = []
        for partition in self._paused:
            held_by = self._by_partition.get(partition)
            if held_by is None or not held_by.running or held_by.task is None:
                continue
            waiting = held_by.task.buffered_bytes(partition)
            if waiting <= self._settings.buffer_bytes_per_partition // 2:
                room.append(partition)
        if room:
            self._consumer.resume(room)
            self._paused.difference_update(room)

    def process(self) -> int:
        """Process what is ready for a while, a chunk a task in turn; how many records."""
        taken = 0
        end = time.monotonic() + ROUND_SECONDS
        running = [held for held in self._held.values() if held.running]
        lag = self._consumer.fetch_lag
        while running:
            again = []
            for held in running:
                task = held.task
                assert task is not None
                if not task.is_ready(self._clock.now_ms(), lag):
                    continue
                begin = time.monotonic()
                count = task.process(held.chunk)
                used = time.monotonic() - begin
                taken += count
                self.process_seconds += used
                if count >= held.chunk:
                    again.append(held)
                if used > CHUNK_SECONDS:
                    held.chunk = max(1, int(held.chunk * CHUNK_SECONDS / used))
                elif held.chunk < CHUNK_RECORDS:
                    held.chunk = min(CHUNK_RECORDS, held.chunk * 2)
            if time.monotonic() > end:
                break
            running = again
        self.processed += taken
        return taken

    def punctuate(self) -> None:
        """Run the wall-clock punctuators that are due."""
        now_ms = self._clock.now_ms()
        for task in self.running():
            if now_ms >= task.next_wall_punctuation_ms():
                begin = time.monotonic()
                task.punctuate_wall_clock(now_ms, caught_up=self._caught_up(task))
                self.punctuate_seconds += time.monotonic() - begin

    def next_punctuation_ms(self) -> int:
        """When the next wall-clock punctuator is due, far away if there is none."""
        return min(
            (task.next_wall_punctuation_ms() for task in self.running()), default=MAX_TIMESTAMP
        )

    # -- commit ------------------------------------------------------------------------------------

    @property
    def commit_requested(self) -> bool:
        """An operator or a full overlay asks for a commit now."""
        return any(task.commit_requested for task in self.running())

    def commit(self) -> None:
        """Commit all running tasks.

        Raises:
            OffsetsRefusedError: as while a rebalance is in progress; the tasks stay as they are for the next attempt.
            StreamkitError: outputs could not be delivered, or a store could not be written.
        """
        self._commit(self.running())

    def _commit(self, tasks: list[Task]) -> None:
        consumer = self._consumer
        for task in tasks:
            for partition in task.inputs:
                # A lag of None: the consumer does not know yet where it is.
                if (
                    not task.buffered_records(partition)
                    and consumer.fetch_lag(partition) is not None
                ):
                    task.pass_over(partition, consumer.position(partition))
        self.committed_offsets.update(commit_tasks(tasks, self._commit_log))

    # -- what is held ------------------------------------------------------------------------------

    def running(self) -> list[Task]:
        """Tasks that process records."""
        return [held.task for held in self._held.values() if held.running and held.task is not None]

    def task_ids(self) -> list[TaskId]:
        """All that this worker owns."""
        return sorted(self._held)

    def all_running(self) -> bool:
        """No task is waiting or being restored."""
        return all(held.running for held in self._held.values())

    def restoring(self) -> list[RestoreJob]:
        """Restores that are under way."""
        return [held.job for held in self._held.values() if held.job is not None]

    def lags(self) -> list[PartitionLag]:
        """Records not processed yet, of the inputs that have been fetched."""
        found = []
        for task in self.running():
            for partition in task.inputs:
                lag = self._consumer.fetch_lag(partition)
                if lag is not None:
                    records = lag + task.buffered_records(partition)
                    found.append(PartitionLag(partition.topic, partition.partition, records))
        return found

    def drained(self) -> bool:
        """Nothing is buffered, and the broker has nothing more as far as is known."""
        return self.all_running() and all(
            held.task is not None and self._caught_up(held.task) for held in self._held.values()
        )

    def _caught_up(self, task: Task) -> bool:
        return task.buffered == 0 and all(
            self._consumer.fetch_lag(partition) == 0 for partition in task.inputs
        )

    def close(self) -> None:
        """Close every task without a commit, and give up its folder."""
        with contextlib.ExitStack() as stack:  # which goes on after one that fails
            for held in (*self._held.values(), *self._closing):
                # The restore thread has ended; nobody uses these stores any more.
                held.job = None
                stack.callback(self._release, held)
            self._closing.clear()

    # -- inside ------------------------------------------------------------------------------------

    def _holders(self, partitions: Collection[TopicPartition]) -> list[_Held]:
        found = (self._by_partition.get(partition) for partition in partitions)
        return list({held.task_id: held for held in found if held is not None}.values())

    def _open(self, held: _Held) -> None:
        """Lock the folder, open the stores, begin to restore them."""
        try:
            held.folder = self._state.task(held.task_id)
        except LockedError as error:
            waited_ms = self._clock.monotonic_ms() - held.waiting_since_ms
            if waited_ms > self._settings.lock_timeout_ms:
                raise
            if not held.told:
                held.told = True
                log.info("waiting until a sibling lets go: %s", error)
            return
        factory = self._factory()
        changelogs = factory.plan.sub_topology(held.task_id.sub_topology).changelogs
        if changelogs:
            held.folder.match_changelogs(self._topic_ids(list(changelogs.values())))
        held.task = self._with_stores(held.task_id, held.folder)
        if not changelogs:
            self._start(held)
            return
        committed = self._consumer.committed(held.inputs)
        limits = {
            partition: offset.offset
            for partition, offset in committed.items()
            if offset is not None
        }
        held.job = RestoreJob(held.task, limits)
        self._restorer.submit(held.job)

    def _with_stores(self, task_id: TaskId, folder: TaskDirectory) -> Task:
        """The task; damaged stores are made anew where changelogs hold their content."""
        factory = self._factory()

        def make() -> Task:
            return factory.task(task_id, directory=folder.path, global_stores=self.global_stores)

        if not self._has_all_changelogs(task_id):
            return make()
        if folder.wipe_condemned():
            log.warning("task %s: its stores were damaged and are restored", task_id)
        try:
            return make()
        except DamagedStoreError as error:
            log.warning("task %s: %s. All stores of the task are restored", task_id, error)
            folder.wipe()
            return make()

    def _has_all_changelogs(self, task_id: TaskId) -> bool:
        sub = self._factory().plan.sub_topology(task_id.sub_topology)
        return all(spec.name in sub.changelogs for spec in sub.stores)

    def condemn(self, error: DamagedStoreError) -> None:
        """A store was found damaged while it was used: who opens it next restores it, if that is possible."""
        for held in (*self._held.values(), *self._closing):
            if held.folder is None or not self._has_all_changelogs(held.task_id):
                continue
            if error.path is not None and Path(error.path).is_relative_to(held.folder.path):
                held.folder.condemn()
                error.retriable = True

    def _restored(self, job: RestoreJob) -> None:
        """A restore has ended: start the task, or close it if it was given up meanwhile."""
        self.restored += job.done
        for held in self._closing:
            if held.job is job:
                self._closing.remove(held)
                self._close(held)
                return
        if job.error is not None:
            raise job.error
        held = self._held[job.task.task_id]
        held.job = None
        self._start(held, job.latest())

    def _start(self, held: _Held, latest: Mapping[str, int] = MappingProxyType({})) -> None:
        """Go on from what the group committed."""
        assert held.task is not None
        committed = self._consumer.committed(held.inputs)
        uncommitted = [partition for partition in held.inputs if committed.get(partition) is None]
        self._starting.seek(
            self._consumer, uncommitted, f"task {held.task_id}: no offset is committed"
        )
        if held.remade:
            # What the consumer has returned beyond the commit went down with the task before.
            for partition, offset in committed.items():
                if offset is not None:
                    self._consumer.seek(partition, offset.offset)
        sub = self._factory().plan.sub_topology(held.task_id.sub_topology)
        held.task.start(saved_state(committed), restored_times(sub, latest))
        held.running = True
        log.info("task %s runs", held.task_id)

    def reset(self, partitions: Collection[TopicPartition]) -> None:
        """Go on where the policies say: the log does not hold the next offset of these any more.

        Raises:
            StreamkitError: a source has no policy.
        """
        running = [
            partition
            for partition in partitions
            if (held := self._by_partition.get(partition)) is not None and held.running
        ]
        if running:
            log.warning("records of %s are gone unread", ", ".join(map(str, sorted(running))))
            self._starting.seek(
                self._consumer, running, "the log does not hold the committed offset any more"
            )

    def _release(self, held: _Held) -> None:
        """Forget a task and close it, now or when the restore thread has let go of its stores."""
        self._held.pop(held.task_id, None)
        for partition in held.inputs:
            self._by_partition.pop(partition, None)
            self._paused.discard(partition)
        if held.job is not None:
            held.job.cancelled = True
            self._closing.append(held)
            return
        self._close(held)

    def _close(self, held: _Held) -> None:
        held.running = False
        try:
            if held.task is not None:
                self.punctuations += held.task.punctuations
                for key, count in held.task.context.dropped.items():
                    self.dropped[key] = self.dropped.get(key, 0) + count
                held.task.close()
        finally:
            if held.folder is not None:
                held.folder.close()
