"""DeleteGroups (key 42): forget empty groups and their offsets.

| version | change |
| --- | --- |
| 1 | on a quota violation the answer comes first, the pause after it |
| 2 | flexible |
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
    "DeletableGroupResult",
    "DeleteGroupsRequest",
    "DeleteGroupsResponse",
]


@request(key=42, versions="0-2", flexible="2+")
class DeleteGroupsRequest:
    groups_names: Array[String] = wire()


@struct()
class DeletableGroupResult:
    group_id: String = wire()
    error_code: Int16 = wire()


@response(key=42, versions="0-2", flexible="2+")
class DeleteGroupsResponse:
    throttle_time_ms: Int32 = wire()
    results: Array[DeletableGroupResult] = wire()
