"""ListConfigResources (key 74): names of what has settings.

| version | change |
| --- | --- |
| 0 | flexible; client metrics, of which there are none here |
| 1 | by resource type; without one all (KIP-1142) |

Groups are listed when they have settings of their own. Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_resources import BROKER, GROUP, TOPIC
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.list_config_resources import (
    ConfigResource,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

__all__ = ["list_config_resources"]

_LOGGER, _CLIENT_METRICS = 8, 16


@handles(ListConfigResourcesRequest)
def list_config_resources(
    broker: Broker, request: ListConfigResourcesRequest, context: RequestContext
) -> ListConfigResourcesResponse:
    """List the resources of the types asked for, or all."""
    context.check(Operation.DESCRIBE_CONFIGS, ResourceType.CLUSTER)
    image = broker.metadata.image
    names = {
        GROUP: list(image.groups),
        _CLIENT_METRICS: [],
        _LOGGER: [str(broker.node_id)],
        BROKER: [str(broker.node_id)],
        TOPIC: list(image.topics),
    }
    asked = request.resource_types or list(names)
    if context.api_version < 1:
        asked = [_CLIENT_METRICS]
    if any(kind not in names for kind in asked):
        return ListConfigResourcesResponse(error_code=ErrorCode.UNSUPPORTED_VERSION)
    return ListConfigResourcesResponse(
        config_resources=[
            ConfigResource(resource_name=name, resource_type=kind)
            for kind in dict.fromkeys(asked)
            for name in names[kind]
        ]
    )
