"""DescribeGroups (key 15): state and members of groups.

| version | change |
| --- | --- |
| 3 | authorized operations |
| 4 | instance ids |
| 5 | flexible |
| 6 | GROUP_ID_NOT_FOUND for a group that isn't there, which was Dead without an error before |

Members' metadata is told of stable groups only, as in Apache Kafka. Groups of the consumer protocol aren't found
here: ConsumerGroupDescribe tells of them. Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import NOT_ASKED, Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import Group, GroupState
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribedGroupMember,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)

__all__ = ["describe_groups"]


@handles(DescribeGroupsRequest)
def describe_groups(
    broker: Broker, request: DescribeGroupsRequest, context: RequestContext
) -> DescribeGroupsResponse:
    """Describe each of the groups asked for, in that order."""

    def operations(group_id: str) -> int:
        if not request.include_authorized_operations:
            return NOT_ASKED
        return context.authorized_operations(ResourceType.GROUP, group_id)

    return DescribeGroupsResponse(
        groups=[
            _refused(group_id, error)
            if (
                error := context.denied(Operation.DESCRIBE, ResourceType.GROUP, group_id)
                or broker.groups.availability(group_id)
            )
            else _described(group, operations(group_id))
            if (group := broker.groups.group(group_id)) is not None
            else _not_found(group_id, operations(group_id), context.api_version)
            for group_id in request.groups
        ]
    )


def _described(group: Group, operations: int) -> DescribedGroup:
    stable = group.state is GroupState.STABLE
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol or "") if stable else "",
        members=[
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata(group.protocol) if stable else b"",
                member_assignment=member.assignment,
            )
            for member in group.members.values()
        ],
        authorized_operations=operations,
    )


def _refused(group_id: str, error: ErrorCode) -> DescribedGroup:
    return DescribedGroup(group_id=group_id, error_code=error)


def _not_found(group_id: str, operations: int, api_version: int) -> DescribedGroup:
    described = DescribedGroup(group_id=group_id, group_state=GroupState.DEAD.value)
    if api_version >= 6:
        described.error_code = ErrorCode.GROUP_ID_NOT_FOUND
        described.error_message = f"Group {group_id} not found."
    else:
        described.authorized_operations = operations
    return described
