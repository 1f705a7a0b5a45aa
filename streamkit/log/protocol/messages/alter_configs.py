"""AlterConfigs (key 33): replace all dynamic settings of a resource.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | flexible |

What is not named is reset; IncrementalAlterConfigs is the better one.
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
    "AlterConfigsRequest",
    "AlterConfigsResource",
    "AlterConfigsResourceResponse",
    "AlterConfigsResponse",
    "AlterableConfig",
]


@struct()
class AlterableConfig:
    name: String = wire()
    value: String | None = wire(nullable="0+")


@struct()
class AlterConfigsResource:
    resource_type: Int8 = wire()
    resource_name: String = wire()
    configs: Array[AlterableConfig] = wire()


@request(key=33, versions="0-2", flexible="2+")
class AlterConfigsRequest:
    resources: Array[AlterConfigsResource] = wire()
    validate_only: Bool = wire()


@struct()
class AlterConfigsResourceResponse:
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
    resource_type: Int8 = wire()
    resource_name: String = wire()


@response(key=33, versions="0-2", flexible="2+")
class AlterConfigsResponse:
    throttle_time_ms: Int32 = wire()
    responses: Array[AlterConfigsResourceResponse] = wire()
