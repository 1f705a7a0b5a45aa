"""DescribeTransactions (key 65): state, producer and partitions of transactional ids.

| version | change |
| --- | --- |
| 0 | flexible |

Source: KIP-664.
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
    "DescribeTransactionsRequest",
    "DescribeTransactionsResponse",
    "TopicData",
    "TransactionState",
]


@request(key=65, versions="0", flexible="0+")
class DescribeTransactionsRequest:
    transactional_ids: Array[String] = wire()


@struct()
class TopicData:
    topic: String = wire()
    partitions: Array[Int32] = wire()


@struct()
class TransactionState:
    error_code: Int16 = wire()
    transactional_id: String = wire()
    transaction_state: String = wire()
    transaction_timeout_ms: Int32 = wire()
    transaction_start_time_ms: Int64 = wire()
    producer_id: Int64 = wire()
    producer_epoch: Int16 = wire()
    topics: Array[TopicData] = wire()


@response(key=65, versions="0", flexible="0+")
class DescribeTransactionsResponse:
    throttle_time_ms: Int32 = wire()
    transaction_states: Array[TransactionState] = wire()
