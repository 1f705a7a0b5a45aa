"""What consumers of the classic protocol write into a join and read from a sync: ConsumerProtocol."""

from __future__ import annotations

import struct
from uuid import UUID

from streamkit.errors import ProtocolError
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.groups.consumer.records import Partitions
from streamkit.log.protocol import decode_versioned, encode_versioned
from streamkit.log.protocol.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
)

__all__ = ["read_assignment", "read_owned", "read_subscription", "write_assignment"]

_NEWEST = 3


def read_subscription(metadata: bytes) -> ConsumerProtocolSubscription:
    """What a consumer subscribes to.

    Raises:
        ProtocolError: it isn't a subscription.
    """
    return decode_versioned(ConsumerProtocolSubscription, metadata)


def read_owned(subscription: ConsumerProtocolSubscription, cluster: ClusterView) -> Partitions:
    """The partitions that a consumer says it has, of topics that exist."""
    found: dict[UUID, frozenset[int]] = {}
    for each in subscription.owned_partitions:
        topic_id = cluster.topic_id_of(each.topic)
        if topic_id is not None:
            found[topic_id] = found.get(topic_id, frozenset()) | frozenset(each.partitions)
    return found


def read_assignment(assignment: bytes, cluster: ClusterView) -> tuple[Partitions, bool]:
    """The partitions of an assignment, of topics that exist, and whether there is user data with it.

    Raises:
        ProtocolError: it isn't an assignment.
    """
    if not assignment:
        return {}, False
    decoded = decode_versioned(ConsumerProtocolAssignment, assignment)
    found = {}
    for each in decoded.assigned_partitions:
        topic_id = cluster.topic_id_of(each.topic)
        if topic_id is not None and each.partitions:
            found[topic_id] = frozenset(each.partitions)
    return found, bool(decoded.user_data)


def write_assignment(partitions: Partitions, cluster: ClusterView, metadata: bytes) -> bytes:
    """An assignment in the version of the member's subscription `metadata`.

    Raises:
        ProtocolError: `metadata` has no version.
    """
    named = [
        ConsumerProtocolAssignmentTopicPartition(
            topic=name, partitions=sorted(partitions[topic_id])
        )
        for topic_id in sorted(partitions)
        if (name := cluster.topic_name_of(topic_id)) is not None
    ]
    try:
        (version,) = struct.unpack_from(">h", metadata)
    except struct.error as error:
        raise ProtocolError("a subscription without a version") from error
    if version < 0:
        raise ProtocolError(f"a subscription of version {version}")
    return encode_versioned(
        ConsumerProtocolAssignment(assigned_partitions=named), min(version, _NEWEST)
    )
