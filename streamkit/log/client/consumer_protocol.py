"""What members and leader of a group of type `consumer` tell each other through the coordinator."""

from __future__ import annotations

from collections.abc import Collection

from streamkit.log.client.assignors import Assignment, Subscription
from streamkit.log.client.offsets import by_topic
from streamkit.log.protocol import decode_versioned, encode_versioned
from streamkit.log.protocol.messages import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)
from streamkit.model import TopicPartition

__all__ = [
    "decode_assignment",
    "decode_subscription",
    "encode_assignment",
    "encode_subscription",
]


def encode_subscription(
    topics: Collection[str],
    owned: Collection[TopicPartition],
    user_data: bytes | None,
    generation: int,
) -> bytes:
    """A subscription as members send it to the leader."""
    return encode_versioned(
        ConsumerProtocolSubscription(
            topics=sorted(topics),
            user_data=user_data,
            owned_partitions=[
                ConsumerProtocolSubscriptionTopicPartition(topic=topic, partitions=indexes)
                for topic, indexes in by_topic(owned).items()
            ],
            generation_id=generation,
        ),
        3,
    )


def decode_subscription(data: bytes, group_instance_id: str | None = None) -> Subscription:
    """What a member sent, in whatever version.

    Raises:
        ProtocolError: not a subscription.
    """
    s = decode_versioned(ConsumerProtocolSubscription, data)
    return Subscription(
        tuple(s.topics),
        tuple(TopicPartition(o.topic, p) for o in s.owned_partitions for p in o.partitions),
        s.user_data,
        group_instance_id,
        s.generation_id,
        s.rack_id,
    )


def encode_assignment(assignment: Assignment) -> bytes:
    """An assignment as the leader sends it to a member."""
    return encode_versioned(
        ConsumerProtocolAssignment(
            assigned_partitions=[
                ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=indexes)
                for topic, indexes in by_topic(assignment.partitions).items()
            ],
            user_data=assignment.user_data,
        ),
        3,
    )


def decode_assignment(data: bytes) -> Assignment:
    """What the leader sent; no bytes at all: nothing assigned.

    Raises:
        ProtocolError: not an assignment.
    """
    if not data:
        return Assignment()
    a = decode_versioned(ConsumerProtocolAssignment, data)
    return Assignment(
        tuple(TopicPartition(t.topic, p) for t in a.assigned_partitions for p in t.partitions),
        a.user_data,
    )
