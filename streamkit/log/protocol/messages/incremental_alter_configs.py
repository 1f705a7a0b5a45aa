"""IncrementalAlterConfigs (key 44): set, delete, append to or subtract from single settings.

| version | change |
| --- | --- |
| 1 | flexible |

Source: KIP-339.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int8,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "AlterConfigsResource",
    "AlterConfigsResourceResponse",
    "AlterableConfig",
    "IncrementalAlterConfigsRequest",
    "IncrementalAlterConfigsResponse",
]


@struct()
class AlterableConfig:
    name: String = wire()
    config_operation: Int8 = wire()
    value: String | None = wire(nullable="0+")


@struct()
class AlterConfigsResource:
    resource_type: Int8 = wire()
    resource_name: String = wire()
    configs: Array[AlterableConfig] = wire()


@request(key=44, versions="0-1", flexible="1+")
class IncrementalAlterConfigsRequest:
    resources: Array[AlterConfigsResource] = wire()
    validate_only: Bool = wire()


@struct()
class AlterConfigsResourceResponse:
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
    resource_type: Int8 = wire()
    resource_name: String = wire()


@response(key=44, versions="0-1", flexible="1+")
class IncrementalAlterConfigsResponse:
    throttle_time_ms: Int32 = wire()
    responses: Array[AlterConfigsResourceResponse] = wire()
