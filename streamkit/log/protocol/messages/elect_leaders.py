"""ElectLeaders (key 43): have partitions elect a leader.

| version | change |
| --- | --- |
| 1 | preferred or unclean election; an error code for the whole answer (KIP-460) |
| 2 | flexible |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int8,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "ElectLeadersRequest",
    "ElectLeadersResponse",
    "PartitionResult",
    "ReplicaElectionResult",
    "TopicPartitions",
]


@struct()
class TopicPartitions:
    topic: String = wire()
    partitions: Array[Int32] = wire()


@request(key=43, versions="0-2", flexible="2+")
class ElectLeadersRequest:
    election_type: Int8 = wire("1+")
    topic_partitions: Array[TopicPartitions] | None = wire(nullable="0+")
    timeout_ms: Int32 = wire(default=60_000)


@struct()
class PartitionResult:
    partition_id: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")


@struct()
class ReplicaElectionResult:
    topic: String = wire()
    partition_result: Array[PartitionResult] = wire()


@response(key=43, versions="0-2", flexible="2+")
class ElectLeadersResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire("1+")
    replica_election_results: Array[ReplicaElectionResult] = wire()
