"""The log of a partition that was never written to: it has no files, and readers find nothing in it.

A consumer that is assigned a topic of thousands of partitions asks all of them for offsets and records; making
files for that would hold up everybody.
"""

from __future__ import annotations

from streamkit.log.storage import (
    AbortedTransaction,
    OffsetOutOfRangeError,
    ReadResult,
    TimestampOffset,
)
from streamkit.model import TopicPartition

__all__ = ["EmptyLog"]


class EmptyLog:
    """What readers may ask of a log; see `PartitionLog` for each.

    Args:
        topic_partition: whose log it would be.
        leader_epoch: the partition's.
    """

    __slots__ = ("leader_epoch", "topic_partition")

    log_start_offset = end_offset = high_watermark = last_stable_offset = 0

    def __init__(self, topic_partition: TopicPartition, leader_epoch: int) -> None:
        self.topic_partition = topic_partition
        self.leader_epoch = leader_epoch

    def read(
        self,
        offset: int,
        max_bytes: int,  # noqa: ARG002 - as PartitionLog
        *,
        min_one: bool = True,  # noqa: ARG002
        isolation: str = "read_uncommitted",
    ) -> ReadResult:
        if offset != 0:
            raise OffsetOutOfRangeError(
                f"offset {offset} of {self.topic_partition} is out of range: the log is empty",
                topic_partition=self.topic_partition,
                log_start_offset=0,
                end_offset=0,
            )
        aborted: list[AbortedTransaction] | None = [] if isolation == "read_committed" else None
        return ReadResult(b"", 0, 0, 0, aborted, 0)

    def earliest(self) -> TimestampOffset:
        return TimestampOffset(-1, 0, self.leader_epoch)

    def latest(self, isolation: str = "read_uncommitted") -> TimestampOffset:  # noqa: ARG002
        return TimestampOffset(-1, 0, self.leader_epoch)

    def offset_for_timestamp(self, timestamp_ms: int) -> TimestampOffset | None:  # noqa: ARG002
        return None

    def max_timestamp(self) -> TimestampOffset | None:
        return None

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        return (epoch, 0) if 0 <= epoch <= self.leader_epoch else (-1, -1)
