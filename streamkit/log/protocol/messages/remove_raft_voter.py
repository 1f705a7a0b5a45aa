"""RemoveRaftVoter (key 81): take a voter out of the metadata quorum (KIP-853).

Version 0, flexible.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import Int16, Int32, String, Uuid, request, response, wire

__all__ = ["RemoveRaftVoterRequest", "RemoveRaftVoterResponse"]


@request(key=81, versions="0", flexible="0+")
class RemoveRaftVoterRequest:
    cluster_id: String | None = wire(nullable="0+")
    voter_id: Int32 = wire()
    voter_directory_id: Uuid = wire()


@response(key=81, versions="0", flexible="0+")
class RemoveRaftVoterResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+", ignorable=True)
