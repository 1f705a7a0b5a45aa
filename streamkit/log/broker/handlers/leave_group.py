"""LeaveGroup (key 13): members go, and the rest shares their work.

| version | change |
| --- | --- |
| 3 | several members, static ones by instance id alone |
| 4 | flexible |
| 5 | the reason to leave |

Left out: nothing. The reason is not kept.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import Leaver
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberResponse,
)

__all__ = ["leave_group"]


@handles(LeaveGroupRequest)
def leave_group(
    broker: Broker, request: LeaveGroupRequest, context: RequestContext
) -> LeaveGroupResponse:
    """Remove members, with a code for each; before version 3 the one member's code is the answer's."""
    if error := context.denied(Operation.READ, ResourceType.GROUP, request.group_id):
        return LeaveGroupResponse(error_code=error)
    if not request.group_id:
        return LeaveGroupResponse(error_code=ErrorCode.INVALID_GROUP_ID)
    if error := broker.groups.availability(request.group_id):
        return LeaveGroupResponse(error_code=error)
    if context.api_version < 3:
        errors = broker.groups.leave(request.group_id, [Leaver(request.member_id)])
        return LeaveGroupResponse(error_code=errors[0])
    leavers = [Leaver(member.member_id, member.group_instance_id) for member in request.members]
    errors = broker.groups.leave(request.group_id, leavers)
    return LeaveGroupResponse(
        members=[
            MemberResponse(
                member_id=leaver.member_id,
                group_instance_id=leaver.instance_id,
                error_code=error,
            )
            for leaver, error in zip(leavers, errors, strict=True)
        ]
    )
