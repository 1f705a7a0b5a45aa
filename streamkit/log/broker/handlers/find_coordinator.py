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

from streamkit.errors import BrokerError
from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import refusal
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
    """Name this broker for each key; none whose partition of the internal topic is damaged."""
    if context.api_version >= 4:
        keys = request.coordinator_keys
        return FindCoordinatorResponse(
            coordinators=[_coordinator(broker, request.key_type, key, context) for key in keys]
        )
    found = _coordinator(broker, request.key_type, request.key, context)
    return FindCoordinatorResponse(
        error_code=found.error_code,
        error_message=found.error_message or ErrorCode.NONE.name,
        node_id=found.node_id,
        host=found.host,
        port=found.port,
    )


def _coordinator(broker: Broker, key_type: int, key: str, context: RequestContext) -> Coordinator:
    try:
        if key_type == _GROUP:
            context.check(Operation.DESCRIBE, ResourceType.GROUP, key)
            topic, partition = "__consumer_offsets", broker.groups.partition_of(key)
        elif key_type == _TRANSACTION:
            context.check(Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, key)
            topic, partition = "__transaction_state", broker.transactions.partition_of(key)
        else:
            raise refusal(
                ErrorCode.INVALID_REQUEST, f"this broker has no coordinator of type {key_type}"
            )
        if not broker.has_coordinator(topic, partition):
            raise refusal(
                ErrorCode.COORDINATOR_NOT_AVAILABLE,
                f"{topic}-{partition} is damaged; the broker's log says where",
            )
    except BrokerError as error:
        return Coordinator(
            key=key, node_id=-1, port=-1, error_code=error.code, error_message=str(error)
        )
    return Coordinator(key=key, node_id=broker.node_id, host=broker.host, port=broker.port)
