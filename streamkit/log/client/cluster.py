"""The cluster as a client sees it: brokers, topics, leaders. Values: what the last metadata answer said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from streamkit.errors import BrokerError
from streamkit.log.client.topics import Node
from streamkit.log.protocol import NO_UUID, ErrorCode
from streamkit.log.protocol.messages import MetadataResponse

__all__ = [
    "Cluster",
    "PartitionInfo",
    "TopicInfo",
    "as_cluster",
    "broker_error",
    "unknown_topic",
]


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """A partition's leader: node id (-1: none now) and its epoch; replicas by node id."""

    leader: int
    leader_epoch: int
    replicas: tuple[int, ...] = ()
    in_sync_replicas: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic as the last metadata answer showed it; `partitions` by their number."""

    name: str
    topic_id: UUID
    internal: bool
    partitions: tuple[PartitionInfo, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is known of the cluster.

    Attributes:
        nodes: brokers by id.
        controller_id: -1 if not known.
        topics: what exists, by name.
        errors: why a topic that was asked for is not in `topics`, by name.
        cluster_id: the cluster's own id; empty if not known.
    """

    nodes: Mapping[int, Node] = field(default_factory=dict)
    controller_id: int = -1
    topics: Mapping[str, TopicInfo] = field(default_factory=dict)
    errors: Mapping[str, ErrorCode] = field(default_factory=dict)
    cluster_id: str = ""

    def leader(self, topic: str, partition: int) -> int:
        """Node id of the partition's leader; -1 if it has none, or is not known."""
        info = self.topics.get(topic)
        if info is None or not 0 <= partition < len(info.partitions):
            return -1
        return info.partitions[partition].leader


def broker_error(
    code: int, doing: str, *, topic_partition: tuple[str, int] | None = None, hint: str = ""
) -> BrokerError:
    """The error for a code in an answer: what was being done, and the code's name."""
    known = ErrorCode(code)
    return BrokerError(
        f"{doing}: {known.name} ({code})" + (f"; {hint}" if hint else ""),
        code=code,
        retriable=known.retriable,
        topic_partition=topic_partition,
    )


def unknown_topic(name: str) -> BrokerError:
    """The error for a topic that does not exist."""
    return BrokerError(
        f"topic {name} does not exist; create it first: streamkit topics create {name}",
        code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        topic_partition=(name, -1),
    )


def as_cluster(response: MetadataResponse) -> Cluster:
    """What an answer says; topics without partitions or with an error go to `errors`."""
    nodes = {b.node_id: Node(b.node_id, b.host, b.port, b.rack) for b in response.brokers}
    topics: dict[str, TopicInfo] = {}
    errors: dict[str, ErrorCode] = {}
    for topic in response.topics:
        if topic.name is None:
            continue
        if topic.error_code != ErrorCode.NONE or not topic.partitions:
            errors[topic.name] = ErrorCode(topic.error_code or ErrorCode.LEADER_NOT_AVAILABLE)
            continue
        partitions = sorted(topic.partitions, key=lambda p: p.partition_index)
        topics[topic.name] = TopicInfo(
            topic.name,
            topic.topic_id or NO_UUID,
            topic.is_internal,
            tuple(
                PartitionInfo(
                    p.leader_id, p.leader_epoch, tuple(p.replica_nodes), tuple(p.isr_nodes)
                )
                for p in partitions
            ),
        )
    return Cluster(nodes, response.controller_id, topics, errors, response.cluster_id or "")
