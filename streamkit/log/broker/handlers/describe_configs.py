"""DescribeConfigs (key 32): settings of topics, of groups and of the broker.

| version | change |
| --- | --- |
| 1 | the oldest served: sources and synonyms |
| 3 | types and documentation |
| 4 | flexible |

Left out: loggers and client metrics, which have no settings here.
"""

from __future__ import annotations

from collections.abc import Iterable

from streamkit.log.broker.authorization import Operation
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_entries import (
    ConfigEntry,
    broker_entries,
    default_broker_entries,
    group_entries,
    topic_entries,
)
from streamkit.log.broker.config_resources import (
    BROKER,
    GROUP,
    TOPIC,
    check_broker_name,
    check_configs_right,
    check_group_name,
)
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.metadata.service import check_topic_name
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
    DescribeConfigsSynonym,
)


@handles(DescribeConfigsRequest)
def describe_configs(
    broker: Broker,
    request: DescribeConfigsRequest,
    context: RequestContext,
) -> DescribeConfigsResponse:
    """List the settings of each resource, all or those that are named."""
    results = []
    for resource in request.resources:
        result = DescribeConfigsResult(
            error_message="",
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
        )
        try:
            check_configs_right(
                context,
                Operation.DESCRIBE_CONFIGS,
                resource.resource_type,
                resource.resource_name,
            )
            result.configs = [
                _described(entry, request)
                for entry in _entries(broker, resource)
                if not resource.configuration_keys or entry.name in resource.configuration_keys
            ]
        except Exception as error:  # noqa: BLE001 - mapped to a code
            result.error_code = code_of(error, during="DescribeConfigs")
            result.error_message = message_of(error)
        results.append(result)
    return DescribeConfigsResponse(results=results)


def _entries(broker: Broker, resource: DescribeConfigsResource) -> Iterable[ConfigEntry]:
    match resource.resource_type:
        case kind if kind == TOPIC:
            check_topic_name(resource.resource_name)
            return topic_entries(
                broker.topic(resource.resource_name).configs, broker.dynamic_settings
            )
        case kind if kind == GROUP:
            check_group_name(resource.resource_name)
            return group_entries(
                broker.cluster.group_configs(resource.resource_name), broker.dynamic_settings
            )
        case kind if kind == BROKER:
            check_broker_name(resource.resource_name, broker.node_id)
            if resource.resource_name:
                return broker_entries(broker.dynamic_settings)
            return default_broker_entries(broker.dynamic_settings)
    raise refusal(
        ErrorCode.INVALID_REQUEST, f"resources of type {resource.resource_type} have no settings"
    )


def _described(
    entry: ConfigEntry, request: DescribeConfigsRequest
) -> DescribeConfigsResourceResult:
    return DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        synonyms=[
            DescribeConfigsSynonym(name=each.name, value=each.value, source=each.source)
            for each in entry.synonyms
        ]
        if request.include_synonyms
        else [],
        config_type=entry.type,
        documentation=entry.documentation if request.include_documentation else None,
    )
