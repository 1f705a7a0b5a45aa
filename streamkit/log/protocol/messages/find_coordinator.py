"""FindCoordinator (key 10): which broker coordinates a group or a transactional id.

| version | change |
| --- | --- |
| 0 | groups only |
| 1 | key type: 0 group, 1 transaction; error message |
| 3 | flexible |
| 4 | many keys in a request (KIP-699) |
| 5 | answer: TRANSACTION_ABORTABLE (KIP-890) |
| 6 | key type 2: share groups (KIP-932) |
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
    "Coordinator",
    "FindCoordinatorRequest",
    "FindCoordinatorResponse",
]


@request(key=10, versions="0-6", flexible="3+")
class FindCoordinatorRequest:
    key: String = wire("0-3")
    key_type: Int8 = wire("1+")
    coordinator_keys: Array[String] = wire("4+")


@struct()
class Coordinator:
    key: String = wire("4+")
    node_id: Int32 = wire("4+")
    host: String = wire("4+")
    port: Int32 = wire("4+")
    error_code: Int16 = wire("4+")
    error_message: String | None = wire("4+", nullable="4+", ignorable=True)


@response(key=10, versions="0-6", flexible="3+")
class FindCoordinatorResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    error_code: Int16 = wire("0-3")
    error_message: String | None = wire("1-3", nullable="1-3", ignorable=True)
    node_id: Int32 = wire("0-3")
    host: String = wire("0-3")
    port: Int32 = wire("0-3")
    coordinators: Array[Coordinator] = wire("4+")
