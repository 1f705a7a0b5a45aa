"""AddPartitionsToTxn (key 24): partitions that a transaction is about to write to.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | answer: PRODUCER_FENCED (KIP-588) |
| 3 | flexible; the last version for clients |
| 4 | between brokers: many transactions, verification only (KIP-890) |
| 5 | answer: TRANSACTION_ABORTABLE (KIP-890) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
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
    "AddPartitionsToTxnPartitionResult",
    "AddPartitionsToTxnRequest",
    "AddPartitionsToTxnResponse",
    "AddPartitionsToTxnResult",
    "AddPartitionsToTxnTopic",
    "AddPartitionsToTxnTopicResult",
    "AddPartitionsToTxnTransaction",
]


@struct()
class AddPartitionsToTxnTopic:
    name: String = wire()
    partitions: Array[Int32] = wire()


@struct()
class AddPartitionsToTxnTransaction:
    transactional_id: String = wire("4+")
    producer_id: Int64 = wire("4+")
    producer_epoch: Int16 = wire("4+")
    verify_only: Bool = wire("4+")
    topics: Array[AddPartitionsToTxnTopic] = wire("4+")


@request(key=24, versions="0-5", flexible="3+")
class AddPartitionsToTxnRequest:
    transactions: Array[AddPartitionsToTxnTransaction] = wire("4+")
    v3_and_below_transactional_id: String = wire("0-3")
    v3_and_below_producer_id: Int64 = wire("0-3")
    v3_and_below_producer_epoch: Int16 = wire("0-3")
    v3_and_below_topics: Array[AddPartitionsToTxnTopic] = wire("0-3")


@struct()
class AddPartitionsToTxnPartitionResult:
    partition_index: Int32 = wire()
    partition_error_code: Int16 = wire()


@struct()
class AddPartitionsToTxnTopicResult:
    name: String = wire()
    results_by_partition: Array[AddPartitionsToTxnPartitionResult] = wire()


@struct()
class AddPartitionsToTxnResult:
    transactional_id: String = wire("4+")
    topic_results: Array[AddPartitionsToTxnTopicResult] = wire("4+")


@response(key=24, versions="0-5", flexible="3+")
class AddPartitionsToTxnResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire("4+", ignorable=True)
    results_by_transaction: Array[AddPartitionsToTxnResult] = wire("4+")
    results_by_topic_v3_and_below: Array[AddPartitionsToTxnTopicResult] = wire("0-3")
