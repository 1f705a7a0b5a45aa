"""UnregisterBroker (key 64): take a node out of the cluster for good.

Version 0, flexible.
"""

from __future__ import annotations

from streamkit.log.protocol.wire import Int16, Int32, String, request, response, wire

__all__ = ["UnregisterBrokerRequest", "UnregisterBrokerResponse"]


@request(key=64, versions="0", flexible="0+")
class UnregisterBrokerRequest:
    broker_id: Int32 = wire()


@response(key=64, versions="0", flexible="0+")
class UnregisterBrokerResponse:
    throttle_time_ms: Int32 = wire()
    error_code: Int16 = wire()
    error_message: String | None = wire(nullable="0+")
