"""SyncGroup (key 14): the leader hands in the assignments, everybody gets its own.

| version | change |
| --- | --- |
| 3 | static members by instance id |
| 4 | flexible |
| 5 | protocol type and name, which must be those of the group (KIP-559) |

Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import Sync
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse

__all__ = ["sync_group"]


@handles(SyncGroupRequest)
async def sync_group(
    broker: Broker, request: SyncGroupRequest, context: RequestContext
) -> SyncGroupResponse:
    """Wait until the leader has assigned; after that, answer at once."""
    if not request.group_id:
        return SyncGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID)
    named = request.protocol_type is not None and request.protocol_name is not None
    if context.api_version >= 5 and not named:
        return SyncGroupResponse(error_code=ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    if error := context.denied(Operation.READ, ResourceType.GROUP, request.group_id):
        return SyncGroupResponse(error_code=error)
    reply = await broker.groups.sync(
        Sync(
            group_id=request.group_id,
            member_id=request.member_id,
            instance_id=request.group_instance_id,
            generation=request.generation_id,
            protocol_type=request.protocol_type,
            protocol=request.protocol_name,
            assignments=tuple((a.member_id, bytes(a.assignment)) for a in request.assignments),
        )
    )
    return SyncGroupResponse(
        error_code=reply.error,
        protocol_type=reply.protocol_type,
        protocol_name=reply.protocol,
        assignment=reply.assignment,
    )
