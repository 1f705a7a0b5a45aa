"""OffsetDelete (key 47): forget what a group has committed in topics that it doesn't read.

Serves its one version, 0. Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from streamkit.model import TopicPartition

__all__ = ["offset_delete"]


@handles(OffsetDeleteRequest)
def offset_delete(
    broker: Broker,
    request: OffsetDeleteRequest,
    context: RequestContext,
) -> OffsetDeleteResponse:
    """Forget offsets, with a code for each partition, or one if the group doesn't allow it at all."""
    if error := context.denied(Operation.DELETE, ResourceType.GROUP, request.group_id):
        return OffsetDeleteResponse(error_code=error)
    if not request.group_id:
        return OffsetDeleteResponse(error_code=ErrorCode.INVALID_GROUP_ID)
    denied = {
        topic.name: context.denied(Operation.READ, ResourceType.TOPIC, topic.name)
        for topic in request.topics
    }
    asked = [
        TopicPartition(topic.name, partition.partition_index)
        for topic in request.topics
        if not denied[topic.name]
        for partition in topic.partitions
    ]
    known = [tp for tp in asked if broker.partition_exists(tp.topic, tp.partition)]
    errors = broker.groups.delete_offsets(request.group_id, known)
    if isinstance(errors, ErrorCode):
        return OffsetDeleteResponse(error_code=errors)
    return OffsetDeleteResponse(
        topics=[
            OffsetDeleteResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetDeleteResponsePartition(
                        partition_index=partition.partition_index,
                        error_code=denied[topic.name]
                        or errors.get(
                            TopicPartition(topic.name, partition.partition_index),
                            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                        ),
                    )
                    for partition in topic.partitions
                ],
            )
            for topic in request.topics
            if topic.partitions
        ]
    )
