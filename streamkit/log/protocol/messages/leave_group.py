"""LeaveGroup (key 13): members leave a group.

| version | change |
| --- | --- |
| 1 | answer: throttle time |
| 3 | many members, by member id or instance id (KIP-345) |
| 4 | flexible |
| 5 | reason (KIP-800) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    String,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "LeaveGroupRequest",
    "LeaveGroupResponse",
    "MemberIdentity",
    "MemberResponse",
]


@struct()
class MemberIdentity:
    member_id: String = wire("3+")
    group_instance_id: String | None = wire("3+", default=None, nullable="3+")
    reason: String | None = wire("5+", default=None, nullable="5+", ignorable=True)


@request(key=13, versions="0-5", flexible="4+")
class LeaveGroupRequest:
    group_id: String = wire()
    member_id: String = wire("0-2")
    members: Array[MemberIdentity] = wire("3+")


@struct()
class MemberResponse:
    member_id: String = wire("3+")
    group_instance_id: String | None = wire("3+", nullable="3+")
    error_code: Int16 = wire("3+")


@response(key=13, versions="0-5", flexible="4+")
class LeaveGroupResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    error_code: Int16 = wire()
    members: Array[MemberResponse] = wire("3+")
