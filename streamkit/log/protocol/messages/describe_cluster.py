"""DescribeCluster (key 60): id, controller and brokers.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | of brokers or of controllers (KIP-919) |
| 2 | fenced brokers too (KIP-1073) |

Source: KIP-700.
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
    "DescribeClusterBroker",
    "DescribeClusterRequest",
    "DescribeClusterResponse",
]


@request(key=60, versions="0-2", flexible="0+")
class DescribeClusterRequest:
    include_cluster_authorized_operations: Bool = wire()
    endpoint_type: Int8 = wire("1+", default=1)
    include_fenced_brokers: Bool = wire("2+")


@struct()
class DescribeClusterBroker:
    broker_id: Int32 = wire()
    host: String = wire()
    port: Int32 = wire()
    rack: String | None = wire(default=None, nullable="0+")
    is_fenced: Bool = wire("2+")


@response(key=60, versions="0-2", flexible="0+")
class DescribeClusterResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(default=None, nullable="0+")
    endpoint_type: Int8 = wire("1+", default=1)
    cluster_id: String = wire()
    controller_id: Int32 = wire(default=-1)
    brokers: Array[DescribeClusterBroker] = wire()
    cluster_authorized_operations: Int32 = wire(default=-0x80000000)
