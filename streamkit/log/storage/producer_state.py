"""What a partition knows of idempotent and transactional producers: last batches, open transactions.

`check` judges a batch before it is written and changes nothing; `replay` takes a batch that is in the
log, live or at a restart, and is the only thing that changes the state. Sequences are checked
against the last batch; a batch equal to one of a producer's last five is a duplicate.

Snapshot file, named by the offset it is as of (`00000000000000000042.snapshot`):

| bytes | field |
| --- | --- |
| 2 | version, 1 |
| 4 | CRC-32C of all that follows |
| 4 | number of entries; each entry: |
| 8, 2 | producer id, producer epoch |
| 4, 8, 4 | last sequence, last offset, offset delta of the last batch |
| 8 | last timestamp |
| 4 | epoch of the transaction coordinator that wrote the last marker |
| 8 | first offset of the open transaction, or -1 |

Source: KIP-98; org.apache.kafka.storage.internals.log.ProducerStateManager, ProducerAppendInfo.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import BatchHeader
from streamkit.log.protocol.crc import crc32c
from streamkit.log.storage.errors import (
    CoordinatorFencedError,
    InvalidProducerEpochError,
    InvalidTxnStateError,
    OutOfOrderSequenceError,
)
from streamkit.log.storage.transaction_index import AbortedTransaction

__all__ = [
    "EndMarker",
    "ProducerBatch",
    "ProducerEntry",
    "ProducerStates",
    "decode_snapshot",
    "encode_snapshot",
]

NO_EPOCH = -1
NO_SEQUENCE = -1
NO_OFFSET = -1
MAX_SEQUENCE = 2**31 - 1
KEPT_BATCHES = 5

_SNAPSHOT_VERSION = 1
_HEAD = struct.Struct(">hII")
_ENTRY = struct.Struct(">qhiqiqiq")


class ProducerBatch(NamedTuple):
    """One of a producer's last batches."""

    first_sequence: int
    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp: int

    @property
    def first_offset(self) -> int:
        """Offset of its first record."""
        return self.last_offset - self.offset_delta


class EndMarker(NamedTuple):
    """The one record of a control batch that ends a transaction."""

    committed: bool
    coordinator_epoch: int


class _Attempt(NamedTuple):
    """What is known of a producer that wants to begin a transaction in this partition."""

    epoch: int
    lowest_sequence: int
    epoch_each: bool
    tried_ms: int


@dataclass(slots=True)
class ProducerEntry:
    """The state of one producer id in one partition.

    Attributes:
        last_timestamp: the largest timestamp of its last batch, or its last marker's.
        txn_first_offset: first offset of its open transaction, or -1.
        batches: its last batches, at most five, the latest at the end.
        seen_ms: when this process last took a batch of it.
    """

    producer_id: int
    producer_epoch: int = NO_EPOCH
    coordinator_epoch: int = -1
    last_timestamp: int = -1
    txn_first_offset: int = NO_OFFSET
    batches: list[ProducerBatch] = field(default_factory=list)
    seen_ms: int = -1

    @property
    def last_sequence(self) -> int:
        """Sequence of its last record, or -1."""
        return self.batches[-1].last_sequence if self.batches else NO_SEQUENCE


class ProducerStates:
    """The producers of one partition.

    Args:
        topic_partition: named in errors.
        expiration_ms: how long a producer without an open transaction is remembered after its
            last batch.
    """

    __slots__ = (
        "_attempts",
        "_ongoing",
        "_topic_partition",
        "end_offset",
        "entries",
        "expiration_ms",
    )

    def __init__(
        self, topic_partition: tuple[str, int], *, expiration_ms: int = 86_400_000
    ) -> None:
        self._topic_partition = topic_partition
        self.expiration_ms = expiration_ms
        self.entries: dict[int, ProducerEntry] = {}
        self.end_offset = 0
        # Of producers that want to begin a transaction, by producer id.
        self._attempts: dict[int, _Attempt] = {}
        # First offset and producer id of each open transaction, in order.
        self._ongoing: list[tuple[int, int]] = []

    @property
    def first_unstable_offset(self) -> int:
        """First offset of the oldest open transaction, or -1."""
        return self._ongoing[0][0] if self._ongoing else NO_OFFSET

    def attempt(self, header: BatchHeader, now_ms: int, *, epoch_each: bool) -> None:
        """A batch of a transaction has come, and may be kept out until the coordinator lets it in.

        The ones sent behind it must not go first: its repetition would be out of order for ever (KAFKA-14844).

        Args:
            header: the batch's.
            now_ms: the time.
            epoch_each: each transaction of the producer has an epoch of its own (KIP-890), so that the first
                batch here has sequence 0.

        Raises:
            InvalidProducerEpochError: a newer epoch has written.
        """
        entry = self.entries.get(header.producer_id)
        epoch = header.producer_epoch
        if entry is not None:
            if epoch < entry.producer_epoch:
                raise self._old_epoch(entry, epoch)
            if entry.txn_first_offset >= 0 and epoch == entry.producer_epoch:
                return
        lowest = header.base_sequence
        known = self._attempts.get(header.producer_id)
        if known is not None:
            if known.epoch > epoch:
                epoch, lowest = known.epoch, known.lowest_sequence
            elif known.epoch == epoch:
                lowest = min(lowest, known.lowest_sequence)
            epoch_each = known.epoch_each
        self._attempts[header.producer_id] = _Attempt(epoch, lowest, epoch_each, now_ms)

    def check(self, header: BatchHeader, *, from_client: bool) -> ProducerBatch | None:
        """Judge a data batch that is about to be appended.

        Returns:
            The batch that it repeats, which is in the log already, or None.

        Raises:
            InvalidProducerEpochError: a newer epoch has written.
            OutOfOrderSequenceError: its first sequence doesn't follow; clients only.
            InvalidTxnStateError: not transactional while the producer's transaction is open.
        """
        entry = self.entries.get(header.producer_id)
        if entry is None:
            self._check_attempts(header)
            return None
        epoch = header.producer_epoch
        if from_client:
            duplicate = _duplicate(entry, header)
            if duplicate is not None:
                return duplicate
        if epoch < entry.producer_epoch:
            raise self._old_epoch(entry, epoch)
        if from_client:
            self._check_attempts(header)
            self._check_sequence(entry, header)
        if entry.txn_first_offset >= 0 and not header.is_transactional:
            raise InvalidTxnStateError(
                f"{self._where()}: producer {entry.producer_id} has a transaction open since "
                f"offset {entry.txn_first_offset}, but sent a batch that is not part of it",
                topic_partition=self._topic_partition,
            )
        return None

    def check_marker(self, header: BatchHeader, marker: EndMarker) -> None:
        """Judge a transaction marker that is about to be appended.

        Raises:
            InvalidProducerEpochError: a newer epoch has written.
            CoordinatorFencedError: a newer coordinator has written a marker.
        """
        entry = self.entries.get(header.producer_id)
        if entry is None:
            return
        if header.producer_epoch < entry.producer_epoch:
            raise self._old_epoch(entry, header.producer_epoch)
        if marker.coordinator_epoch < entry.coordinator_epoch:
            raise CoordinatorFencedError(
                f"{self._where()}: coordinator epoch {marker.coordinator_epoch} of a marker of "
                f"producer {entry.producer_id} is older than {entry.coordinator_epoch}",
                topic_partition=self._topic_partition,
            )

    def replay(
        self, header: BatchHeader, marker: EndMarker | None, now_ms: int
    ) -> AbortedTransaction | None:
        """Take over a batch that is in the log.

        Args:
            header: the batch's, with its offsets in the log.
            marker: what it says if it is a control batch that ends a transaction.
            now_ms: the time; the producer's expiry counts from it.

        Returns:
            The transaction that it aborted, if any.
        """
        self.end_offset = header.next_offset
        if header.producer_id < 0 or (header.is_control and marker is None):
            return None
        entry = self.entries.get(header.producer_id)
        if entry is None:
            entry = self.entries[header.producer_id] = ProducerEntry(header.producer_id)
        entry.seen_ms = now_ms
        if header.is_transactional:
            self._attempts.pop(header.producer_id, None)
        if header.producer_epoch != entry.producer_epoch:
            entry.producer_epoch = header.producer_epoch
            entry.batches.clear()
        if marker is not None:
            return self._end_transaction(entry, header, marker)
        entry.batches.append(
            ProducerBatch(
                header.base_sequence,
                header.last_sequence,
                header.last_offset,
                header.last_offset_delta,
                header.max_timestamp,
            )
        )
        if len(entry.batches) > KEPT_BATCHES:
            del entry.batches[0]
        entry.last_timestamp = header.max_timestamp
        if header.is_transactional and entry.txn_first_offset < 0:
            entry.txn_first_offset = header.base_offset
            insort(self._ongoing, (header.base_offset, header.producer_id))
        return None

    def load(self, entries: Iterable[ProducerEntry], end_offset: int, now_ms: int) -> None:
        """Begin with the entries of a snapshot as of `end_offset`; their expiry counts from now."""
        self.entries = {entry.producer_id: entry for entry in entries}
        for entry in self.entries.values():
            entry.seen_ms = now_ms
        self._ongoing = sorted(
            (entry.txn_first_offset, entry.producer_id)
            for entry in self.entries.values()
            if entry.txn_first_offset >= 0
        )
        self.end_offset = end_offset

    def expire(self, now_ms: int) -> None:
        """Forget producers that have been silent for too long and have no open transaction."""
        expired = [key for key, entry in self.entries.items() if self._is_expired(entry, now_ms)]
        for key in expired:
            del self.entries[key]
        given_up = [
            key
            for key, attempt in self._attempts.items()
            if now_ms - attempt.tried_ms >= self.expiration_ms
        ]
        for key in given_up:
            del self._attempts[key]

    def _end_transaction(
        self, entry: ProducerEntry, header: BatchHeader, marker: EndMarker
    ) -> AbortedTransaction | None:
        entry.coordinator_epoch = marker.coordinator_epoch
        entry.last_timestamp = header.max_timestamp
        first_offset = entry.txn_first_offset
        if first_offset < 0:
            return None
        entry.txn_first_offset = NO_OFFSET
        slot = bisect_left(self._ongoing, (first_offset, entry.producer_id))
        del self._ongoing[slot]
        if marker.committed:
            return None
        stable = self._ongoing[0][0] if self._ongoing else header.last_offset + 1
        return AbortedTransaction(entry.producer_id, first_offset, header.last_offset, stable)

    def _check_attempts(self, header: BatchHeader) -> None:
        attempt = self._attempts.get(header.producer_id)
        if attempt is None:
            return
        entry = self.entries.get(header.producer_id)
        begins = attempt.epoch_each and (entry is None or not entry.batches)
        first = 0 if begins else attempt.lowest_sequence
        if header.base_sequence > attempt.lowest_sequence or (begins and header.base_sequence):
            raise OutOfOrderSequenceError(
                f"{self._where()}: batch of producer {header.producer_id} has sequence "
                f"{header.base_sequence}, but {first} comes before it and isn't written yet",
                topic_partition=self._topic_partition,
            )

    def _check_sequence(self, entry: ProducerEntry, header: BatchHeader) -> None:
        first = header.base_sequence
        if header.producer_epoch != entry.producer_epoch:
            if first != 0 and entry.producer_epoch != NO_EPOCH:
                raise OutOfOrderSequenceError(
                    f"{self._where()}: the first batch of producer {entry.producer_id} in epoch "
                    f"{header.producer_epoch} has sequence {first} instead of 0 "
                    f"(known epoch {entry.producer_epoch})",
                    topic_partition=self._topic_partition,
                )
            return
        last = entry.last_sequence
        # An entry without batches is known by a marker only; Kafka asks for sequence 0 then.
        if first != (0 if last == MAX_SEQUENCE else last + 1):
            raise OutOfOrderSequenceError(
                f"{self._where()}: batch of producer {entry.producer_id} has sequence {first}, "
                f"but its last record here has {last}",
                topic_partition=self._topic_partition,
            )

    def _is_expired(self, entry: ProducerEntry, now_ms: int) -> bool:
        # Kafka goes by record timestamps alone, and forgets a producer of old events at once.
        last_ms = max(entry.last_timestamp, entry.seen_ms)
        return entry.txn_first_offset < 0 and now_ms - last_ms >= self.expiration_ms

    def _old_epoch(self, entry: ProducerEntry, epoch: int) -> InvalidProducerEpochError:
        return InvalidProducerEpochError(
            f"{self._where()}: epoch {epoch} of producer {entry.producer_id} is older than "
            f"{entry.producer_epoch}, which has written already",
            topic_partition=self._topic_partition,
        )

    def _where(self) -> str:
        return f"{self._topic_partition[0]}-{self._topic_partition[1]}"


def encode_snapshot(entries: Iterable[ProducerEntry]) -> bytes:
    """The bytes of a snapshot file."""
    rows = []
    for entry in entries:
        last = entry.batches[-1] if entry.batches else None
        rows.append(
            _ENTRY.pack(
                entry.producer_id,
                entry.producer_epoch,
                last.last_sequence if last else NO_SEQUENCE,
                last.last_offset if last else NO_OFFSET,
                last.offset_delta if last else 0,
                entry.last_timestamp,
                entry.coordinator_epoch,
                entry.txn_first_offset,
            )
        )
    body = struct.pack(">I", len(rows)) + b"".join(rows)
    return struct.pack(">hI", _SNAPSHOT_VERSION, crc32c(body)) + body


def decode_snapshot(data: bytes, path: str) -> list[ProducerEntry]:
    """The producers of a snapshot file.

    Raises:
        CorruptRecordError: another version, a wrong checksum or a wrong length.
    """
    sound = len(data) >= _HEAD.size
    if sound:
        version, crc, count = _HEAD.unpack_from(data)
        sound = (
            version == _SNAPSHOT_VERSION
            and len(data) == _HEAD.size + count * _ENTRY.size
            and crc == crc32c(data[6:])
        )
    if not sound:
        raise CorruptRecordError(f"producer snapshot {path} is damaged", path=path)
    return [_entry(*row) for row in _ENTRY.iter_unpack(data[_HEAD.size :])]


def _entry(
    producer_id: int,
    producer_epoch: int,
    last_sequence: int,
    last_offset: int,
    offset_delta: int,
    timestamp: int,
    coordinator_epoch: int,
    txn_first_offset: int,
) -> ProducerEntry:
    batches = []
    if last_offset >= 0:
        first = _before(last_sequence, offset_delta)
        batches.append(ProducerBatch(first, last_sequence, last_offset, offset_delta, timestamp))
    return ProducerEntry(
        producer_id, producer_epoch, coordinator_epoch, timestamp, txn_first_offset, batches
    )


def _duplicate(entry: ProducerEntry, header: BatchHeader) -> ProducerBatch | None:
    if header.producer_epoch != entry.producer_epoch:
        return None
    last = header.last_sequence
    for batch in entry.batches:
        if batch.first_sequence == header.base_sequence and batch.last_sequence == last:
            return batch
    return None


def _before(sequence: int, delta: int) -> int:
    first = sequence - delta
    return first if first >= 0 else first + MAX_SEQUENCE + 1
