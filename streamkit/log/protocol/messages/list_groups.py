"""ListGroups (key 16): the groups that a broker coordinates.

| version | change |
| --- | --- |
| 1 | answer: throttle time |
| 3 | flexible |
| 4 | by state (KIP-518) |
| 5 | by type (KIP-848) |
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
    "ListGroupsRequest",
    "ListGroupsResponse",
    "ListedGroup",
]


@request(key=16, versions="0-5", flexible="3+")
class ListGroupsRequest:
    states_filter: Array[String] = wire("4+")
    types_filter: Array[String] = wire("5+")


@struct()
class ListedGroup:
    group_id: String = wire()
    protocol_type: String = wire()
    group_state: String = wire("4+", ignorable=True)
    group_type: String = wire("5+", ignorable=True)


@response(key=16, versions="0-5", flexible="3+")
class ListGroupsResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    error_code: Int16 = wire()
    groups: Array[ListedGroup] = wire()
