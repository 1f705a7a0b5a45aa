"""Reading batches out of a log's segments, and which aborted transactions a reader must know of."""

from __future__ import annotations

from bisect import bisect_right

from streamkit.log.storage.segment import Segment
from streamkit.log.storage.transaction_index import AbortedTransaction

__all__ = ["Reader"]

_REMEMBERED_POSITIONS = 64


class Reader:
    """Reads out of the segments of one log.

    It remembers where the batches begin that readers who follow closely will ask for next, which saves
    them the look into the index.

    Args:
        segments: the log's own list, which may change.
    """

    __slots__ = ("_positions", "_segments")

    def __init__(self, segments: list[Segment]) -> None:
        self._segments = segments
        # Base offset of the segment and position in it, by offset.
        self._positions: dict[int, tuple[int, int]] = {}

    def forget(self) -> None:
        """Forget all positions: segments were cut or replaced."""
        self._positions.clear()

    def read(
        self,
        offset: int,
        max_bytes: int,
        *,
        limit: int,
        end_offset: int,
        min_one: bool,
        verify: bool,
        whole_from: int,
    ) -> tuple[bytes | memoryview, int]:
        """Whole batches from the one that holds `offset` on, and the offset after them.

        Args:
            offset: first offset wanted; less than `limit`.
            max_bytes: bytes returned at most.
            limit: batches from this offset on aren't wanted; one begins there.
            end_offset: the log's.
            min_one: return the first batch even if it is larger.
            verify: check the checksums of batches that this process didn't write.
            whole_from: from this offset on no record may be missing: nothing was compacted there.

        Raises:
            CorruptRecordError: a batch is damaged, or records are missing.
        """
        segments = self._segments
        for index in range(self.index_of(offset), len(segments)):
            segment = segments[index]
            last = index + 1 == len(segments)
            following = end_offset if last else segments[index + 1].base_offset
            position = self._position(segment, offset, whole_from)
            if position is None:
                if not last and max(offset, segment.base_offset) >= whole_from:
                    raise segment.missing(max(offset, segment.base_offset), following)
                continue
            end = segment.size
            if limit < following:
                stop = self._position(segment, limit, following)
                end = segment.size if stop is None else stop
            if position >= end:
                return b"", offset
            data, next_offset = segment.read(position, max_bytes, end)
            if not min_one and len(data) > max_bytes:
                return b"", offset
            if next_offset < 0:
                next_offset = min(limit, following)
            if verify and (not last or position < segment.appended_from):
                whole, after = segment.verified(data, position, offset, whole_from)
                if len(whole) < len(data):
                    return whole, after
            self.remember(next_offset, segment, position + len(data))
            return data, next_offset
        return b"", offset

    def aborted(self, offset: int, end: int) -> list[AbortedTransaction]:
        """Aborted transactions that overlap `[offset, end)`, by first offset."""
        found: list[AbortedTransaction] = []
        if end > offset:
            for segment in self._segments[self.index_of(offset) :]:
                if segment.txn_index.collect(offset, end, found):
                    break
        return sorted(found, key=lambda transaction: transaction.first_offset)

    def _position(self, segment: Segment, offset: int, whole_from: int) -> int | None:
        """Where the batch begins that holds `offset` or, before `whole_from`, the next one after it."""
        known = self._positions.get(offset)
        if known is not None and known[0] == segment.base_offset and known[1] < segment.size:
            return known[1]
        found = segment.find(offset)
        if found is None:
            return None
        if found[1].base_offset > offset >= whole_from:
            raise segment.missing(offset, found[1].base_offset)
        return found[0]

    def remember(self, offset: int, segment: Segment, position: int) -> None:
        """Note that the batch with `offset`, or the next one, begins at `position` of `segment`."""
        positions = self._positions
        if len(positions) >= _REMEMBERED_POSITIONS and offset not in positions:
            del positions[next(iter(positions))]
        positions[offset] = (segment.base_offset, position)

    def index_of(self, offset: int) -> int:
        """Which segment holds `offset`; the first one for what is before it."""
        slot = bisect_right(self._segments, offset, key=lambda segment: segment.base_offset)
        return max(slot - 1, 0)
