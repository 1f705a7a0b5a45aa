"""AlterConfigs (key 33): set all settings of a resource; what isn't named goes back to its default.

| version | change |
| --- | --- |
| 2 | flexible |
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_resources import Changes, alter_each, configs_of
from streamkit.log.broker.context import RequestContext
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
    context: RequestContext,
) -> AlterConfigsResponse:
    """Replace each resource's settings, or check only (`validate_only`)."""
    altered = alter_each(
        broker,
        request.resources,
        _changes,
        context,
        validate_only=request.validate_only,
        during="AlterConfigs",
    )
    return AlterConfigsResponse(
        responses=[
            AlterConfigsResourceResponse(
                error_code=error,
                error_message=message,
                resource_type=each.resource_type,
                resource_name=each.resource_name,
            )
            for each, error, message in altered
        ]
    )


def _changes(broker: Broker, resource: AlterConfigsResource) -> Changes:
    has = configs_of(broker, resource.resource_type, resource.resource_name)
    asked = {config.name: config.value for config in resource.configs}
    return {**dict.fromkeys(has), **asked}
