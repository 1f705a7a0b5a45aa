"""The producer snapshots in a partition's folder: which there are, writing, finding one to start from.

A snapshot is written when a segment is begun, at each checkpoint and when the log is closed. Those at
the base offset of a segment stay with it. Of the others the last two are kept: the recovery point that
is saved on the disk may be the earlier one's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from streamkit.errors import CorruptRecordError
from streamkit.log.storage.files import OpenFiles, remove, storage_errors
from streamkit.log.storage.producer_state import (
    ProducerStates,
    decode_snapshot,
    encode_snapshot,
)

__all__ = ["SNAPSHOT_SUFFIX", "Snapshots"]

SNAPSHOT_SUFFIX = ".snapshot"


class Snapshots:
    """The snapshot files of one partition.

    Args:
        folder: the partition's.
        offsets: those that are there.
        files: reads them.
    """

    __slots__ = ("_files", "_folder", "offsets")

    def __init__(self, folder: Path, offsets: Collection[int], files: OpenFiles) -> None:
        self._folder = folder
        self._files = files
        self.offsets = set(offsets)

    def path(self, offset: int) -> str:
        """The file as of `offset`."""
        return str(self._folder / f"{offset:020d}{SNAPSHOT_SUFFIX}")

    def take(self, states: ProducerStates) -> str | None:
        """Write the state as of its end offset, unless that was done; the path if it was written.

        The bytes carry a checksum, so a file that a crash has torn is found out and passed over.
        """
        offset = states.end_offset
        if offset in self.offsets or offset == 0:
            return None
        path = self.path(offset)
        with storage_errors("write", path):
            temporary = Path(path + ".tmp")
            temporary.write_bytes(encode_snapshot(states.entries.values()))
            temporary.replace(path)
        self.offsets.add(offset)
        return path

    def load(self, states: ProducerStates, start: int, limit: int, now_ms: int) -> int:
        """Begin `states` with the last good snapshot at or before `limit`.

        Args:
            states: to be loaded.
            start: base offset of the first segment; without a snapshot the state is empty there.
            limit: snapshots after it are deleted: the log isn't known to be good so far.
            now_ms: the time.

        Returns:
            The offset from which batches must be replayed.
        """
        self.remove(offset for offset in self.offsets if offset > limit)
        for offset in sorted(self.offsets, reverse=True):
            if offset < start:
                break
            path = self.path(offset)
            try:
                entries = decode_snapshot(self._files.read_all(path) or b"", path)
            except CorruptRecordError:
                self.remove([offset])
                continue
            states.load(entries, offset, now_ms)
            return offset
        states.load((), start, now_ms)
        return start

    def keep(self, base_offsets: Collection[int]) -> None:
        """Delete those before the first segment, and all within segments but the last two."""
        first = min(base_offsets)
        within = sorted(offset for offset in self.offsets if offset not in base_offsets)
        self.remove(offset for offset in within if offset < first)
        self.remove(within[:-2])

    def remove(self, offsets: Iterable[int]) -> None:
        """Delete the snapshots as of `offsets`."""
        for offset in list(offsets):
            remove(self.path(offset))
            self.offsets.discard(offset)
