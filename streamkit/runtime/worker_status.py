"""What a worker is doing, as others may read it at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamkit.model.tasks import TaskId

__all__ = ["PartitionLag", "StoreSize", "WorkerStatus"]


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """Records of an input partition that are not processed yet, as far as the last fetch tells."""

    topic: str
    partition: int
    records: int


@dataclass(frozen=True, slots=True)
class StoreSize:
    """One store of one task.

    Attributes:
        entries: an estimate; None for kinds of stores that can't tell.
        disk_bytes: files of the store; 0 in memory.
    """

    task: str
    store: str
    entries: int | None
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker is doing, for progress lines and metrics.

    Attributes:
        state: "starting", "filling global tables", "joining", "restoring", "running", "stopping",
            "stopped" or "failed".
        tasks: what it owns.
        running_tasks: how many of them process records; the others wait or are being restored.
        restore_total, restore_done: changelog or global records to read, and read so far.
        restored: records read by all restores since the start.
        processed: records taken from source partitions.
        sent: records written, changelogs included.
        dropped: by (operator, reason).
        commits: how many commits went through; `commit_seconds` all of them took, and the slowest.
        process_seconds: time spent in operators, punctuators left out.
        punctuations: calls of punctuators; `punctuate_seconds` those by the wall clock took.
        rebalances: assignments taken from the group.
        buffered, buffered_bytes: records fetched for tasks and not processed yet.
        lags, stores: looked at once a second.
        cpu_seconds, memory_bytes: of the process; memory is 0 where the platform doesn't tell.
    """

    state: str = "starting"
    tasks: tuple[TaskId, ...] = ()
    restore_total: int = 0
    restore_done: int = 0
    processed: int = 0
    sent: int = 0
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    commits: int = 0
    running_tasks: int = 0
    restored: int = 0
    commit_seconds: float = 0.0
    slowest_commit_seconds: float = 0.0
    process_seconds: float = 0.0
    punctuations: int = 0
    punctuate_seconds: float = 0.0
    rebalances: int = 0
    buffered: int = 0
    buffered_bytes: int = 0
    lags: tuple[PartitionLag, ...] = ()
    stores: tuple[StoreSize, ...] = ()
    cpu_seconds: float = 0.0
    memory_bytes: int = 0

    @property
    def dropped_records(self) -> int:
        """All dropped records together."""
        return sum(self.dropped.values())

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it, for reports to a supervisor and in files."""
        return {
            "state": self.state,
            "tasks": [str(task) for task in self.tasks],
            "processed": self.processed,
            "sent": self.sent,
            "dropped": self.dropped_records,
            "dropped_by": [[node, why, count] for (node, why), count in self.dropped.items()],
            "restore_total": self.restore_total,
            "restore_done": self.restore_done,
            "commits": self.commits,
            "running_tasks": self.running_tasks,
            "restored": self.restored,
            "commit_seconds": self.commit_seconds,
            "slowest_commit_seconds": self.slowest_commit_seconds,
            "process_seconds": self.process_seconds,
            "punctuations": self.punctuations,
            "punctuate_seconds": self.punctuate_seconds,
            "rebalances": self.rebalances,
            "buffered": self.buffered,
            "buffered_bytes": self.buffered_bytes,
            "lags": [[lag.topic, lag.partition, lag.records] for lag in self.lags],
            "stores": [
                [size.task, size.store, size.entries, size.disk_bytes] for size in self.stores
            ],
            "cpu_seconds": self.cpu_seconds,
            "memory_bytes": self.memory_bytes,
        }
