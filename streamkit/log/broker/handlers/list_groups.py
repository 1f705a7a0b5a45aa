"""ListGroups (key 16): every group of this broker.

| version | change |
| --- | --- |
| 3 | flexible |
| 4 | states, and a filter on them |
| 5 | types, and a filter on them |

Filters don't mind the case. Left out: nothing; all groups are of type `classic`.
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.list_groups import (
    ListedGroup,
    ListGroupsRequest,
    ListGroupsResponse,
)

__all__ = ["list_groups"]

_TYPE = "classic"


@handles(ListGroupsRequest)
def list_groups(
    broker: Broker,
    request: ListGroupsRequest,
    context: RequestContext,  # noqa: ARG001
) -> ListGroupsResponse:
    """The groups in one of the states and of one of the types asked for; empty filters let all pass."""
    states = {state.lower() for state in request.states_filter}
    types = {name.lower() for name in request.types_filter}
    return ListGroupsResponse(
        groups=[
            ListedGroup(
                group_id=group.group_id,
                protocol_type=group.protocol_type or "",
                group_state=group.state.value,
                group_type=_TYPE,
            )
            for group in broker.groups.groups()
            if (not states or group.state.value.lower() in states) and (not types or _TYPE in types)
        ]
    )
