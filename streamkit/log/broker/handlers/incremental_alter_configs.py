"""IncrementalAlterConfigs (key 44): change some settings, leave the others.

| version | change |
| --- | --- |
| 1 | flexible |
"""

from __future__ import annotations

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_resources import BROKER, TOPIC, Changes, alter_each, configs_of
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.registry import handles
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS
from streamkit.log.broker.topic_configs import broker_default
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from streamkit.log.storage import TOPIC_SETTINGS, SettingType

_SET, _APPEND, _SUBTRACT = 0, 2, 3


@handles(IncrementalAlterConfigsRequest)
def incremental_alter_configs(
    broker: Broker,
    request: IncrementalAlterConfigsRequest,
    context: RequestContext,
) -> IncrementalAlterConfigsResponse:
    """Change each resource's settings, all or none of them, or check only (`validate_only`)."""
    altered = alter_each(
        broker,
        request.resources,
        _changes,
        context,
        validate_only=request.validate_only,
        during="IncrementalAlterConfigs",
    )
    return IncrementalAlterConfigsResponse(
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
    changes: dict[str, str | None] = {}
    for config in resource.configs:
        if config.name in changes:
            raise refusal(
                ErrorCode.INVALID_REQUEST, f"Error due to duplicate config keys: {config.name}"
            )
        operation = config.config_operation
        if config.value is None and operation in (_SET, _APPEND, _SUBTRACT):
            raise refusal(ErrorCode.INVALID_REQUEST, f"Null value not supported for: {config.name}")
        match operation:
            case 0:
                changes[config.name] = config.value
            case 1:
                changes[config.name] = None
            case 2 | 3:
                current = _current_list(broker, resource, config.name)
                items = _items(config.value or "")
                if operation == _APPEND:
                    current += [each for each in items if each not in current]
                else:
                    current = [each for each in current if each not in items]
                changes[config.name] = ",".join(current)
            case unknown:
                raise refusal(
                    ErrorCode.INVALID_REQUEST, f"Unknown operation {unknown} on {config.name}"
                )
    return changes


def _items(text: str) -> list[str]:
    """As Java splits: an empty text is an empty item; else empty items at the end are none."""
    if not text:
        return [""]
    text = text.rstrip(",")
    return [each.strip() for each in text.split(",")] if text else []


def _current_list(broker: Broker, resource: AlterConfigsResource, name: str) -> list[str]:
    """What a setting that is a list holds now: the resource's own, else what comes to it from above."""
    kind = resource.resource_type
    own = configs_of(broker, kind, resource.resource_name).get(name)
    inherited: str | None = None
    if kind == TOPIC and (of_topic := TOPIC_SETTINGS.get(name)):
        if of_topic.type is SettingType.LIST:
            inherited = broker_default(of_topic, broker.settings)
    elif kind == BROKER and name in BROKER_SETTINGS:
        of_broker = BROKER_SETTINGS[name]
        if of_broker.type is SettingType.LIST:
            inherited = Setting.text(of_broker.default)
    if inherited is None:
        raise refusal(ErrorCode.INVALID_CONFIG, f"{name} is no list: nothing can be added to it")
    text = inherited if own is None else own
    return [each.strip() for each in text.split(",") if each.strip()]
