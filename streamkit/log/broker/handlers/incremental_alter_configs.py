"""IncrementalAlterConfigs (key 44): change some settings, leave the others.

| version | change |
| --- | --- |
| 1 | flexible |

Left out: settings of the broker, which are fixed while it runs.
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_resources import TOPIC, set_configs
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.registry import handles
from streamkit.log.broker.topic_configs import broker_default
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from streamkit.log.storage import TOPIC_SETTINGS, SettingType

_APPEND = 2


@handles(IncrementalAlterConfigsRequest)
def incremental_alter_configs(
    broker: Broker,
    request: IncrementalAlterConfigsRequest,
    context: RequestContext,  # noqa: ARG001
) -> IncrementalAlterConfigsResponse:
    """Change each resource's settings, all or none of them, or check only (`validate_only`)."""
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
            response.error_code = code_of(error, during="IncrementalAlterConfigs")
            response.error_message = message_of(error)
        responses.append(response)
    return IncrementalAlterConfigsResponse(responses=responses)


def _changes(broker: Broker, resource: AlterConfigsResource) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    for config in resource.configs:
        if config.name in changes:
            raise refusal(
                ErrorCode.INVALID_REQUEST, f"Error due to duplicate config keys: {config.name}"
            )
        match config.config_operation:
            case 0:
                if config.value is None:
                    raise refusal(
                        ErrorCode.INVALID_REQUEST, f"Null value not supported for: {config.name}"
                    )
                changes[config.name] = config.value
            case 1:
                changes[config.name] = None
            case 2 | 3:
                current = _current_list(broker, resource, config.name)
                items = [each.strip() for each in (config.value or "").split(",") if each.strip()]
                if config.config_operation == _APPEND:
                    current += [each for each in items if each not in current]
                else:
                    current = [each for each in current if each not in items]
                changes[config.name] = ",".join(current)
            case unknown:
                raise refusal(
                    ErrorCode.INVALID_REQUEST, f"Unknown operation {unknown} on {config.name}"
                )
    return changes


def _current_list(broker: Broker, resource: AlterConfigsResource, name: str) -> list[str]:
    setting = TOPIC_SETTINGS.get(name)
    if setting is None or setting.type is not SettingType.LIST or resource.resource_type != TOPIC:
        raise refusal(ErrorCode.INVALID_CONFIG, f"{name} is no list: nothing can be added to it")
    configs = broker.topic(resource.resource_name).configs
    text = configs.get(name, broker_default(setting, broker.settings))
    return [each.strip() for each in text.split(",") if each.strip()]
