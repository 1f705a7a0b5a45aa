"""ListConfigResources (key 74): names of the resources that have settings.

| version | change |
| --- | --- |
| 0 | flexible; client metrics only |
| 1 | by resource type; without one all (KIP-1142) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
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
    "ConfigResource",
    "ListConfigResourcesRequest",
    "ListConfigResourcesResponse",
]


@request(key=74, versions="0-1", flexible="0+")
class ListConfigResourcesRequest:
    resource_types: Array[Int8] = wire("1+")


@struct()
class ConfigResource:
    resource_name: String = wire()
    resource_type: Int8 = wire("1+", default=16, ignorable=True)


@response(key=74, versions="0-1", flexible="0+")
class ListConfigResourcesResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    config_resources: Array[ConfigResource] = wire()
