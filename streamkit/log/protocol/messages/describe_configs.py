"""DescribeConfigs (key 32): the settings of topics, brokers and groups.

| version | change |
| --- | --- |
| 1 | the oldest left; where a value comes from, synonyms |
| 2 | on a quota violation the answer comes first, the pause after it |
| 3 | documentation, types |
| 4 | flexible |
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
    "DescribeConfigsRequest",
    "DescribeConfigsResource",
    "DescribeConfigsResourceResult",
    "DescribeConfigsResponse",
    "DescribeConfigsResult",
    "DescribeConfigsSynonym",
]


@struct()
class DescribeConfigsResource:
    resource_type: Int8 = wire()
    resource_name: String = wire()
    configuration_keys: Array[String] | None = wire(nullable="0+")


@request(key=32, versions="1-4", flexible="4+")
class DescribeConfigsRequest:
    resources: Array[DescribeConfigsResource] = wire()
    include_synonyms: Bool = wire("1+")
    include_documentation: Bool = wire("3+")


@struct()
class DescribeConfigsSynonym:
    name: String = wire("1+")
    value: String | None = wire("1+", nullable="0+")
    source: Int8 = wire("1+")


@struct()
class DescribeConfigsResourceResult:
    name: String = wire()
    value: String | None = wire(nullable="0+")
    read_only: Bool = wire()
    config_source: Int8 = wire("1+", default=-1, ignorable=True)
    is_sensitive: Bool = wire()
    synonyms: Array[DescribeConfigsSynonym] = wire("1+", ignorable=True)
    config_type: Int8 = wire("3+", ignorable=True)
    documentation: String | None = wire("3+", nullable="0+", ignorable=True)


@struct()
class DescribeConfigsResult:
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
    resource_type: Int8 = wire()
    resource_name: String = wire()
    configs: Array[DescribeConfigsResourceResult] = wire()


@response(key=32, versions="1-4", flexible="4+")
class DescribeConfigsResponse:
    throttle_time_ms: Int32 = wire()
    results: Array[DescribeConfigsResult] = wire()
