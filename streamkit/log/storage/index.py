"""The sparse indexes of one segment: offset to position, and timestamp to offset.

`.index`, one entry for about every `index.interval.bytes` of log:

| bytes | field |
| --- | --- |
| 4 | last offset of a batch, relative to the segment's base offset |
| 4 | position of that batch in the segment file |

`.timeindex`, at the same places when the largest timestamp has grown, and when the segment closes:

| bytes | field |
| --- | --- |
| 8 | largest timestamp of the segment so far |
| 4 | last offset of the batch that holds it, relative |

Entries are kept in memory while they are in use and written behind: they can always be rebuilt from
the segment, and recovery does so above the recovery point. Offsets grow strictly, so do positions
and timestamps; a file that breaks this is damaged.

Source: org.apache.kafka.storage.internals.log.OffsetIndex and TimeIndex.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from operator import le, lt

from streamkit.log.storage.files import OpenFiles

__all__ = ["OffsetIndex", "TimeIndex"]

_OFFSET_ENTRY = struct.Struct(">II")
_TIME_ENTRY = struct.Struct(">qI")
_NEVER_EMPTY_BYTES = 8 * 1024 * 1024


class OffsetIndex:
    """Positions by offset.

    Args:
        path: the file; it need not exist.
        base_offset: the segment's.
        files: opens it.
    """

    __slots__ = ("_files", "_offsets", "_positions", "_saved", "base_offset", "loaded", "path")

    def __init__(self, path: str, base_offset: int, files: OpenFiles) -> None:
        self.path = path
        self.base_offset = base_offset
        self._files = files
        self._offsets: array[int] = array("I")
        self._positions: array[int] = array("I")
        self._saved = 0
        self.loaded = False

    def load(self, log_size: int) -> bool:
        """Read the file, if that isn't done. False: missing or damaged, and the index is empty now.

        Args:
            log_size: bytes in the segment; no entry may point behind them.
        """
        if self.loaded:
            return True
        data = self._files.read_all(self.path)
        # Every index of this much log has entries; without them each read would scan it.
        sound = data is not None and len(data) % _OFFSET_ENTRY.size == 0
        sound = sound and (bool(data) or log_size < _NEVER_EMPTY_BYTES)
        numbers = array("I", data or b"" if sound else b"")
        numbers.byteswap()
        self._offsets, self._positions = numbers[0::2], numbers[1::2]
        self._saved = len(self._offsets)
        self.loaded = True
        if sound and data:
            sound = (
                self._positions[-1] < log_size
                and all(map(lt, self._offsets, self._offsets[1:]))
                and all(map(lt, self._positions, self._positions[1:]))
            )
        if not sound:
            self.reset()
            return False
        self.settle()
        return True

    def settle(self) -> None:
        """Write what isn't in the file yet; from now on the entries may leave the memory."""
        self.save()
        self._files.loaded(self, self.size_bytes)

    def unload(self) -> bool:
        """Drop the entries from memory, unless some aren't written yet."""
        if self._saved < len(self._offsets):
            return False
        self._offsets, self._positions = array("I"), array("I")
        self.loaded = False
        return True

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def unsaved(self) -> int:
        """Entries that aren't in the file yet."""
        return len(self._offsets) - self._saved

    @property
    def size_bytes(self) -> int:
        """Bytes of the file once everything is written."""
        return len(self._offsets) * _OFFSET_ENTRY.size

    def append(self, offset: int, position: int) -> None:
        """Add the batch at `position` whose last offset is `offset`."""
        self._offsets.append(offset - self.base_offset)
        self._positions.append(position)

    def lookup(self, offset: int) -> tuple[int, int]:
        """The last entry at or before `offset`, as offset and position; the segment's start if none."""
        slot = bisect_right(self._offsets, max(offset - self.base_offset, -1)) - 1
        if slot < 0:
            return self.base_offset, 0
        return self.base_offset + self._offsets[slot], self._positions[slot]

    def batch_before(self, position: int) -> int:
        """The last known position of a batch at or before `position`."""
        slot = bisect_right(self._positions, position) - 1
        return 0 if slot < 0 else self._positions[slot]

    def last_position(self) -> int:
        """The position of the last entry; 0 if there is none."""
        return self._positions[-1] if self._positions else 0

    def truncate_to(self, offset: int) -> None:
        """Drop the entries of batches that hold `offset` or later ones."""
        kept = bisect_right(self._offsets, max(offset - self.base_offset - 1, -1))
        kept = 0 if offset <= self.base_offset else kept
        if kept < len(self._offsets):
            del self._offsets[kept:], self._positions[kept:]
            self._cut(kept)

    def truncate_to_position(self, position: int) -> None:
        """Drop the entries that point at `position` or behind it."""
        kept = bisect_right(self._positions, position - 1) if position > 0 else 0
        if kept < len(self._offsets):
            del self._offsets[kept:], self._positions[kept:]
            self._cut(kept)

    def reset(self) -> None:
        """Drop all entries, before a rebuild."""
        self._offsets, self._positions = array("I"), array("I")
        self.loaded = True
        self._files.create(self.path)
        self._saved = 0

    def save(self) -> None:
        """Write the entries that aren't in the file yet."""
        if self._saved < len(self._offsets):
            entries = zip(self._offsets[self._saved :], self._positions[self._saved :], strict=True)
            data = b"".join(_OFFSET_ENTRY.pack(*entry) for entry in entries)
            self._files.write(self.path, data, self._saved * _OFFSET_ENTRY.size)
            self._saved = len(self._offsets)

    def _cut(self, kept: int) -> None:
        if kept < self._saved:
            self._files.truncate(self.path, kept * _OFFSET_ENTRY.size)
            self._saved = kept


class TimeIndex:
    """Offsets by timestamp; see `OffsetIndex` for the arguments."""

    __slots__ = ("_files", "_offsets", "_saved", "_timestamps", "base_offset", "loaded", "path")

    def __init__(self, path: str, base_offset: int, files: OpenFiles) -> None:
        self.path = path
        self.base_offset = base_offset
        self._files = files
        self._timestamps: array[int] = array("q")
        self._offsets: array[int] = array("I")
        self._saved = 0
        self.loaded = False

    def load(self, log_size: int) -> bool:
        """Read the file, if that isn't done. False: missing or damaged, and the index is empty now."""
        if self.loaded:
            return True
        data = self._files.read_all(self.path)
        sound = data is not None and len(data) % _TIME_ENTRY.size == 0
        # A segment that is complete has an entry, unless its records have no timestamps.
        sound = sound and (bool(data) or log_size == 0)
        entries = list(_TIME_ENTRY.iter_unpack(data or b"")) if sound else []
        self._timestamps = array("q", [entry[0] for entry in entries])
        self._offsets = array("I", [entry[1] for entry in entries])
        self._saved = len(entries)
        self.loaded = True
        if not (
            sound
            and all(map(lt, self._timestamps, self._timestamps[1:]))
            and all(map(le, self._offsets, self._offsets[1:]))
        ):
            self.reset()
            return False
        self.settle()
        return True

    def settle(self) -> None:
        """Write what isn't in the file yet; from now on the entries may leave the memory."""
        self.save()
        self._files.loaded(self, self.size_bytes)

    def unload(self) -> bool:
        """Drop the entries from memory, unless some aren't written yet."""
        if self._saved < len(self._offsets):
            return False
        self._timestamps, self._offsets = array("q"), array("I")
        self.loaded = False
        return True

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def unsaved(self) -> int:
        """Entries that aren't in the file yet."""
        return len(self._offsets) - self._saved

    @property
    def size_bytes(self) -> int:
        """Bytes of the file once everything is written."""
        return len(self._offsets) * _TIME_ENTRY.size

    def append(self, timestamp: int, offset: int) -> None:
        """Add the largest timestamp so far and its batch's last offset, if it is a new one."""
        if timestamp <= (self._timestamps[-1] if self._timestamps else -1):
            return
        self._timestamps.append(timestamp)
        self._offsets.append(offset - self.base_offset)

    def lookup(self, timestamp: int) -> tuple[int, int]:
        """The last entry at or before `timestamp`; -1 and the segment's base offset if none."""
        slot = bisect_right(self._timestamps, timestamp) - 1
        if slot < 0:
            return -1, self.base_offset
        return self._timestamps[slot], self.base_offset + self._offsets[slot]

    def last(self) -> tuple[int, int]:
        """The last entry; -1 and the segment's base offset if there is none."""
        if not self._offsets:
            return -1, self.base_offset
        return self._timestamps[-1], self.base_offset + self._offsets[-1]

    def truncate_to(self, offset: int) -> None:
        """Drop the entries of batches that hold `offset` or later ones."""
        kept = 0
        if offset > self.base_offset:
            kept = bisect_right(self._offsets, offset - self.base_offset - 1)
        if kept < len(self._offsets):
            del self._timestamps[kept:], self._offsets[kept:]
            if kept < self._saved:
                self._files.truncate(self.path, kept * _TIME_ENTRY.size)
                self._saved = kept

    def reset(self) -> None:
        """Drop all entries, before a rebuild."""
        self._timestamps, self._offsets = array("q"), array("I")
        self.loaded = True
        self._files.create(self.path)
        self._saved = 0

    def save(self) -> None:
        """Write the entries that aren't in the file yet."""
        if self._saved < len(self._offsets):
            entries = zip(
                self._timestamps[self._saved :], self._offsets[self._saved :], strict=True
            )
            data = b"".join(_TIME_ENTRY.pack(*entry) for entry in entries)
            self._files.write(self.path, data, self._saved * _TIME_ENTRY.size)
            self._saved = len(self._offsets)
