"""DeleteGroups (key 42): delete groups without members, with all that they have committed.

| version | change |
| --- | --- |
| 2 | flexible |

Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)

__all__ = ["delete_groups"]


@handles(DeleteGroupsRequest)
def delete_groups(
    broker: Broker,
    request: DeleteGroupsRequest,
    context: RequestContext,
) -> DeleteGroupsResponse:
    """Delete each of the groups, with a code for each."""
    return DeleteGroupsResponse(
        results=[
            DeletableGroupResult(
                group_id=group_id,
                error_code=context.denied(Operation.DELETE, ResourceType.GROUP, group_id)
                or broker.groups.delete_group(group_id),
            )
            for group_id in dict.fromkeys(request.groups_names)
        ]
    )
