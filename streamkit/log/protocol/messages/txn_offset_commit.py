"""TxnOffsetCommit (key 28): offsets that are committed with a transaction.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | leader epoch of the committed offset |
| 3 | flexible; member, generation and instance id are checked (KIP-447) |
| 4 | answer: TRANSACTION_ABORTABLE (KIP-890) |
| 5 | the producer leaves AddOffsetsToTxn out: the broker adds the group (KIP-890) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    Int64,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "TxnOffsetCommitRequest",
    "TxnOffsetCommitRequestPartition",
    "TxnOffsetCommitRequestTopic",
    "TxnOffsetCommitResponse",
    "TxnOffsetCommitResponsePartition",
    "TxnOffsetCommitResponseTopic",
]


@struct()
class TxnOffsetCommitRequestPartition:
    partition_index: Int32 = wire()
    committed_offset: Int64 = wire()
    committed_leader_epoch: Int32 = wire("2+", default=-1, ignorable=True)
    committed_metadata: String | None = wire(nullable="0+")


@struct()
class TxnOffsetCommitRequestTopic:
    name: String = wire()
    partitions: Array[TxnOffsetCommitRequestPartition] = wire()


@request(key=28, versions="0-5", flexible="3+")
class TxnOffsetCommitRequest:
    transactional_id: String = wire()
    group_id: String = wire()
    producer_id: Int64 = wire()
    producer_epoch: Int16 = wire()
    generation_id: Int32 = wire("3+", default=-1)
    member_id: String = wire("3+")
    group_instance_id: String | None = wire("3+", default=None, nullable="3+")
    topics: Array[TxnOffsetCommitRequestTopic] = wire()


@struct()
class TxnOffsetCommitResponsePartition:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()


@struct()
class TxnOffsetCommitResponseTopic:
    name: String = wire()
    partitions: Array[TxnOffsetCommitResponsePartition] = wire()


@response(key=28, versions="0-5", flexible="3+")
class TxnOffsetCommitResponse:
    throttle_time_ms: Int32 = wire()
    topics: Array[TxnOffsetCommitResponseTopic] = wire()
