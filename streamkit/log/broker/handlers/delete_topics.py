"""DeleteTopics (key 20): take topics and their records away.

| version | change |
| --- | --- |
| 1 | the oldest served |
| 4 | flexible |
| 5 | error messages |
| 6 | topics may be named by id |
"""

from __future__ import annotations

from uuid import UUID

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.metadata.image import TopicImage
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)

_NO_ID = UUID(int=0)


@handles(DeleteTopicsRequest)
def delete_topics(
    broker: Broker, request: DeleteTopicsRequest, context: RequestContext
) -> DeleteTopicsResponse:
    """Delete each topic; an error for each that can't be."""
    asked = request.topics
    if context.api_version < 6:
        asked = [DeleteTopicState(name=name) for name in request.topic_names]
    return DeleteTopicsResponse(responses=[_deleted(broker, each) for each in asked])


def _deleted(broker: Broker, asked: DeleteTopicState) -> DeletableTopicResult:
    try:
        topic = _found(broker, asked)
        if not broker.settings.delete_topic_enable:
            raise refusal(
                ErrorCode.TOPIC_DELETION_DISABLED,
                "Topic deletion is disabled (delete.topic.enable)",
            )
        broker.delete_topic(topic)
    except Exception as error:  # noqa: BLE001 - mapped to a code
        return DeletableTopicResult(
            name=asked.name,
            topic_id=asked.topic_id,
            error_code=code_of(error, during="DeleteTopics"),
            error_message=message_of(error),
        )
    return DeletableTopicResult(name=topic.name, topic_id=topic.topic_id)


def _found(broker: Broker, asked: DeleteTopicState) -> TopicImage:
    if asked.name is not None:
        if asked.topic_id != _NO_ID:
            raise refusal(ErrorCode.INVALID_REQUEST, "a topic is named by its name or its id")
        return broker.topic(asked.name)
    return broker.topic_by_id(asked.topic_id)
