"""The rules of compaction: what may be compacted, when it is worth it, which records stay.

Pure: offsets, timestamps, headers and settings in, decisions out; `cleaner` does the work.

A log has a clean part, compacted before, and a dirty one behind it. Compaction notes the last offset of each
key in the dirty part, then copies all segments up to its end without the records that a later one
replaces.

| record | stays |
| --- | --- |
| the last one of its key | yes; a tombstone until its delete horizon, `delete.retention.ms` after it was first compacted |
| an earlier one, one without a key | no |
| of an aborted transaction | no |
| transaction marker | until the transaction's records are gone and the delete horizon has passed |

Source: org.apache.kafka.storage.internals.log.LogCleaner and LogCleanerManager.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from streamkit.log.protocol import BatchHeader
from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.producer_state import EndMarker, ProducerEntry
from streamkit.log.storage.segment import Segment
from streamkit.log.storage.transaction_index import AbortedTransaction

__all__ = [
    "CleanableRange",
    "LastOffsets",
    "Transactions",
    "cleanable_range",
    "grouped",
    "is_last_of_producer",
]

_MAX_RELATIVE_OFFSET = 2**31 - 1
_HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class CleanableRange:
    """The part of a log that may be compacted.

    Attributes:
        first_dirty: where the dirty part begins.
        end: where it ends: what follows is active, undecided or too young.
        ratio: share of the dirty bytes in all that may be compacted.
        overdue: a dirty record is older than `max.compaction.lag.ms`.
    """

    first_dirty: int
    end: int
    ratio: float
    overdue: bool

    def is_due(self, config: LogConfig) -> bool:
        """Whether compaction is worth it, or must be."""
        if self.end <= self.first_dirty:
            return False
        return self.overdue or self.ratio > config.min_cleanable_dirty_ratio


def cleanable_range(
    segments: Sequence[Segment],
    config: LogConfig,
    *,
    first_dirty: int,
    last_stable_offset: int,
    now_ms: int,
) -> CleanableRange:
    """What of `segments`, of which the last one is active, may be compacted."""
    first_dirty = max(first_dirty, segments[0].base_offset)
    if first_dirty > segments[-1].base_offset:
        first_dirty = segments[0].base_offset
    end = min(segments[-1].base_offset, last_stable_offset)
    clean_bytes = dirty_bytes = 0
    overdue = False
    for segment, following in pairwise(segments):
        if following.base_offset > end:
            end = min(end, segment.base_offset)
            break
        if following.base_offset <= first_dirty:
            clean_bytes += segment.size
            continue
        timestamp = segment.largest_timestamp()[0]
        if config.min_compaction_lag_ms > 0 and timestamp > now_ms - config.min_compaction_lag_ms:
            end = min(end, segment.base_offset)
            break
        first = segment.first_batch_timestamp()
        overdue = overdue or (first >= 0 and first < now_ms - config.max_compaction_lag_ms)
        dirty_bytes += segment.size
    total = clean_bytes + dirty_bytes
    return CleanableRange(first_dirty, end, dirty_bytes / total if total else 0.0, overdue)


def grouped(segments: Sequence[Segment], config: LogConfig) -> list[list[Segment]]:
    """Neighbours that fit into one segment together even if no record goes.

    The last of `segments` isn't compacted: it tells where the one before it ends.
    """
    groups: list[list[Segment]] = []
    size = offset_bytes = time_bytes = 0
    for segment, following in pairwise(segments):
        own_offset_bytes, own_time_bytes = segment.index_bytes()
        size += segment.size
        offset_bytes += own_offset_bytes
        time_bytes += own_time_bytes
        fits = (
            bool(groups)
            and size <= config.segment_bytes
            and max(offset_bytes, time_bytes) <= config.segment_index_bytes
            and following.base_offset - 1 - groups[-1][0].base_offset <= _MAX_RELATIVE_OFFSET
        )
        if fits:
            groups[-1].append(segment)
        else:
            groups.append([segment])
            size, offset_bytes, time_bytes = segment.size, own_offset_bytes, own_time_bytes
    return groups


class LastOffsets:
    """The last offset of each key, for a bounded number of keys.

    Long keys are kept as hashes of 16 bytes.

    Args:
        max_keys: how many it holds.
    """

    __slots__ = ("_max_keys", "_offsets")

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._offsets: dict[bytes, int] = {}

    def has_room_for(self, keys: int) -> bool:
        """Whether that many more keys fit; the first ones always do."""
        return not self._offsets or len(self._offsets) + keys <= self._max_keys

    def put(self, key: bytes, offset: int) -> None:
        """Note a record."""
        self._offsets[_short(key)] = offset

    def get(self, key: bytes) -> int:
        """The last offset of `key`, or -1."""
        return self._offsets.get(_short(key), -1)


class Transactions:
    """Which batches belong to aborted transactions, on one pass over the log in order.

    Args:
        aborted: the transactions that were aborted in the range of the pass.
    """

    __slots__ = ("_aborted", "_committed", "_open", "_seen")

    def __init__(self, aborted: Sequence[AbortedTransaction]) -> None:
        self._aborted = sorted(aborted, key=lambda entry: -entry.first_offset)
        self._open: dict[int, AbortedTransaction] = {}
        self._seen: set[int] = set()
        self._committed: set[int] = set()

    def is_aborted(self, header: BatchHeader) -> bool:
        """Whether the data batch, the next one of the pass, is void."""
        self._begin(header)
        if not header.is_transactional:
            return False
        if header.producer_id in self._open:
            self._seen.add(header.producer_id)
            return True
        self._committed.add(header.producer_id)
        return False

    def is_obsolete(
        self, header: BatchHeader, marker: EndMarker | None
    ) -> tuple[bool, AbortedTransaction | None]:
        """Whether nothing of the transaction that this marker ends is left.

        Returns:
            That, and the transaction if it was aborted and something of it is left.
        """
        self._begin(header)
        producer = header.producer_id
        if marker is None:
            # Its record is gone already; or it is a control record of another kind, which stays.
            return header.count == 0, None
        if marker.committed:
            known = producer in self._committed
            self._committed.discard(producer)
            return not known, None
        transaction = self._open.pop(producer, None)
        if transaction is None or producer not in self._seen:
            return True, None
        self._seen.discard(producer)
        return False, transaction

    def _begin(self, header: BatchHeader) -> None:
        while self._aborted and self._aborted[-1].first_offset <= header.last_offset:
            transaction = self._aborted.pop()
            self._open[transaction.producer_id] = transaction


def is_last_of_producer(header: BatchHeader, producers: Mapping[int, ProducerEntry]) -> bool:
    """Whether the batch holds the last sequence, or else the epoch, of a producer that is remembered."""
    entry = producers.get(header.producer_id)
    if entry is None:
        return False
    if entry.batches:
        return entry.batches[-1].last_offset == header.last_offset
    return header.is_control and header.producer_epoch == entry.producer_epoch


def _short(key: bytes) -> bytes:
    # One byte longer than the longest key that is kept as it is, so the two never meet.
    return (
        key
        if len(key) <= _HASH_BYTES
        else hashlib.blake2b(key, digest_size=_HASH_BYTES + 1).digest()
    )
