"""Produce (key 0): append record batches to partitions.

| version | change |
| --- | --- |
| 3 | the oldest left; transactional id; record format 2 |
| 5 | answer: log start offset |
| 7 | zstd is allowed |
| 8 | answer: which records of a refused batch are at fault |
| 9 | flexible |
| 10 | answer: the current leader and its address, tagged (KIP-951) |
| 11 | answer: TRANSACTION_ABORTABLE (KIP-890) |
| 12 | a transactional producer leaves AddPartitionsToTxn out: the broker adds the partition (KIP-890) |
| 13 | topics by id instead of name (KIP-516) |

There is no answer to `acks` 0. Versions 4, 6 and 7 look like 3 or 5. ApiVersions announces 0 as the lowest, since librdkafka needs to
see it, although nobody may send 0 to 2.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    Int64,
    Records,
    String,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "BatchIndexAndErrorMessage",
    "LeaderIdAndEpoch",
    "NodeEndpoint",
    "PartitionProduceData",
    "PartitionProduceResponse",
    "ProduceRequest",
    "ProduceResponse",
    "TopicProduceData",
    "TopicProduceResponse",
]


@struct()
class PartitionProduceData:
    index: Int32 = wire()
    records: Records = wire()


@struct()
class TopicProduceData:
    name: String = wire("0-12", ignorable=True)
    topic_id: Uuid = wire("13+", ignorable=True)
    partition_data: Array[PartitionProduceData] = wire()


@request(key=0, versions="3-13", flexible="9+")
class ProduceRequest:
    transactional_id: String | None = wire("3+", default=None, nullable="3+")
    acks: Int16 = wire()
    timeout_ms: Int32 = wire()
    topic_data: Array[TopicProduceData] = wire()


@struct()
class BatchIndexAndErrorMessage:
    batch_index: Int32 = wire("8+")
    batch_index_error_message: String | None = wire("8+", default=None, nullable="8+")


@struct()
class LeaderIdAndEpoch:
    leader_id: Int32 = wire("10+", default=-1)
    leader_epoch: Int32 = wire("10+", default=-1)


@struct()
class PartitionProduceResponse:
    index: Int32 = wire()
    error_code: Int16 = wire()
    base_offset: Int64 = wire()
    log_append_time_ms: Int64 = wire("2+", default=-1, ignorable=True)
    log_start_offset: Int64 = wire("5+", default=-1, ignorable=True)
    record_errors: Array[BatchIndexAndErrorMessage] = wire("8+", ignorable=True)
    error_message: String | None = wire("8+", default=None, nullable="8+", ignorable=True)
    current_leader: LeaderIdAndEpoch = wire("10+", tag=0)


@struct()
class TopicProduceResponse:
    name: String = wire("0-12", ignorable=True)
    topic_id: Uuid = wire("13+", ignorable=True)
    partition_responses: Array[PartitionProduceResponse] = wire()


@struct()
class NodeEndpoint:
    node_id: Int32 = wire("10+")
    host: String = wire("10+")
    port: Int32 = wire("10+")
    rack: String | None = wire("10+", default=None, nullable="10+")


@response(key=0, versions="3-13", flexible="9+")
class ProduceResponse:
    responses: Array[TopicProduceResponse] = wire()
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    node_endpoints: Array[NodeEndpoint] = wire("10+", tag=0)
