"""Records of `__cluster_metadata`: what one node must remember of its cluster.

A value stands behind a frame version, its record type and its version, as unsigned varints
(`encode_metadata_record`); the key is null. All are flexible from version 0 on.

| record | versions |
| --- | --- |
| RegisterBrokerRecord | 1 controlled shutdown, 2 migration from ZooKeeper, 3 log folders (KIP-858), 4 cordoned ones |
| BrokerRegistrationChangeRecord | 1 controlled shutdown, 2 log folders, 3 cordoned ones |
| PartitionRecord, PartitionChangeRecord | 1 folders of replicas (KIP-858), 2 eligible leaders (KIP-966) |
| the others | 0 |

Source: KIP-631, KIP-746.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    String,
    UInt16,
    Uuid,
    struct,
    wire,
)

__all__ = [
    "AbortTransactionRecord",
    "BeginTransactionRecord",
    "BrokerEndpoint",
    "BrokerFeature",
    "BrokerRegistrationChangeRecord",
    "ConfigRecord",
    "EndTransactionRecord",
    "FeatureLevelRecord",
    "FenceBrokerRecord",
    "NoOpRecord",
    "PartitionChangeRecord",
    "PartitionRecord",
    "ProducerIdsRecord",
    "RegisterBrokerRecord",
    "RemoveTopicRecord",
    "TopicRecord",
    "UnfenceBrokerRecord",
    "UnregisterBrokerRecord",
]


@struct()
class BrokerEndpoint:
    name: String = wire()
    host: String = wire()
    port: UInt16 = wire()
    security_protocol: Int16 = wire()


@struct()
class BrokerFeature:
    name: String = wire()
    min_supported_version: Int16 = wire()
    max_supported_version: Int16 = wire()


@struct(versions="0-4", flexible="0+", key=0)
class RegisterBrokerRecord:
    broker_id: Int32 = wire()
    is_migrating_zk_broker: Bool = wire("2+")
    incarnation_id: Uuid = wire()
    broker_epoch: Int64 = wire()
    end_points: Array[BrokerEndpoint] = wire()
    features: Array[BrokerFeature] = wire()
    rack: String | None = wire(nullable="0+")
    fenced: Bool = wire(default=True)
    in_controlled_shutdown: Bool = wire("1+")
    log_dirs: Array[Uuid] = wire("3+", tag=0)
    cordoned_log_dirs: Array[Uuid] | None = wire("4+", default=None, nullable="4+", tag=1)


@struct(versions="0", flexible="0+", key=1)
class UnregisterBrokerRecord:
    broker_id: Int32 = wire()
    broker_epoch: Int64 = wire()


@struct(versions="0", flexible="0+", key=2)
class TopicRecord:
    name: String = wire()
    topic_id: Uuid = wire()


@struct(versions="0-2", flexible="0+", key=3)
class PartitionRecord:
    partition_id: Int32 = wire(default=-1)
    topic_id: Uuid = wire()
    replicas: Array[Int32] = wire()
    isr: Array[Int32] = wire()
    removing_replicas: Array[Int32] = wire()
    adding_replicas: Array[Int32] = wire()
    leader: Int32 = wire(default=-1)
    leader_recovery_state: Int8 = wire(tag=0)
    leader_epoch: Int32 = wire(default=-1)
    partition_epoch: Int32 = wire(default=-1)
    directories: Array[Uuid] = wire("1+")
    eligible_leader_replicas: Array[Int32] | None = wire("2+", default=None, nullable="2+", tag=1)
    last_known_elr: Array[Int32] | None = wire("2+", default=None, nullable="2+", tag=2)


@struct(versions="0", flexible="0+", key=4)
class ConfigRecord:
    resource_type: Int8 = wire()
    resource_name: String = wire()
    name: String = wire()
    value: String | None = wire(nullable="0+")


@struct(versions="0-2", flexible="0+", key=5)
class PartitionChangeRecord:
    partition_id: Int32 = wire(default=-1)
    topic_id: Uuid = wire()
    isr: Array[Int32] | None = wire(default=None, nullable="0+", tag=0)
    leader: Int32 = wire(default=-2, tag=1)
    replicas: Array[Int32] | None = wire(default=None, nullable="0+", tag=2)
    removing_replicas: Array[Int32] | None = wire(default=None, nullable="0+", tag=3)
    adding_replicas: Array[Int32] | None = wire(default=None, nullable="0+", tag=4)
    leader_recovery_state: Int8 = wire(default=-1, tag=5)
    directories: Array[Uuid] | None = wire("1+", default=None, nullable="1+", tag=8)
    eligible_leader_replicas: Array[Int32] | None = wire("2+", default=None, nullable="2+", tag=6)
    last_known_elr: Array[Int32] | None = wire("2+", default=None, nullable="2+", tag=7)


@struct(versions="0", flexible="0+", key=7)
class FenceBrokerRecord:
    id: Int32 = wire()
    epoch: Int64 = wire()


@struct(versions="0", flexible="0+", key=8)
class UnfenceBrokerRecord:
    id: Int32 = wire()
    epoch: Int64 = wire()


@struct(versions="0", flexible="0+", key=9)
class RemoveTopicRecord:
    topic_id: Uuid = wire()


@struct(versions="0", flexible="0+", key=12)
class FeatureLevelRecord:
    name: String = wire()
    feature_level: Int16 = wire()


@struct(versions="0-3", flexible="0+", key=17)
class BrokerRegistrationChangeRecord:
    broker_id: Int32 = wire()
    broker_epoch: Int64 = wire()
    fenced: Int8 = wire(tag=0)
    in_controlled_shutdown: Int8 = wire("1+", tag=1)
    log_dirs: Array[Uuid] = wire("2+", tag=2)
    cordoned_log_dirs: Array[Uuid] | None = wire("3+", default=None, nullable="3+", tag=3)


@struct(versions="0", flexible="0+", key=15)
class ProducerIdsRecord:
    broker_id: Int32 = wire()
    broker_epoch: Int64 = wire(default=-1)
    next_producer_id: Int64 = wire()


@struct(versions="0", flexible="0+", key=20)
class NoOpRecord:
    """No fields."""


@struct(versions="0", flexible="0+", key=23)
class BeginTransactionRecord:
    name: String | None = wire(default=None, nullable="0+", tag=0)


@struct(versions="0", flexible="0+", key=24)
class EndTransactionRecord:
    """No fields."""


@struct(versions="0", flexible="0+", key=25)
class AbortTransactionRecord:
    reason: String | None = wire(default=None, nullable="0+", tag=0)
