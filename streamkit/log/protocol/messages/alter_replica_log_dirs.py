"""AlterReplicaLogDirs (key 34): move replicas to another folder of their broker.

| version | change |
| --- | --- |
| 1 | the oldest left |
| 2 | flexible |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "AlterReplicaLogDir",
    "AlterReplicaLogDirPartitionResult",
    "AlterReplicaLogDirTopic",
    "AlterReplicaLogDirTopicResult",
    "AlterReplicaLogDirsRequest",
    "AlterReplicaLogDirsResponse",
]


@struct()
class AlterReplicaLogDirTopic:
    name: String = wire()
    partitions: Array[Int32] = wire()


@struct()
class AlterReplicaLogDir:
    path: String = wire()
    topics: Array[AlterReplicaLogDirTopic] = wire()


@request(key=34, versions="1-2", flexible="2+")
class AlterReplicaLogDirsRequest:
    dirs: Array[AlterReplicaLogDir] = wire()


@struct()
class AlterReplicaLogDirPartitionResult:
    partition_index: Int32 = wire()
    error_code: Int16 = wire()


@struct()
class AlterReplicaLogDirTopicResult:
    topic_name: String = wire()
    partitions: Array[AlterReplicaLogDirPartitionResult] = wire()


@response(key=34, versions="1-2", flexible="2+")
class AlterReplicaLogDirsResponse:
    throttle_time_ms: Int32 = wire()
    results: Array[AlterReplicaLogDirTopicResult] = wire()
