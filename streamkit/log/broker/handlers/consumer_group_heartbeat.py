"""ConsumerGroupHeartbeat (key 68): membership in the consumer protocol, in one request (KIP-848).

| version | change |
| --- | --- |
| 0 | flexible; the broker may make the member's id |
| 1 | subscription by pattern; the member makes its own id (KIP-1082) |

Left out: nothing. The broker has no racks, so that those of members make no difference to what they are assigned.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import ConsumerHeartbeat
from streamkit.log.broker.metadata.features import GROUP_VERSION
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.consumer_group_heartbeat import (
    Assignment,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    TopicPartitions,
)

__all__ = ["consumer_group_heartbeat"]


@handles(ConsumerGroupHeartbeatRequest)
def consumer_group_heartbeat(
    broker: Broker, request: ConsumerGroupHeartbeatRequest, context: RequestContext
) -> ConsumerGroupHeartbeatResponse:
    """Take a heartbeat; the answer has the member's assignment if that has changed, or if all was asked."""
    if not broker.metadata.image.features[GROUP_VERSION]:
        return ConsumerGroupHeartbeatResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    names, owned = request.subscribed_topic_names, request.topic_partitions
    if error := context.denied(Operation.READ, ResourceType.GROUP, request.group_id):
        return ConsumerGroupHeartbeatResponse(error_code=error)
    for name in names or ():
        if error := context.denied(Operation.DESCRIBE, ResourceType.TOPIC, name):
            return ConsumerGroupHeartbeatResponse(error_code=error)
    reply = broker.groups.consumer_heartbeat(
        ConsumerHeartbeat(
            group_id=request.group_id,
            member_id=request.member_id,
            member_epoch=request.member_epoch,
            instance_id=request.instance_id,
            rack_id=request.rack_id,
            rebalance_timeout_ms=request.rebalance_timeout_ms,
            topics=None if names is None else frozenset(names),
            pattern=request.subscribed_topic_regex,
            server_assignor=request.server_assignor,
            owned=None
            if owned is None
            else {each.topic_id: frozenset(each.partitions) for each in owned},
            client_id=context.client_id,
            client_host=context.client_host,
            member_id_required=context.api_version >= 1,
        )
    )
    return ConsumerGroupHeartbeatResponse(
        error_code=reply.error,
        error_message=reply.message,
        member_id=reply.member_id,
        member_epoch=reply.member_epoch,
        heartbeat_interval_ms=reply.heartbeat_interval_ms,
        assignment=None
        if reply.assigned is None
        else Assignment(
            topic_partitions=[
                TopicPartitions(topic_id=topic_id, partitions=sorted(partitions))
                for topic_id, partitions in sorted(reply.assigned.items())
            ]
        ),
    )
