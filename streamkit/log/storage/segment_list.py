"""The segments of one log, by offset: beginning, cutting, taking out and replacing them.

Files of segments that are taken out are renamed at once and removed later, so that a reader elsewhere, such as
a backup, has time to finish. `layout` changes whenever segments go or shrink in another way than by
compaction; who works on some of them over a longer time looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streamkit.log.storage.files import OpenFiles
from streamkit.log.storage.reading import Reader
from streamkit.log.storage.recovery import CLEANED_SUFFIX, SWAP_SUFFIX
from streamkit.log.storage.segment import Segment

__all__ = ["SegmentList"]


class SegmentList:
    """The segments of one log; at least one, the last one being the active one.

    Args:
        folder: where the files are.
        segments: those that are there.
        files: opens them.

    Attributes:
        items: the segments.
        reader: reads out of them.
        layout: a number that tells one arrangement from another.
    """

    __slots__ = ("_doomed", "_files", "_folder", "items", "layout", "reader")

    def __init__(self, folder: Path, segments: list[Segment], files: OpenFiles) -> None:
        self.items = segments
        self.reader = Reader(segments)
        self.layout = 0
        self._folder = folder
        self._files = files
        # When each file is to be removed.
        self._doomed: list[tuple[int, str]] = []

    @property
    def active(self) -> Segment:
        """The one that is appended to."""
        return self.items[-1]

    @property
    def base_offsets(self) -> list[int]:
        """Where each begins."""
        return [segment.base_offset for segment in self.items]

    def begin(self, base_offset: int, index_interval_bytes: int, now_ms: int) -> Segment:
        """Begin a segment behind the others; it is the active one now."""
        segment = self.new(base_offset, index_interval_bytes, now_ms)
        self.items.append(segment)
        return segment

    def new(
        self, base_offset: int, index_interval_bytes: int, now_ms: int, *, cleaned: bool = False
    ) -> Segment:
        """An empty segment that isn't in the list, with its files.

        Args:
            base_offset: gives the files their name.
            index_interval_bytes: bytes of log between two index entries.
            now_ms: the time.
            cleaned: give the files the suffix of an unfinished compaction.
        """
        segment = Segment(
            self._folder,
            base_offset,
            self._files,
            index_interval_bytes=index_interval_bytes,
            size=0,
            created_ms=now_ms,
            suffix=CLEANED_SUFFIX if cleaned else "",
        )
        segment.create()
        return segment

    def from_offset(self, offset: int) -> Sequence[Segment]:
        """The segment that holds `offset`, and those behind it."""
        return self.items[self.reader.index_of(offset) :]

    def is_split(self, offset: int, limit: int) -> bool:
        """Whether `offset` and `limit` are in different segments."""
        return self.reader.index_of(offset) != self.reader.index_of(limit)

    def cut(self, offset: int) -> int:
        """Remove the batches that hold `offset` or later ones; where the log ends now.

        Args:
            offset: after the base offset of the first segment.
        """
        self._changed()
        index = self.reader.index_of(offset)
        if self.items[index].base_offset == offset:
            index -= 1
        while len(self.items) > index + 1:
            self.items.pop().delete()
        end = self.active.truncate_to(offset)
        self.active.open_active(end)
        return end

    def start_anew(self, base_offset: int, index_interval_bytes: int, now_ms: int) -> None:
        """Remove everything, and begin at `base_offset`."""
        self._changed()
        for segment in self.items:
            segment.delete()
        self.items[:] = [self.new(base_offset, index_interval_bytes, now_ms)]

    def take_out(self, count: int, due_ms: int) -> int:
        """Take the `count` oldest out, but never the active one; the bytes in them."""
        self._changed()
        removed = 0
        for _ in range(min(count, len(self.items) - 1)):
            removed += self.items[0].size
            self._doom(self.items[0], due_ms)
            del self.items[0]
        return removed

    def replace(self, old: Sequence[Segment], new: Segment, due_ms: int) -> None:
        """Put a compacted segment in the place of those it was made from.

        At every step a crash leaves files from which the next start makes the old or the new state:
        the new segment's files are complete before they get the suffix that says so, and the old
        ones go only after that.
        """
        index = self.items.index(old[0])
        new.change_suffix(CLEANED_SUFFIX, SWAP_SUFFIX)
        for segment in old:
            self._doom(segment, due_ms)
        new.change_suffix(SWAP_SUFFIX, "")
        self.items[index : index + len(old)] = [new]
        self.reader.forget()

    def remove_doomed(self, now_ms: int) -> None:
        """Remove the files of segments that were taken out long enough ago."""
        while self._doomed and self._doomed[0][0] <= now_ms:
            self._files.remove(self._doomed.pop(0)[1])

    def release(self) -> None:
        """Close the files, without writing anything."""
        self._changed()
        for segment in self.items:
            segment.release()

    def _doom(self, segment: Segment, due_ms: int) -> None:
        self._doomed.extend((due_ms, path) for path in segment.mark_deleted())

    def _changed(self) -> None:
        self.layout += 1
        self.reader.forget()
