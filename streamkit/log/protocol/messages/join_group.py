"""JoinGroup (key 11): enter a group or its next generation; answered when all members have joined.

| version | change |
| --- | --- |
| 1 | rebalance timeout; before, the session timeout stands for it |
| 2 | answer: throttle time |
| 4 | a new member is sent back once with the id it shall use: MEMBER_ID_REQUIRED |
| 5 | static member's instance id (KIP-345) |
| 6 | flexible |
| 7 | answer: protocol type; its name may be null (KIP-559) |
| 8 | reason (KIP-800) |
| 9 | answer: the leader shall not assign anew (KIP-814) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
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
    "JoinGroupRequest",
    "JoinGroupRequestProtocol",
    "JoinGroupResponse",
    "JoinGroupResponseMember",
]


@struct()
class JoinGroupRequestProtocol:
    name: String = wire()
    metadata: Bytes = wire()


@request(key=11, versions="0-9", flexible="6+")
class JoinGroupRequest:
    group_id: String = wire()
    session_timeout_ms: Int32 = wire()
    rebalance_timeout_ms: Int32 = wire("1+", default=-1, ignorable=True)
    member_id: String = wire()
    group_instance_id: String | None = wire("5+", default=None, nullable="5+")
    protocol_type: String = wire()
    protocols: Array[JoinGroupRequestProtocol] = wire()
    reason: String | None = wire("8+", default=None, nullable="8+", ignorable=True)


@struct()
class JoinGroupResponseMember:
    member_id: String = wire()
    group_instance_id: String | None = wire("5+", default=None, nullable="5+", ignorable=True)
    metadata: Bytes = wire()


@response(key=11, versions="0-9", flexible="6+")
class JoinGroupResponse:
    throttle_time_ms: Int32 = wire("2+", ignorable=True)
    error_code: Int16 = wire()
    generation_id: Int32 = wire(default=-1)
    protocol_type: String | None = wire("7+", default=None, nullable="7+", ignorable=True)
    protocol_name: String | None = wire(nullable="7+")
    leader: String = wire()
    skip_assignment: Bool = wire("9+")
    member_id: String = wire()
    members: Array[JoinGroupResponseMember] = wire()
