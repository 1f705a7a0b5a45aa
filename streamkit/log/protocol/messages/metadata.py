"""Metadata (key 3): the brokers, and the topics with their partitions and leaders.

| version | change |
| --- | --- |
| 0 | an empty list of topics asks for all |
| 1 | null asks for all, an empty list for none; rack, controller, internal |
| 2 | cluster id |
| 3 | throttle time |
| 4 | the client says if a topic may be created |
| 5 | offline replicas |
| 7 | leader epoch |
| 8 | authorized operations on request |
| 9 | flexible |
| 10 | topic ids in the answer (KIP-516) |
| 11 | authorized operations of the cluster are gone (KIP-700) |
| 12 | topics can be asked for by id |
| 13 | an error code for the whole answer |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
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
    "MetadataRequest",
    "MetadataRequestTopic",
    "MetadataResponse",
    "MetadataResponseBroker",
    "MetadataResponsePartition",
    "MetadataResponseTopic",
]


@struct()
class MetadataRequestTopic:
    topic_id: Uuid = wire("10+", ignorable=True)
    name: String | None = wire(nullable="10+")


@request(key=3, versions="0-13", flexible="9+")
class MetadataRequest:
    topics: Array[MetadataRequestTopic] | None = wire(nullable="1+")
    allow_auto_topic_creation: Bool = wire("4+", default=True)
    include_cluster_authorized_operations: Bool = wire("8-10")
    include_topic_authorized_operations: Bool = wire("8+")


@struct()
class MetadataResponseBroker:
    node_id: Int32 = wire()
    host: String = wire()
    port: Int32 = wire()
    rack: String | None = wire("1+", default=None, nullable="1+", ignorable=True)


@struct()
class MetadataResponsePartition:
    error_code: Int16 = wire()
    partition_index: Int32 = wire()
    leader_id: Int32 = wire()
    leader_epoch: Int32 = wire("7+", default=-1, ignorable=True)
    replica_nodes: Array[Int32] = wire()
    isr_nodes: Array[Int32] = wire()
    offline_replicas: Array[Int32] = wire("5+", ignorable=True)


@struct()
class MetadataResponseTopic:
    error_code: Int16 = wire()
    name: String | None = wire(nullable="12+")
    topic_id: Uuid = wire("10+", ignorable=True)
    is_internal: Bool = wire("1+", ignorable=True)
    partitions: Array[MetadataResponsePartition] = wire()
    topic_authorized_operations: Int32 = wire("8+", default=-0x80000000)


@response(key=3, versions="0-13", flexible="9+")
class MetadataResponse:
    throttle_time_ms: Int32 = wire("3+", ignorable=True)
    brokers: Array[MetadataResponseBroker] = wire()
    cluster_id: String | None = wire("2+", default=None, nullable="2+", ignorable=True)
    controller_id: Int32 = wire("1+", default=-1, ignorable=True)
    topics: Array[MetadataResponseTopic] = wire()
    cluster_authorized_operations: Int32 = wire("8-10", default=-0x80000000)
    error_code: Int16 = wire("13+", ignorable=True)
