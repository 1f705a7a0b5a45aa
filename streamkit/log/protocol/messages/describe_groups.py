"""DescribeGroups (key 15): state, protocol and members of classic groups.

| version | change |
| --- | --- |
| 1 | answer: throttle time |
| 3 | authorized operations on request |
| 4 | answer: static members' instance ids |
| 5 | flexible |
| 6 | GROUP_ID_NOT_FOUND and a message for a group that is not there (KIP-1043) |
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
    "DescribeGroupsRequest",
    "DescribeGroupsResponse",
    "DescribedGroup",
    "DescribedGroupMember",
]


@request(key=15, versions="0-6", flexible="5+")
class DescribeGroupsRequest:
    groups: Array[String] = wire()
    include_authorized_operations: Bool = wire("3+")


@struct()
class DescribedGroupMember:
    member_id: String = wire()
    group_instance_id: String | None = wire("4+", default=None, nullable="4+", ignorable=True)
    client_id: String = wire()
    client_host: String = wire()
    member_metadata: Bytes = wire()
    member_assignment: Bytes = wire()


@struct()
class DescribedGroup:
    error_code: Int16 = wire()
    error_message: String | None = wire("6+", default=None, nullable="6+")
    group_id: String = wire()
    group_state: String = wire()
    protocol_type: String = wire()
    protocol_data: String = wire()
    members: Array[DescribedGroupMember] = wire()
    authorized_operations: Int32 = wire("3+", default=-0x80000000)


@response(key=15, versions="0-6", flexible="5+")
class DescribeGroupsResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    groups: Array[DescribedGroup] = wire()
