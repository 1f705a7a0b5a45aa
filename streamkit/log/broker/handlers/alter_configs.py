"""AlterConfigs (key 33): set all settings of a resource; what isn't named goes back to its default.

| version | change |
| --- | --- |
| 2 | flexible |

Left out: settings of the broker, which are fixed while it runs.
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_resources import GROUP, TOPIC, set_configs
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)


@handles(AlterConfigsRequest)
def alter_configs(
    broker: Broker,
    request: AlterConfigsRequest,
    context: RequestContext,  # noqa: ARG001
) -> AlterConfigsResponse:
    """Replace each resource's settings, or check only (`validate_only`)."""
    responses = []
    for resource in request.resources:
        response = AlterConfigsResourceResponse(
            error_message=None,
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
        )
        try:
            set_configs(
                broker,
                resource.resource_type,
                resource.resource_name,
                _changes(broker, resource),
                validate_only=request.validate_only,
            )
        except Exception as error:  # noqa: BLE001 - mapped to a code
            response.error_code = code_of(error, during="AlterConfigs")
            response.error_message = message_of(error)
        responses.append(response)
    return AlterConfigsResponse(responses=responses)


def _changes(broker: Broker, resource: AlterConfigsResource) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    if resource.resource_type == TOPIC:
        changes.update(dict.fromkeys(broker.topic(resource.resource_name).configs))
    elif resource.resource_type == GROUP:
        changes.update(dict.fromkeys(broker.cluster.group_configs(resource.resource_name)))
    changes.update({config.name: config.value for config in resource.configs})
    return changes
