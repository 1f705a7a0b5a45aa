"""What a worker is doing, as others may read it at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamkit.model.tasks import TaskId

__all__ = ["WorkerStatus"]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker is doing, for progress lines.

    Attributes:
        state: "starting", "filling global tables", "joining", "restoring", "running", "stopping",
            "stopped" or "failed".
        tasks: what it owns.
        restore_total, restore_done: changelog or global records to read, and read so far.
        processed: records taken from source partitions.
        sent: records written, changelogs included.
        dropped: by (operator, reason).
        commits: how many commits went through.
    """

    state: str = "starting"
    tasks: tuple[TaskId, ...] = ()
    restore_total: int = 0
    restore_done: int = 0
    processed: int = 0
    sent: int = 0
    dropped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    commits: int = 0

    @property
    def dropped_records(self) -> int:
        """All dropped records together."""
        return sum(self.dropped.values())
