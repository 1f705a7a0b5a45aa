"""UnregisterBroker (key 64): take a node out of the cluster for good.

Version 0. Others than this node there are none, and this one can't go: who answers would be gone. (Apache Kafka lets
its only broker unregister itself, and serves nobody from then on.)
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.unregister_broker import (
    UnregisterBrokerRequest,
    UnregisterBrokerResponse,
)


@handles(UnregisterBrokerRequest)
def unregister_broker(
    broker: Broker,
    request: UnregisterBrokerRequest,
    context: RequestContext,
) -> UnregisterBrokerResponse:
    """Refuse, with the reason."""
    context.check(Operation.ALTER, ResourceType.CLUSTER)
    if request.broker_id == broker.node_id:
        return UnregisterBrokerResponse(
            error_code=ErrorCode.INVALID_REQUEST,
            error_message=f"Broker {broker.node_id} is the only one, and can't be unregistered",
        )
    return UnregisterBrokerResponse(
        error_code=ErrorCode.BROKER_ID_NOT_REGISTERED,
        error_message=f"Broker ID {request.broker_id} is not currently registered",
    )
