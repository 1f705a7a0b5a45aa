"""CreateTopics (key 19): new topics, with their partitions and settings.

| version | change |
| --- | --- |
| 2 | the oldest left; `validate_only`; error message; throttle time |
| 4 | -1 for partitions or replicas takes the broker's default (KIP-464) |
| 5 | flexible; answer: partitions, replicas and settings (KIP-525) |
| 6 | answer: THROTTLING_QUOTA_EXCEEDED (KIP-599) |
| 7 | answer: topic id (KIP-516) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int8,
    Int16,
    Int32,
    String,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "CreatableReplicaAssignment",
    "CreatableTopic",
    "CreatableTopicConfig",
    "CreatableTopicConfigs",
    "CreatableTopicResult",
    "CreateTopicsRequest",
    "CreateTopicsResponse",
]


@struct()
class CreatableReplicaAssignment:
    partition_index: Int32 = wire()
    broker_ids: Array[Int32] = wire()


@struct()
class CreatableTopicConfig:
    name: String = wire()
    value: String | None = wire(nullable="0+")


@struct()
class CreatableTopic:
    name: String = wire()
    num_partitions: Int32 = wire()
    replication_factor: Int16 = wire()
    assignments: Array[CreatableReplicaAssignment] = wire()
    configs: Array[CreatableTopicConfig] = wire()


@request(key=19, versions="2-7", flexible="5+")
class CreateTopicsRequest:
    topics: Array[CreatableTopic] = wire()
    timeout_ms: Int32 = wire(default=60_000)
    validate_only: Bool = wire("1+")


@struct()
class CreatableTopicConfigs:
    name: String = wire("5+")
    value: String | None = wire("5+", nullable="5+")
    read_only: Bool = wire("5+")
    config_source: Int8 = wire("5+", default=-1, ignorable=True)
    is_sensitive: Bool = wire("5+")


@struct()
class CreatableTopicResult:
    name: String = wire()
    topic_id: Uuid = wire("7+", ignorable=True)
    error_code: Int16 = wire()
    error_message: String | None = wire("1+", nullable="0+", ignorable=True)
    topic_config_error_code: Int16 = wire("5+", tag=0, ignorable=True)
    num_partitions: Int32 = wire("5+", default=-1, ignorable=True)
    replication_factor: Int16 = wire("5+", default=-1, ignorable=True)
    configs: Array[CreatableTopicConfigs] | None = wire("5+", nullable="5+", ignorable=True)


@response(key=19, versions="2-7", flexible="5+")
class CreateTopicsResponse:
    throttle_time_ms: Int32 = wire("2+", ignorable=True)
    topics: Array[CreatableTopicResult] = wire()
