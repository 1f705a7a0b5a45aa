"""Batches of transactions at the door of a partition: is the partition part of the transaction?

A batch that comes late, from a transaction that has ended meanwhile, would hang in the log for ever and hold up
readers of committed records. So each one is checked with the coordinator (KIP-890): producers of transaction
version 2 add a partition by writing to it, older ones have to have added it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streamkit.errors import BrokerError, StreamkitError
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.transactions.outcome import Producer
from streamkit.log.broker.transactions.service import TransactionService
from streamkit.log.protocol import ErrorCode, read_header
from streamkit.log.protocol.batch_header import MAGIC
from streamkit.model import TopicPartition

__all__ = ["ADDS_BY_ITSELF", "is_transactional", "join_transaction"]

_LENGTH_AT, _LENGTH_END, _MAGIC_AT, _ATTRIBUTES_AT = 8, 12, 16, 22
_TRANSACTIONAL = 0x10
_ABORTABLE_KNOWN = 11
ADDS_BY_ITSELF = 12


def is_transactional(records: bytes | memoryview | None) -> bool:
    """Whether the batch's attributes say so; the batch needn't be sound, but whole."""
    return (
        records is not None
        and len(records) > _ATTRIBUTES_AT
        and records[_MAGIC_AT] == MAGIC
        and records[_ATTRIBUTES_AT] & _TRANSACTIONAL != 0
        and int.from_bytes(records[_LENGTH_AT:_LENGTH_END], "big") <= len(records) - _LENGTH_END
    )


def join_transaction(
    transactions: TransactionService,
    transactional_id: str | None,
    batches: Iterable[tuple[TopicPartition, bytes | memoryview]],
    version: int,
) -> Mapping[TopicPartition, BrokerError]:
    """Why batches of a Produce request may not be appended, by partition; those that may have no entry.

    Args:
        transactions: the coordinator.
        transactional_id: that the request names.
        batches: the transactional ones, of partitions that exist.
        version: of the Produce request.
    """
    wanted: dict[Producer, list[TopicPartition]] = {}
    for partition, records in batches:
        try:
            header = read_header(records)
        except StreamkitError:
            continue  # the log refuses it, and says why
        wanted.setdefault(Producer(header.producer_id, header.producer_epoch), []).append(partition)
    found: dict[TopicPartition, BrokerError] = {}
    for producer, partitions in wanted.items():
        for partition in partitions:
            if transactional_id is None:
                error = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            elif version >= ADDS_BY_ITSELF:
                error = transactions.add_partitions(
                    transactional_id, producer, partitions, client_version=2
                )
            else:
                error = transactions.verify(transactional_id, producer, partition)
            if error is not ErrorCode.NONE:
                found[partition] = _refusal(error, transactional_id, partition, version)
    return found


def _refusal(
    error: ErrorCode, transactional_id: str | None, partition: TopicPartition, version: int
) -> BrokerError:
    if error is ErrorCode.PRODUCER_FENCED:
        error = ErrorCode.INVALID_PRODUCER_EPOCH
    elif error is ErrorCode.TRANSACTION_ABORTABLE and version < _ABORTABLE_KNOWN:
        error = ErrorCode.INVALID_TXN_STATE
    elif error in (ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR) or (
        error is ErrorCode.CONCURRENT_TRANSACTIONS and version < ADDS_BY_ITSELF
    ):
        # A code on which producers of every age send the batch again.
        error = ErrorCode.NOT_ENOUGH_REPLICAS
    message = (
        f"{partition.topic}-{partition.partition} is not part of an open transaction of "
        f"transactional id {transactional_id}: {error.name}"
    )
    return refusal(error, message, topic_partition=partition)
