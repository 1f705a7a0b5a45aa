"""A worker's status, put together from its parts; on the processing thread.

What costs more than a few additions is looked at once a second.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path

from streamkit.runtime.collector import ProducerCollector
from streamkit.runtime.global_tables import GlobalTables
from streamkit.runtime.state_directory import StateDirectory
from streamkit.runtime.task_manager import TaskManager
from streamkit.runtime.worker_status import StoreSize, WorkerStatus

__all__ = ["StatusReport"]

_LOOK_SECONDS = 1.0


class StatusReport:
    """The status of one worker.

    Args:
        tasks, collector, state: the parts.

    Attributes:
        global_tables: set once there are any.
        commits: how many commits went through.
    """

    def __init__(
        self, tasks: TaskManager, collector: ProducerCollector, state: StateDirectory
    ) -> None:
        self.global_tables: GlobalTables | None = None
        self.commits = 0
        self._commit_seconds = 0.0
        self._slowest_commit = 0.0
        self._tasks = tasks
        self._collector = collector
        self._state = state
        self._looked_at = float("-inf")
        self._looked = WorkerStatus()

    def committed(self, seconds: float) -> None:
        """A commit went through."""
        self.commits += 1
        self._commit_seconds += seconds
        self._slowest_commit = max(self._slowest_commit, seconds)

    def now(self, state: str) -> WorkerStatus:
        """The status of a worker that is doing `state`."""
        tasks = self._tasks
        jobs = tasks.restoring()
        total = sum(job.total for job in jobs)
        done = sum(job.done for job in jobs)
        tables = self.global_tables
        if tables is not None and state == "filling global tables":
            total, done = tables.total, tables.done
        dropped = dict(tasks.dropped)
        running = tasks.running()
        punctuations = tasks.punctuations
        for task in running:
            punctuations += task.punctuations
            for key, count in task.context.dropped.items():
                dropped[key] = dropped.get(key, 0) + count
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._look()
        return replace(
            self._looked,
            state=state,
            tasks=tuple(tasks.task_ids()),
            running_tasks=len(running),
            restore_total=total,
            restore_done=done,
            restored=tasks.restored + sum(job.done for job in jobs),
            processed=tasks.processed,
            sent=self._collector.sent,
            dropped=dropped,
            commits=self.commits,
            commit_seconds=self._commit_seconds,
            slowest_commit_seconds=self._slowest_commit,
            process_seconds=tasks.process_seconds,
            punctuations=punctuations,
            punctuate_seconds=tasks.punctuate_seconds,
            rebalances=tasks.rebalances,
        )

    def _look(self) -> None:
        tasks = self._tasks
        self._looked_at = time.monotonic()
        self._looked = WorkerStatus(
            buffered=sum(task.buffered for task in tasks.running()),
            buffered_bytes=sum(
                task.buffered_bytes(partition)
                for task in tasks.running()
                for partition in task.inputs
            ),
            lags=tuple(tasks.lags()),
            stores=tuple(self._stores()),
            cpu_seconds=time.process_time(),
            memory_bytes=_memory_bytes(),
        )

    def _stores(self) -> list[StoreSize]:
        sizes = []
        for task in self._tasks.running():
            folder = self._state.path / str(task.task_id) / "rocksdb"
            for name, store in task.stores.items():
                count = getattr(store, "approximate_entries", None)
                entries = None if count is None else int(count())
                sizes.append(StoreSize(str(task.task_id), name, entries, _files(folder / name)))
        return sizes


def _files(folder: Path) -> int:
    """Bytes of the files in a folder; those that are deleted meanwhile don't count."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat().st_size
    return total


def _memory_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
