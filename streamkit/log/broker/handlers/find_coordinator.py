"""FindCoordinator (key 10): which broker coordinates a group or a transactional id; here always this one.

| version | change |
| --- | --- |
| 1 | key type: 0 group, 1 transaction |
| 3 | flexible |
| 4 | many keys in a request |
| 6 | key type 2, share groups |

Left out: share groups, which this broker doesn't have (INVALID_REQUEST).
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

__all__ = ["find_coordinator"]

_GROUP, _TRANSACTION = 0, 1


@handles(FindCoordinatorRequest)
def find_coordinator(
    broker: Broker, request: FindCoordinatorRequest, context: RequestContext
) -> FindCoordinatorResponse:
    """Name this broker for each key."""
    error, message = ErrorCode.NONE, ""
    node_id, host, port = broker.node_id, broker.host, broker.port
    if request.key_type not in (_GROUP, _TRANSACTION):
        error, node_id, host, port = ErrorCode.INVALID_REQUEST, -1, "", -1
        message = f"this broker has no coordinator of type {request.key_type}"
    if context.api_version < 4:
        return FindCoordinatorResponse(
            error_code=error,
            error_message=message or error.name,
            node_id=node_id,
            host=host,
            port=port,
        )
    return FindCoordinatorResponse(
        coordinators=[
            Coordinator(
                key=key,
                node_id=node_id,
                host=host,
                port=port,
                error_code=error,
                error_message=message,
            )
            for key in request.coordinator_keys
        ]
    )
