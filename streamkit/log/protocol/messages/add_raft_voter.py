"""AddRaftVoter (key 80): one more voter for the metadata quorum (KIP-853).

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | whether the answer waits for the commit (KIP-1186) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Bool,
    Int16,
    Int32,
    String,
    UInt16,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = ["AddRaftVoterRequest", "AddRaftVoterResponse", "Listener"]


@struct()
class Listener:
    name: String = wire()
    host: String = wire()
    port: UInt16 = wire()


@request(key=80, versions="0-1", flexible="0+")
class AddRaftVoterRequest:
    cluster_id: String | None = wire(nullable="0+")
    timeout_ms: Int32 = wire()
    voter_id: Int32 = wire()
    voter_directory_id: Uuid = wire()
    listeners: Array[Listener] = wire()
    ack_when_committed: Bool = wire("1+", default=True)


@response(key=80, versions="0-1", flexible="0+")
class AddRaftVoterResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+", ignorable=True)
