"""Fetch (key 1): read record batches from partitions, waiting for data if there is none.

| version | change |
| --- | --- |
| 4 | the oldest left; isolation level, last stable offset, aborted transactions |
| 5 | log start offset, both ways |
| 7 | fetch sessions: only changes are sent (KIP-227) |
| 9 | current leader epoch, to fence (KIP-320) |
| 10 | zstd may be in the answer |
| 11 | rack, preferred read replica (KIP-392) |
| 12 | flexible; last fetched epoch, diverging epoch, current leader (KIP-595) |
| 13 | topics by id instead of name (KIP-516) |
| 14 | error of tiered storage (KIP-405) |
| 15 | replica id moves into a tagged struct with its epoch (KIP-903) |
| 16 | answer: addresses of leaders (KIP-951) |
| 17 | replica's directory id (KIP-853) |
| 18 | high watermark that the follower knows (KIP-1166) |

Partitions are served in the order of the request, until `max_bytes` is reached; the first batch comes whole even if it is larger.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int8,
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
    "AbortedTransaction",
    "EpochEndOffset",
    "FetchPartition",
    "FetchRequest",
    "FetchResponse",
    "FetchTopic",
    "FetchableTopicResponse",
    "ForgottenTopic",
    "LeaderIdAndEpoch",
    "NodeEndpoint",
    "PartitionData",
    "ReplicaState",
    "SnapshotId",
]


@struct()
class ReplicaState:
    replica_id: Int32 = wire("15+", default=-1)
    replica_epoch: Int64 = wire("15+", default=-1)


@struct()
class FetchPartition:
    partition: Int32 = wire()
    current_leader_epoch: Int32 = wire("9+", default=-1, ignorable=True)
    fetch_offset: Int64 = wire()
    last_fetched_epoch: Int32 = wire("12+", default=-1)
    log_start_offset: Int64 = wire("5+", default=-1, ignorable=True)
    partition_max_bytes: Int32 = wire()
    replica_directory_id: Uuid = wire("17+", tag=0, ignorable=True)
    high_watermark: Int64 = wire("18+", default=0x7FFFFFFFFFFFFFFF, tag=1, ignorable=True)


@struct()
class FetchTopic:
    topic: String = wire("0-12", ignorable=True)
    topic_id: Uuid = wire("13+", ignorable=True)
    partitions: Array[FetchPartition] = wire()


@struct()
class ForgottenTopic:
    topic: String = wire("7-12", ignorable=True)
    topic_id: Uuid = wire("13+", ignorable=True)
    partitions: Array[Int32] = wire("7+")


@request(key=1, versions="4-18", flexible="12+")
class FetchRequest:
    cluster_id: String | None = wire("12+", default=None, nullable="12+", tag=0, ignorable=True)
    replica_id: Int32 = wire("0-14", default=-1)
    replica_state: ReplicaState = wire("15+", tag=1)
    max_wait_ms: Int32 = wire()
    min_bytes: Int32 = wire()
    max_bytes: Int32 = wire("3+", default=0x7FFFFFFF, ignorable=True)
    isolation_level: Int8 = wire("4+", ignorable=True)
    session_id: Int32 = wire("7+", ignorable=True)
    session_epoch: Int32 = wire("7+", default=-1, ignorable=True)
    topics: Array[FetchTopic] = wire()
    forgotten_topics_data: Array[ForgottenTopic] = wire("7+")
    rack_id: String = wire("11+", ignorable=True)


@struct()
class EpochEndOffset:
    epoch: Int32 = wire("12+", default=-1)
    end_offset: Int64 = wire("12+", default=-1)


@struct()
class LeaderIdAndEpoch:
    leader_id: Int32 = wire("12+", default=-1)
    leader_epoch: Int32 = wire("12+", default=-1)


@struct()
class SnapshotId:
    end_offset: Int64 = wire(default=-1)
    epoch: Int32 = wire(default=-1)


@struct()
class AbortedTransaction:
    producer_id: Int64 = wire("4+")
    first_offset: Int64 = wire("4+")


@struct()
class PartitionData:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()
    high_watermark: Int64 = wire()
    last_stable_offset: Int64 = wire("4+", default=-1, ignorable=True)
    log_start_offset: Int64 = wire("5+", default=-1, ignorable=True)
    diverging_epoch: EpochEndOffset = wire("12+", tag=0)
    current_leader: LeaderIdAndEpoch = wire("12+", tag=1)
    snapshot_id: SnapshotId = wire("12+", tag=2)
    aborted_transactions: Array[AbortedTransaction] | None = wire(
        "4+", nullable="4+", ignorable=True
    )
    preferred_read_replica: Int32 = wire("11+", default=-1)
    records: Records = wire()


@struct()
class FetchableTopicResponse:
    topic: String = wire("0-12", ignorable=True)
    topic_id: Uuid = wire("13+", ignorable=True)
    partitions: Array[PartitionData] = wire()


@struct()
class NodeEndpoint:
    node_id: Int32 = wire("16+")
    host: String = wire("16+")
    port: Int32 = wire("16+")
    rack: String | None = wire("16+", default=None, nullable="16+")


@response(key=1, versions="4-18", flexible="12+")
class FetchResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    error_code: Int16 = wire("7+", ignorable=True)
    session_id: Int32 = wire("7+")
    responses: Array[FetchableTopicResponse] = wire()
    node_endpoints: Array[NodeEndpoint] = wire("16+", tag=0)
