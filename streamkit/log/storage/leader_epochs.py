"""Where each leader epoch began, so that a client can find out how far an old epoch reached.

Source: KIP-101, KIP-320; org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

from streamkit.log.storage.checkpoints import (
    LEADER_EPOCH_FILE,
    read_leader_epochs,
    write_leader_epochs,
)

__all__ = ["LeaderEpochs"]

UNDEFINED = -1


class LeaderEpochs:
    """Leader epochs and their start offsets, both growing; every change is saved.

    Args:
        folder: the partition's folder.
    """

    __slots__ = ("_entries", "_path")

    def __init__(self, folder: Path) -> None:
        # With 10,000 partitions `Path` takes a second.
        self._path = f"{folder}/{LEADER_EPOCH_FILE}"
        self._entries = read_leader_epochs(self._path)

    @property
    def entries(self) -> tuple[tuple[int, int], ...]:
        """Epoch and start offset of each, in order."""
        return tuple(self._entries)

    @property
    def latest(self) -> int:
        """The latest epoch, or -1 if there is none."""
        return self._entries[-1][0] if self._entries else UNDEFINED

    def assign(self, epoch: int, start_offset: int) -> None:
        """Note that batches from `start_offset` on have `epoch`, if it is a later one."""
        if epoch > self.latest:
            kept = [entry for entry in self._entries if entry[1] < start_offset]
            self._replace([*kept, (epoch, start_offset)])

    def epoch_of(self, offset: int) -> int:
        """The epoch of the record at `offset`; -1 before the first one known."""
        slot = bisect_right(self._entries, offset, key=lambda entry: entry[1]) - 1
        return self._entries[slot][0] if slot >= 0 else UNDEFINED

    def end_offset_of(self, epoch: int, log_end_offset: int) -> tuple[int, int]:
        """The largest epoch at or before `epoch`, and where it ended.

        Returns:
            Epoch and end offset; `(-1, -1)` when `epoch` is unknown or later than all.
        """
        if epoch < 0 or epoch > self.latest:
            return UNDEFINED, UNDEFINED
        if epoch == self.latest:
            return epoch, log_end_offset
        slot = bisect_right(self._entries, epoch, key=lambda entry: entry[0])
        end_offset = self._entries[slot][1]
        return (self._entries[slot - 1][0] if slot else epoch), end_offset

    def truncate_to(self, end_offset: int) -> None:
        """Forget epochs that begin at or after `end_offset`."""
        kept = [entry for entry in self._entries if entry[1] < end_offset]
        if len(kept) < len(self._entries):
            self._replace(kept)

    def start_at(self, start_offset: int) -> None:
        """Forget epochs that ended before `start_offset`."""
        slot = bisect_right(self._entries, start_offset, key=lambda entry: entry[1]) - 1
        if slot >= 0 and self._entries[slot][1] < start_offset:
            self._replace([(self._entries[slot][0], start_offset), *self._entries[slot + 1 :]])

    def _replace(self, entries: list[tuple[int, int]]) -> None:
        write_leader_epochs(self._path, entries)
        self._entries = entries
