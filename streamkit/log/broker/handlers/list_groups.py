"""ListGroups (key 16): every group of this broker.

| version | change |
| --- | --- |
| 3 | flexible |
| 4 | states, and a filter on them |
| 5 | types, and a filter on them |

Filters don't mind the case. Left out: nothing; groups are of type `classic` or `consumer`.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import ConsumerGroup, Group
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.list_groups import (
    ListedGroup,
    ListGroupsRequest,
    ListGroupsResponse,
)

__all__ = ["list_groups"]


@handles(ListGroupsRequest)
def list_groups(
    broker: Broker,
    request: ListGroupsRequest,
    context: RequestContext,
) -> ListGroupsResponse:
    """The groups in one of the states and of one of the types asked for; empty filters let all pass."""
    states = {state.lower() for state in request.states_filter}
    types = {name.lower() for name in request.types_filter}
    sees_all = not context.denied(Operation.DESCRIBE, ResourceType.CLUSTER)
    return ListGroupsResponse(
        groups=[
            listed
            for listed in map(_listed, broker.groups.groups())
            if (not states or listed.group_state.lower() in states)
            and (not types or listed.group_type in types)
            and (
                sees_all
                or not context.denied(Operation.DESCRIBE, ResourceType.GROUP, listed.group_id)
            )
        ]
    )


def _listed(group: Group | ConsumerGroup) -> ListedGroup:
    if isinstance(group, ConsumerGroup):
        protocol_type, group_type = "consumer", "consumer"
    else:
        protocol_type, group_type = group.protocol_type or "", "classic"
    return ListedGroup(
        group_id=group.group_id,
        protocol_type=protocol_type,
        group_state=group.state.value,
        group_type=group_type,
    )
