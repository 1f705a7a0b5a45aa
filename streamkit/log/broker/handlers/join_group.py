"""JoinGroup (key 11): become a member of a group, or join anew when it rebalances.

| version | change |
| --- | --- |
| 1 | rebalance timeout of its own |
| 4 | a new member is first given its id, and joins again with it (KIP-394) |
| 5 | static members by instance id (KIP-345) |
| 6 | flexible |
| 7 | the answer names the protocol type |
| 8 | the reason to join |
| 9 | the leader may be told not to assign |

Left out: nothing. The reason is not kept.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import Join, JoinReply
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupResponse,
    JoinGroupResponseMember,
)

__all__ = ["join_group"]


@handles(JoinGroupRequest)
async def join_group(
    broker: Broker, request: JoinGroupRequest, context: RequestContext
) -> JoinGroupResponse:
    """Wait until the group has its next generation; the leader then gets all members."""
    if error := context.denied(Operation.READ, ResourceType.GROUP, request.group_id):
        reply = JoinReply(error, "")
    elif not request.group_id:
        reply = JoinReply(ErrorCode.INVALID_GROUP_ID, request.member_id)
    else:
        rebalance_timeout_ms = request.rebalance_timeout_ms
        reply = await broker.groups.join(
            Join(
                group_id=request.group_id,
                member_id=request.member_id,
                instance_id=request.group_instance_id,
                client_id=context.client_id,
                client_host=context.client_host,
                session_timeout_ms=request.session_timeout_ms,
                rebalance_timeout_ms=(
                    request.session_timeout_ms if rebalance_timeout_ms < 0 else rebalance_timeout_ms
                ),
                protocol_type=request.protocol_type,
                protocols=tuple((p.name, bytes(p.metadata)) for p in request.protocols),
                member_id_required=context.api_version >= 4,
                can_skip_assignment=context.api_version >= 9,
            )
        )
    # Before version 7 the name of the protocol can't be null.
    protocol = reply.protocol if reply.protocol is not None or context.api_version >= 7 else ""
    return JoinGroupResponse(
        error_code=reply.error,
        generation_id=reply.generation,
        protocol_type=reply.protocol_type,
        protocol_name=protocol,
        leader=reply.leader,
        skip_assignment=reply.skip_assignment,
        member_id=reply.member_id,
        members=[
            JoinGroupResponseMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                metadata=member.metadata,
            )
            for member in reply.members
        ],
    )
