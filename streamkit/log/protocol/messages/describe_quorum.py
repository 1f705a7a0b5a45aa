"""DescribeQuorum (key 55): leader and voters of the metadata log.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | when replicas fetched and caught up (KIP-836) |
| 2 | messages, addresses, replicas' directory ids (KIP-853) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    Int64,
    String,
    UInt16,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "DescribeQuorumRequest",
    "DescribeQuorumRequestPartitionData",
    "DescribeQuorumRequestTopicData",
    "DescribeQuorumResponse",
    "DescribeQuorumResponsePartitionData",
    "DescribeQuorumResponseTopicData",
    "Listener",
    "Node",
    "ReplicaState",
]


@struct()
class DescribeQuorumRequestPartitionData:
    partition_index: Int32 = wire()


@struct()
class DescribeQuorumRequestTopicData:
    topic_name: String = wire()
    partitions: Array[DescribeQuorumRequestPartitionData] = wire()


@request(key=55, versions="0-2", flexible="0+")
class DescribeQuorumRequest:
    topics: Array[DescribeQuorumRequestTopicData] = wire()


@struct()
class ReplicaState:
    replica_id: Int32 = wire()
    replica_directory_id: Uuid = wire("2+")
    log_end_offset: Int64 = wire()
    last_fetch_timestamp: Int64 = wire("1+", default=-1, ignorable=True)
    last_caught_up_timestamp: Int64 = wire("1+", default=-1, ignorable=True)


@struct()
class DescribeQuorumResponsePartitionData:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire("2+", nullable="2+", ignorable=True)
    leader_id: Int32 = wire()
    leader_epoch: Int32 = wire()
    high_watermark: Int64 = wire()
    current_voters: Array[ReplicaState] = wire()
    observers: Array[ReplicaState] = wire()


@struct()
class DescribeQuorumResponseTopicData:
    topic_name: String = wire()
    partitions: Array[DescribeQuorumResponsePartitionData] = wire()


@struct()
class Listener:
    name: String = wire("2+")
    host: String = wire("2+")
    port: UInt16 = wire("2+")


@struct()
class Node:
    node_id: Int32 = wire("2+")
    listeners: Array[Listener] = wire("2+")


@response(key=55, versions="0-2", flexible="0+")
class DescribeQuorumResponse:
    error_code: Int16 = wire()
    error_message: String | None = wire("2+", nullable="2+", ignorable=True)
    topics: Array[DescribeQuorumResponseTopicData] = wire()
    nodes: Array[Node] = wire("2+")
