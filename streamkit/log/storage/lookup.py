"""Finding records by timestamp.

The time index leads to the first batch that may hold the record; its records are decoded to find the
first one that does. Timestamps need not be in order: the answer is the first record in offset order.

Source: KIP-33, KIP-734; org.apache.kafka.storage.internals.log.LogSegment.findOffsetByTimestamp.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
        for segment in self._from_log_start():
            if segment.largest_timestamp()[0] < timestamp:
                continue
            found = self._first_of(segment, timestamp)
            if found is not None:
                return found
        return None

    def with_max_timestamp(self) -> TimestampOffset | None:
        """The first record of those with the largest timestamp."""
        largest = -1
        where: Segment | None = None
        for segment in self._from_log_start():
            timestamp = segment.largest_timestamp()[0]
            if timestamp > largest and segment.base_offset < self._log_start_offset:
                # The record that has it may have been deleted.
                timestamp = self._largest_left(segment)
            if timestamp > largest:
                largest, where = timestamp, segment
        return None if where is None else self._first_of(where, largest)

    def _from_log_start(self) -> Iterator[Segment]:
        """The segments that hold records from the log's start on."""
        for index, segment in enumerate(self._segments):
            following = self._segments[index + 1 : index + 2]
            if not following or following[0].base_offset > self._log_start_offset:
                yield segment

    def _largest_left(self, segment: Segment) -> int:
        """The largest timestamp from the log's start on, in the segment that holds it; -1 without one."""
        largest = -1
        found = segment.find(self._log_start_offset)
        if found is None:
            return largest
        for position, header in segment.headers(found[0]):
            if header.max_timestamp <= largest:
                continue
            if header.base_offset >= self._log_start_offset:
                largest = header.max_timestamp
                continue
            columns = decode_batch(segment.read_batch(position, header), 0, header)
            for at, offset in zip(columns.timestamps, columns.offsets, strict=True):
                if offset >= self._log_start_offset:
                    largest = max(largest, at)
        return largest

    def _first_of(self, segment: Segment, timestamp: int) -> TimestampOffset | None:
        """The first record of the segment at or after `timestamp`."""
        for position, header in segment.find_timestamp(timestamp):
            found = self._first_in(segment, position, header, timestamp)
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
