"""Heartbeat (key 12): a member is alive; it learns when a rebalance has begun.

| version | change |
| --- | --- |
| 1 | answer: throttle time |
| 3 | static member's instance id (KIP-345) |
| 4 | flexible |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Int16,
    Int32,
    String,
    request,
    response,
    wire,
)

__all__ = [
    "HeartbeatRequest",
    "HeartbeatResponse",
]


@request(key=12, versions="0-4", flexible="4+")
class HeartbeatRequest:
    group_id: String = wire()
    generation_id: Int32 = wire()
    member_id: String = wire()
    group_instance_id: String | None = wire("3+", default=None, nullable="3+")


@response(key=12, versions="0-4", flexible="4+")
class HeartbeatResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    error_code: Int16 = wire()
