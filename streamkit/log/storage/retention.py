"""Which segments of a log are due to be deleted. Pure: sizes, timestamps, settings and the time in.

| setting | oldest segments go |
| --- | --- |
| `retention.ms` | while their largest timestamp is older; without timestamps, the file's time counts |
| `retention.bytes` | while what remains is at least that large |
| (log start) | always, when all their records are before the log's start |

The first two apply to logs with cleanup policy `delete`. Records after the high watermark stay.

Source: org.apache.kafka.storage.internals.log.UnifiedLog.deleteOldSegments.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.segment import Segment

__all__ = ["expired_segments"]


def expired_segments(
    segments: Sequence[Segment], config: LogConfig, log_start_offset: int, now_ms: int
) -> int:
    """How many of the oldest segments are due; all of them if even the active one is too old."""
    count = _before_start(segments, log_start_offset)
    if "delete" in config.cleanup_policy:
        count = max(
            count,
            _too_old(segments, config.retention_ms, now_ms),
            _too_large(segments, config.retention_bytes),
        )
    return count


def _before_start(segments: Sequence[Segment], log_start_offset: int) -> int:
    count = 0
    while count + 1 < len(segments) and segments[count + 1].base_offset <= log_start_offset:
        count += 1
    return count


def _too_old(segments: Sequence[Segment], retention_ms: int, now_ms: int) -> int:
    if retention_ms < 0:
        return 0
    count = 0
    for index, segment in enumerate(segments):
        if segment.size == 0:
            # Compacted away: it goes with what comes behind it.
            continue
        timestamp = segment.largest_timestamp()[0]
        if now_ms - (timestamp if timestamp >= 0 else segment.modified_ms()) <= retention_ms:
            break
        count = index + 1
    return count


def _too_large(segments: Sequence[Segment], retention_bytes: int) -> int:
    if retention_bytes < 0:
        return 0
    excess = sum(segment.size for segment in segments) - retention_bytes
    count = 0
    for segment in segments:
        excess -= segment.size
        # The last one is empty, or goes only if nothing is to remain.
        if excess < 0 or (segment is segments[-1] and segment.size == 0):
            break
        count += 1
    return count
