"""Heartbeat (key 12): a member says that it is alive, and learns of rebalances.

| version | change |
| --- | --- |
| 3 | static members by instance id |
| 4 | flexible |

Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse

__all__ = ["heartbeat"]


@handles(HeartbeatRequest)
def heartbeat(
    broker: Broker,
    request: HeartbeatRequest,
    context: RequestContext,
) -> HeartbeatResponse:
    """Keep a member alive; REBALANCE_IN_PROGRESS tells it to join again."""
    if error := context.denied(Operation.READ, ResourceType.GROUP, request.group_id):
        return HeartbeatResponse(error_code=error)
    if not request.group_id:
        return HeartbeatResponse(error_code=ErrorCode.INVALID_GROUP_ID)
    error = broker.groups.heartbeat(
        request.group_id, request.member_id, request.group_instance_id, request.generation_id
    )
    return HeartbeatResponse(error_code=error)
