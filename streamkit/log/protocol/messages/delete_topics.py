"""DeleteTopics (key 20): topics and their data go.

| version | change |
| --- | --- |
| 1 | the oldest left |
| 3 | answer: TOPIC_DELETION_DISABLED |
| 4 | flexible |
| 5 | answer: error message; THROTTLING_QUOTA_EXCEEDED (KIP-599) |
| 6 | by name or by topic id (KIP-516) |
"""

from __future__ import annotations

from streamkit.log.protocol.wire import (
    Array,
    Int16,
    Int32,
    String,
    Uuid,
    request,
    response,
    struct,
    wire,
)

__all__ = [
    "DeletableTopicResult",
    "DeleteTopicState",
    "DeleteTopicsRequest",
    "DeleteTopicsResponse",
]


@struct()
class DeleteTopicState:
    name: String | None = wire("6+", default=None, nullable="6+")
    topic_id: Uuid = wire("6+")


@request(key=20, versions="1-6", flexible="4+")
class DeleteTopicsRequest:
    topics: Array[DeleteTopicState] = wire("6+")
    topic_names: Array[String] = wire("0-5", ignorable=True)
    timeout_ms: Int32 = wire()


@struct()
class DeletableTopicResult:
    name: String | None = wire(nullable="6+")
    topic_id: Uuid = wire("6+", ignorable=True)
    error_code: Int16 = wire()
    error_message: String | None = wire("5+", default=None, nullable="5+", ignorable=True)


@response(key=20, versions="1-6", flexible="4+")
class DeleteTopicsResponse:
    throttle_time_ms: Int32 = wire("1+", ignorable=True)
    responses: Array[DeletableTopicResult] = wire()
