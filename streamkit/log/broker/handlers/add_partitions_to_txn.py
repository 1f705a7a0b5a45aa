"""AddPartitionsToTxn (key 24): partitions that a transaction is about to write to.

| version | change |
| --- | --- |
| 2 | PRODUCER_FENCED may be answered |
| 3 | flexible; the last version of clients, which from transactions of version 2 on don't send it at all |
| 4 | between brokers: many transactions, verification only (KIP-890) |
| 5 | TRANSACTION_ABORTABLE may be answered |

All partitions of a transaction are added, or none: beside one that doesn't exist, the others have
OPERATION_NOT_ATTEMPTED. Left out: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.metadata.image import INTERNAL_TOPICS
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Producer
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
)
from streamkit.model import TopicPartition

_MANY_TRANSACTIONS = 4
_ABORTABLE_KNOWN = 5
_PRODUCER_FENCED_KNOWN = 2


@handles(AddPartitionsToTxnRequest)
def add_partitions_to_txn(
    broker: Broker, request: AddPartitionsToTxnRequest, context: RequestContext
) -> AddPartitionsToTxnResponse:
    """Add or verify; the answer survives the end of the process."""
    version = context.api_version
    if version < _MANY_TRANSACTIONS:
        only = AddPartitionsToTxnTransaction(
            transactional_id=request.v3_and_below_transactional_id,
            producer_id=request.v3_and_below_producer_id,
            producer_epoch=request.v3_and_below_producer_epoch,
            topics=request.v3_and_below_topics,
        )
        return AddPartitionsToTxnResponse(results_by_topic_v3_and_below=_one(broker, only, context))
    context.check(Operation.CLUSTER_ACTION, ResourceType.CLUSTER)
    return AddPartitionsToTxnResponse(
        results_by_transaction=[
            AddPartitionsToTxnResult(
                transactional_id=each.transactional_id, topic_results=_one(broker, each, context)
            )
            for each in request.transactions
        ]
    )


def _one(
    broker: Broker, transaction: AddPartitionsToTxnTransaction, context: RequestContext
) -> list[AddPartitionsToTxnTopicResult]:
    transactional_id = transaction.transactional_id
    producer = Producer(transaction.producer_id, transaction.producer_epoch)
    asked = [
        TopicPartition(topic.name, index)
        for topic in transaction.topics
        for index in topic.partitions
    ]
    from_client = context.api_version < _MANY_TRANSACTIONS
    denied = ErrorCode.NONE
    if from_client:
        denied = context.denied(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id)
    refused = {
        each: error
        for each in asked
        if (error := denied or _refusal(broker, each, context if from_client else None))
    }
    if refused:
        errors = {each: refused.get(each, ErrorCode.OPERATION_NOT_ATTEMPTED) for each in asked}
    elif transaction.verify_only:
        errors = {
            each: broker.transactions.verify(transactional_id, producer, each) for each in asked
        }
    else:
        error = broker.transactions.add_partitions(
            transactional_id, producer, asked, client_version=0
        )
        errors = dict.fromkeys(asked, error)
    topics = transaction.topics
    if transaction.verify_only:
        topics = [topic for topic in topics if topic.partitions]
    return _results(topics, errors, context.api_version)


def _refusal(broker: Broker, asked: TopicPartition, client: RequestContext | None) -> ErrorCode:
    """Why a partition can't be added; a client, not a broker, is asked for its right to write there."""
    if client is not None:
        if asked.topic in INTERNAL_TOPICS:
            return ErrorCode.TOPIC_AUTHORIZATION_FAILED
        if error := client.denied(Operation.WRITE, ResourceType.TOPIC, asked.topic):
            return error
    if not broker.partition_exists(*asked):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.NONE


def _results(
    topics: Sequence[AddPartitionsToTxnTopic],
    errors: dict[TopicPartition, ErrorCode],
    version: int,
) -> list[AddPartitionsToTxnTopicResult]:
    def code(error: ErrorCode) -> ErrorCode:
        if error is ErrorCode.PRODUCER_FENCED and version < _PRODUCER_FENCED_KNOWN:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        if error is ErrorCode.TRANSACTION_ABORTABLE and version < _ABORTABLE_KNOWN:
            return ErrorCode.INVALID_TXN_STATE
        return error

    return [
        AddPartitionsToTxnTopicResult(
            name=topic.name,
            results_by_partition=[
                AddPartitionsToTxnPartitionResult(
                    partition_index=index,
                    partition_error_code=code(errors[TopicPartition(topic.name, index)]),
                )
                for index in topic.partitions
            ],
        )
        for topic in topics
    ]
