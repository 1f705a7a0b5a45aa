"""Finding records by timestamp.

The time index leads to the first batch that may hold the record; its records are decoded to find the
first one that does. Timestamps need not be in order: the answer is the first record in offset order.

Source: KIP-33, KIP-734; org.apache.kafka.storage.internals.log.LogSegment.findOffsetByTimestamp.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.log.protocol import BatchHeader, decode_batch
from streamkit.log.storage.results import TimestampOffset
from streamkit.log.storage.segment import Segment

__all__ = ["Lookup"]


class Lookup:
    """A search over the segments of one log.

    Args:
        segments: of the log, by offset.
        log_start_offset: records before it don't count.
    """

    __slots__ = ("_log_start_offset", "_segments")

    def __init__(self, segments: Sequence[Segment], log_start_offset: int) -> None:
        self._segments = segments
        self._log_start_offset = log_start_offset

    def first_at_or_after(self, timestamp: int) -> TimestampOffset | None:
        """The first record whose timestamp is `timestamp` or later."""
        for index, segment in enumerate(self._segments):
            following = self._segments[index + 1 : index + 2]
            if following and following[0].base_offset <= self._log_start_offset:
                continue
            if segment.largest_timestamp()[0] < timestamp:
                continue
            for position, header in segment.find_timestamp(timestamp):
                found = self._first_in(segment, position, header, timestamp)
                if found is not None:
                    return found
        return None

    def with_max_timestamp(self) -> TimestampOffset | None:
        """The first record of those with the largest timestamp."""
        largest = -1
        where: Segment | None = None
        for segment in self._segments:
            timestamp, last_offset = segment.largest_timestamp()
            if timestamp > largest and last_offset >= self._log_start_offset:
                largest, where = timestamp, segment
        if where is None:
            return None
        for position, header in where.find_timestamp(largest):
            found = self._first_in(where, position, header, largest)
            if found is not None:
                return found
        return None

    def _first_in(
        self, segment: Segment, position: int, header: BatchHeader, timestamp: int
    ) -> TimestampOffset | None:
        if header.last_offset < self._log_start_offset:
            return None
        columns = decode_batch(segment.read_batch(position, header), 0, header)
        for at, offset in zip(columns.timestamps, columns.offsets, strict=True):
            if at >= timestamp and offset >= self._log_start_offset:
                return TimestampOffset(at, offset, header.partition_leader_epoch)
        return None
