"""What a partition's log answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from streamkit.log.storage.transaction_index import AbortedTransaction

__all__ = ["AppendResult", "ReadResult", "TimestampOffset"]


@dataclass(slots=True)
class AppendResult:
    """Where an append landed.

    Attributes:
        base_offset, last_offset: offsets of its first and last record; those of the first time
            for a duplicate.
        log_append_time_ms: the time given to the records, or -1 with CreateTime.
        log_start_offset: first offset of the log.
        duplicate: the producer had sent this batch before; nothing was written.
    """

    base_offset: int
    last_offset: int
    log_append_time_ms: int
    log_start_offset: int
    duplicate: bool = False


@dataclass(slots=True)
class ReadResult:
    """Whole record batches as they stand in the log.

    Attributes:
        data: the batches; the first one may begin before the offset that was asked for.
        high_watermark, last_stable_offset, log_start_offset: as of the read.
        aborted: aborted transactions that overlap `data`, by first offset; None for
            read_uncommitted.
        next_offset: where to read on: the offset after the last batch in `data`, or the offset
            that was asked for when `data` is empty.
        more: what the reader may have goes on in a later segment, which makes `data` no larger.
    """

    data: bytes | memoryview
    high_watermark: int
    last_stable_offset: int
    log_start_offset: int
    aborted: list[AbortedTransaction] | None
    next_offset: int
    more: bool = False


class TimestampOffset(NamedTuple):
    """The record that a search by timestamp found."""

    timestamp: int
    offset: int
    leader_epoch: int
