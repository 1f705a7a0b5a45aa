"""SyncGroup (key 14): the leader hands in the assignment, each member gets its part.

| version | change |
| --- | --- |
| 1 | answer: throttle time |
| 3 | static member's instance id (KIP-345) |
| 4 | flexible |
| 5 | protocol type and name, both ways; a mismatch is refused (KIP-559) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bytes,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "SyncGroupRequest",
    "SyncGroupRequestAssignment",
    "SyncGroupResponse",
]


@struct()
class SyncGroupRequestAssignment:
    member_id: String = wire()
    assignment: Bytes = wire()


@request(key=14, versions="0-5", flexible="4+")
class SyncGroupRequest:
    group_id: String = wire()
    generation_id: Int32 = wire()
    member_id: String = wire()
    group_instance_id: String | None = wire("3+", default=None, nullable="3+")
    protocol_type: String | None = wire("5+", default=None, nullable="5+", ignorable=True)
    protocol_name: String | None = wire("5+", default=None, nullable="5+", ignorable=True)
    assignments: Array[SyncGroupRequestAssignment] = wire()


@response(key=14, versions="0-5", flexible="4+")
class SyncGroupResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    error_code: Int16 = wire()
    protocol_type: String | None = wire("5+", default=None, nullable="5+", ignorable=True)
    protocol_name: String | None = wire("5+", default=None, nullable="5+", ignorable=True)
    assignment: Bytes = wire()
