"""A test driver that can be stopped after a commit and started again, as a worker would be.

What survives is what a worker would find: committed offsets with their metadata, the changelogs, source topics that
stand for changelogs among them, and, after a clean stop, the state folder. Global stores are filled again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from streamkit.model.records import Headers, TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.runtime.commit import offsets_of, saved_state
from streamkit.runtime.task import Committable, Task
from streamkit.state import StateStore
from streamkit.testing.driver import TopologyTestDriver

__all__ = ["RestartingDriver"]


class RestartingDriver(TopologyTestDriver):
    """A driver that commits when told to.

    Args:
        commit_every: how many records of a task lie between two commits.
    """

    def __init__(self, source: Any, *, commit_every: int = 1, **options: Any) -> None:
        self._commit_every = commit_every
        self._since_commit = 0
        self._saved: dict[TaskId, dict[TopicPartition, Committable]] = {}
        self._changelogs: dict[str, list[tuple[bytes | None, bytes | None, int]]] = {}
        self._given: dict[str, list[tuple[bytes | None, bytes | None, int, Headers]]] = {}
        self._restored_from: set[str] = set()
        super().__init__(source, **options)
        self._restored_from = {
            partition.topic for task in self._tasks for partition in task.restorable()
        }

    def commit(self) -> None:
        """Commit every task, and process what that sends to topics that are read."""
        for task in self._tasks:
            self._really_commit(task)
        self._collect()
        self._run_to_end()

    def restart(self, *, crash: bool) -> None:
        """Commit, stop every task and start it again.

        Args:
            crash: the state folder is lost too; stores in memory are lost in any case.
        """
        for task in self._tasks:
            self._really_commit(task)
        self._collect()
        global_stores = self._restarted_global_stores()
        for number, task in enumerate(self._tasks):
            task.close()
            folder = self._task_folder(task.task_id)
            if crash and folder is not None:
                shutil.rmtree(folder)
                folder.mkdir()
            again = self._factory.task(task.task_id, directory=folder, global_stores=global_stores)
            self._restore(again)
            again.start(self._saved.get(task.task_id, {}))
            self._tasks[number] = again
            for partition in again.inputs:
                self._readers[partition.topic] = again

    def _restarted_global_stores(self) -> dict[str, StateStore]:
        stores: dict[str, StateStore] = {}
        for number, node in enumerate(self._plan.global_stores):
            self._global_tasks[number].close()
            task = self._factory.global_task(number, node, [0])
            self._global_tasks[number] = task
            self._readers[node.source.topics[0]] = task
            task.start({})
            stores.update(task.stores)
            for given in self._given.get(node.source.topics[0], ()):
                super()._enqueue(node.source.topics[0], *given)
            while task.process(1_000):
                super()._commit(task)
            task.context.dropped.clear()  # they were counted when they came
        return stores

    def _enqueue(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers
    ) -> None:
        self._given.setdefault(topic, []).append((key, value, timestamp, headers))
        if topic in self._restored_from:  # a source topic
            changelog = self._changelogs.setdefault(topic, [])
            changelog.append((key, value, timestamp))
            self._topics._ends[topic] = len(changelog)
        super()._enqueue(topic, key, value, timestamp, headers)

    def _task_folder(self, task_id: TaskId) -> Path | None:
        if self._folder is None:
            return None
        return Path(self._folder.name) / self._plan.application_id / str(task_id)

    def _restore(self, task: Task) -> None:
        for partition, store in task.restorable().items():
            records = self._changelogs.get(partition.topic, [])
            begin = max(store.checkpoint(), 0)
            assert begin <= len(records)
            if begin < len(records):
                keys, values, timestamps = zip(*records[begin:], strict=True)
                store.restore_batch(list(keys), list(values), list(timestamps), len(records))

    def _commit(self, task: Task) -> None:
        self._since_commit += 1
        if self._since_commit >= self._commit_every:
            self._since_commit = 0
            self._really_commit(task)

    def _really_commit(self, task: Task) -> None:
        super()._commit(task)
        offsets = offsets_of(task.committable())
        self._saved[task.task_id] = saved_state(offsets)

    def _collect(self) -> None:
        written = self._topics.take_written()
        for topic, record in written:
            if topic.endswith("-changelog"):
                entry = (record.key, record.value, record.timestamp_ms)
                self._changelogs.setdefault(topic, []).append(entry)
        self._topics._written = written
        super()._collect()
