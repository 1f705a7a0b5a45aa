"""TxnOffsetCommit (key 28): a group's offsets, committed with a transaction.

| version | change |
| --- | --- |
| 2 | leader epochs |
| 3 | flexible; member and generation are checked (KIP-447) |
| 4 | TRANSACTION_ABORTABLE may be answered |
| 5 | transactions of version 2: the broker adds the group's partition by itself (KIP-890) |

The offsets become the committed ones when the transaction commits. Left out: nothing.
"""

from __future__ import annotations

from streamkit.errors import BrokerError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of
from streamkit.log.broker.groups import CommitOffsets, CommittedOffset
from streamkit.log.broker.registry import handles
from streamkit.log.broker.transactions import Producer
from streamkit.log.protocol import NO_UUID, ErrorCode
from streamkit.log.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)
from streamkit.model import TopicPartition

_ABORTABLE_KNOWN = 4
_ADDS_BY_ITSELF = 5


@handles(TxnOffsetCommitRequest)
def txn_offset_commit(
    broker: Broker, request: TxnOffsetCommitRequest, context: RequestContext
) -> TxnOffsetCommitResponse:
    """Write the offsets into the transaction; a code for each partition."""
    transactional_id = request.transactional_id
    refused = context.denied(
        Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id
    ) or context.denied(Operation.READ, ResourceType.GROUP, request.group_id)
    denied = {
        topic.name: refused or context.denied(Operation.READ, ResourceType.TOPIC, topic.name)
        for topic in request.topics
    }
    offsets = {
        TopicPartition(topic.name, partition.partition_index): CommittedOffset(
            offset=partition.committed_offset,
            leader_epoch=partition.committed_leader_epoch,
            metadata=partition.committed_metadata or "",
            commit_timestamp_ms=context.now_ms,
            topic_id=broker.topic_id(topic.name) or NO_UUID,
        )
        for topic in request.topics
        if not denied[topic.name]
        for partition in topic.partitions
        if broker.partition_exists(topic.name, partition.partition_index)
    }
    errors = _commit(broker, request, offsets, context.api_version) if offsets else {}
    missing = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return TxnOffsetCommitResponse(
        topics=[
            TxnOffsetCommitResponseTopic(
                name=topic.name,
                partitions=[
                    TxnOffsetCommitResponsePartition(
                        partition_index=index,
                        error_code=denied[topic.name]
                        or errors.get(TopicPartition(topic.name, index), missing),
                    )
                    for index in (partition.partition_index for partition in topic.partitions)
                ],
            )
            for topic in request.topics
            if topic.partitions
        ]
    )


def _commit(
    broker: Broker,
    request: TxnOffsetCommitRequest,
    offsets: dict[TopicPartition, CommittedOffset],
    version: int,
) -> dict[TopicPartition, ErrorCode]:
    if not request.group_id:
        return dict.fromkeys(offsets, ErrorCode.INVALID_GROUP_ID)
    producer = Producer(request.producer_id, request.producer_epoch)
    error = _join(broker, request, producer, version)
    if error is ErrorCode.NONE:
        commit = CommitOffsets(
            group_id=request.group_id,
            member_id=request.member_id,
            instance_id=request.group_instance_id,
            generation=request.generation_id,
            offsets=offsets,
            transactional=True,
        )
        try:
            errors = broker.groups.commit_offsets(commit, producer)
        except BrokerError as refused:
            error = code_of(refused, during="TxnOffsetCommit")
        else:
            return {each: _of_group(code) for each, code in errors.items()}
    return dict.fromkeys(offsets, error)


def _join(
    broker: Broker, request: TxnOffsetCommitRequest, producer: Producer, version: int
) -> ErrorCode:
    """Make the group's partition part of the transaction, or check that it is."""
    partition = broker.transactions.offsets_partition(request.group_id)
    transactional_id = request.transactional_id
    if version >= _ADDS_BY_ITSELF:
        error = broker.transactions.add_partitions(
            transactional_id, producer, [partition], client_version=2
        )
    else:
        error = broker.transactions.verify(transactional_id, producer, partition)
        if error is ErrorCode.TRANSACTION_ABORTABLE and version < _ABORTABLE_KNOWN:
            return ErrorCode.INVALID_TXN_STATE
    return ErrorCode.INVALID_PRODUCER_EPOCH if error is ErrorCode.PRODUCER_FENCED else error


def _of_group(error: ErrorCode) -> ErrorCode:
    """As clients of this API know it."""
    if error in (ErrorCode.GROUP_ID_NOT_FOUND, ErrorCode.STALE_MEMBER_EPOCH):
        return ErrorCode.ILLEGAL_GENERATION
    return error
