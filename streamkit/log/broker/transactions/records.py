"""What the transaction coordinator writes to `__transaction_state`, as values and as bytes.

One record is the whole state of one transactional id; a tombstone forgets the id. Bytes are Apache Kafka's
TransactionLogKey 0 and TransactionLogValue 1 (0 is read too), so that `kafka-dump-log
--transaction-log-decoder` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from streamkit.errors import ProtocolError
from streamkit.log.protocol import (
    decode_record_key,
    decode_versioned,
    encode_record_key,
    encode_versioned,
)
from streamkit.log.protocol.messages.transaction_log import (
    PartitionsSchema,
    TransactionLogKey,
    TransactionLogValue,
)
from streamkit.model import TopicPartition

__all__ = [
    "LARGEST_EPOCH",
    "NO_EPOCH",
    "NO_PRODUCER_ID",
    "TRANSACTIONS_TOPIC",
    "Transaction",
    "TransactionRecord",
    "TransactionState",
    "by_topic",
    "decode_record",
    "encode_record",
]

TRANSACTIONS_TOPIC = "__transaction_state"
"""The internal topic of transactional ids."""

NO_PRODUCER_ID = -1
NO_EPOCH = -1
LARGEST_EPOCH = 2**15 - 1
_VALUE_VERSION = 1


class TransactionState(IntEnum):
    """The states of a transactional id; the numbers are those of the log.

    ```
                 partitions are added          EndTxn, or time is up         all markers are written
    Empty, ------------------------> Ongoing ---------------------> Prepare* ----------------> Complete*
    Complete*
    ```
    DEAD is what Apache Kafka calls an id whose tombstone is on its way; here it is never seen.
    """

    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5
    DEAD = 6

    @property
    def label(self) -> str:
        """The name that clients see, as `PrepareCommit`."""
        return self.name.title().replace("_", "")

    @property
    def is_prepared(self) -> bool:
        """The end is decided, and its markers are being written."""
        return self in (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)

    @property
    def is_idle(self) -> bool:
        """No transaction is open; the next one may begin, or the id expire."""
        return self in (
            TransactionState.EMPTY,
            TransactionState.COMPLETE_COMMIT,
            TransactionState.COMPLETE_ABORT,
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transactional id with its producer and its current or last transaction.

    Attributes:
        producer_id, producer_epoch: who may write; markers bear them too.
        previous_producer_id: the one before, when the epochs of one producer id were used up; or -1.
        next_producer_id: takes over when the transaction is complete, for the same reason; or -1.
        timeout_ms: a transaction that is open for longer is aborted.
        partitions: where it has written, or may have.
        updated_ms: when this was written.
        started_ms: when the current or last transaction began, or -1.
        client_version: transaction version of the client that brought the state about: 2 if the end of
            a transaction raises the epoch (KIP-890).
    """

    producer_id: int
    producer_epoch: int
    timeout_ms: int
    state: TransactionState
    updated_ms: int
    started_ms: int = -1
    partitions: frozenset[TopicPartition] = frozenset()
    previous_producer_id: int = NO_PRODUCER_ID
    next_producer_id: int = NO_PRODUCER_ID
    client_version: int = 0

    @property
    def epochs_used_up(self) -> bool:
        """The next epoch would be the last one, which is kept to fence with."""
        return self.producer_epoch >= LARGEST_EPOCH - 1


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """The state of a transactional id; without value: the id has expired."""

    transactional_id: str
    value: Transaction | None


def encode_record(record: TransactionRecord) -> tuple[bytes, bytes | None]:
    """Key and value of `record`; the value of a tombstone is None."""
    key = encode_record_key(TransactionLogKey(transactional_id=record.transactional_id))
    value = record.value
    if value is None:
        return key, None
    partitions = [
        PartitionsSchema(topic=topic, partition_ids=indexes)
        for topic, indexes in by_topic(value.partitions).items()
    ]
    # As in Apache Kafka: null, and not an empty list, while there is no transaction.
    empty = value.state is TransactionState.EMPTY
    return key, encode_versioned(
        TransactionLogValue(
            producer_id=value.producer_id,
            previous_producer_id=value.previous_producer_id,
            next_producer_id=value.next_producer_id,
            producer_epoch=value.producer_epoch,
            transaction_timeout_ms=value.timeout_ms,
            transaction_status=value.state,
            transaction_partitions=None if empty else partitions,
            transaction_last_update_timestamp_ms=value.updated_ms,
            transaction_start_timestamp_ms=value.started_ms,
            client_transaction_version=value.client_version,
        ),
        _VALUE_VERSION,
    )


def decode_record(key: bytes | None, value: bytes | None) -> TransactionRecord:
    """The record.

    Raises:
        ProtocolError: damaged, or of a type that isn't known.
    """
    if key is None:
        raise ProtocolError(f"a record of {TRANSACTIONS_TOPIC} without a key")
    transactional_id = decode_record_key(TRANSACTIONS_TOPIC, key).transactional_id
    if value is None:
        return TransactionRecord(transactional_id, None)
    decoded = decode_versioned(TransactionLogValue, value)
    try:
        state = TransactionState(decoded.transaction_status)
    except ValueError as error:
        raise ProtocolError(f"transaction status {decoded.transaction_status}") from error
    return TransactionRecord(
        transactional_id,
        Transaction(
            producer_id=decoded.producer_id,
            producer_epoch=decoded.producer_epoch,
            timeout_ms=decoded.transaction_timeout_ms,
            state=state,
            updated_ms=decoded.transaction_last_update_timestamp_ms,
            started_ms=decoded.transaction_start_timestamp_ms,
            partitions=frozenset(
                TopicPartition(topic.topic, index)
                for topic in decoded.transaction_partitions or ()
                for index in topic.partition_ids
            ),
            previous_producer_id=decoded.previous_producer_id,
            next_producer_id=decoded.next_producer_id,
            client_version=decoded.client_transaction_version,
        ),
    )


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """The partitions' numbers by topic, in order."""
    found: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        found.setdefault(topic, []).append(partition)
    return found
