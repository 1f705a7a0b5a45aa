"""DescribeProducers (key 61): the producers that a partition remembers, and their open transactions.

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
    "DescribeProducersRequest",
    "DescribeProducersResponse",
    "PartitionResponse",
    "ProducerState",
    "TopicRequest",
    "TopicResponse",
]


@struct()
class TopicRequest:
    name: String = wire()
    partition_indexes: Array[Int32] = wire()


@request(key=61, versions="0", flexible="0+")
class DescribeProducersRequest:
    topics: Array[TopicRequest] = wire()


@struct()
class ProducerState:
    producer_id: Int64 = wire()
    producer_epoch: Int32 = wire()
    last_sequence: Int32 = wire(default=-1)
    last_timestamp: Int64 = wire(default=-1)
    coordinator_epoch: Int32 = wire()
    current_txn_start_offset: Int64 = wire(default=-1)


@struct()
class PartitionResponse:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(default=None, nullable="0+")
    active_producers: Array[ProducerState] = wire()


@struct()
class TopicResponse:
    name: String = wire()
    partitions: Array[PartitionResponse] = wire()


@response(key=61, versions="0", flexible="0+")
class DescribeProducersResponse:
    throttle_time_ms: Int32 = wire()
    topics: Array[TopicResponse] = wire()
