"""DeleteTopics (key 20): take topics and their records away.

| version | change |
| --- | --- |
| 1 | the oldest served |
| 4 | flexible |
| 5 | error messages |
| 6 | topics may be named by id |
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.metadata.service import check_time
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)

_NO_ID = UUID(int=0)
_UNCLEAR = "a topic is named by its name or its id"


@handles(DeleteTopicsRequest)
def delete_topics(
    broker: Broker, request: DeleteTopicsRequest, context: RequestContext
) -> DeleteTopicsResponse:
    """Delete each topic; an error for each that can't be, one for a topic that is named more than once."""
    asked = request.topics
    if context.api_version < 6:
        asked = [DeleteTopicState(name=name) for name in request.topic_names]
    sound = [each for each in asked if (each.name is None) != (each.topic_id == _NO_ID)]
    names = Counter(each.name for each in sound if each.name is not None)
    ids = Counter(each.topic_id for each in sound if each.name is None)
    answers = [_refused(each.name, each.topic_id, _UNCLEAR) for each in asked if each not in sound]
    for name, count in names.items():
        topic_id = broker.topic_id(name)
        if count > 1:
            answers.append(_refused(name, _NO_ID, f"Duplicate topic name: {name}"))
        elif topic_id in ids and not _may_not_be_told(name, context):
            assert topic_id is not None
            del ids[topic_id]
            answers.append(_refused(name, topic_id, f"Named by its id too: {name}"))
        else:
            answers.append(_deleted(broker, name, _NO_ID, request.timeout_ms, context))
    for topic_id, count in ids.items():
        if count > 1:
            answers.append(_refused(None, topic_id, f"Duplicate topic id: {topic_id}"))
        else:
            answers.append(_deleted(broker, None, topic_id, request.timeout_ms, context))
    return DeleteTopicsResponse(responses=answers)


def _refused(name: str | None, topic_id: UUID, why: str) -> DeletableTopicResult:
    return DeletableTopicResult(
        name=name, topic_id=topic_id, error_code=ErrorCode.INVALID_REQUEST, error_message=why
    )


def _may_not_be_told(name: str, context: RequestContext) -> bool:
    """Whether the client may not know which id the topic has."""
    return bool(
        context.denied(Operation.DELETE, ResourceType.CLUSTER)
        and (
            context.denied(Operation.DESCRIBE, ResourceType.TOPIC, name)
            or context.denied(Operation.DELETE, ResourceType.TOPIC, name)
        )
    )


def _deleted(
    broker: Broker, name: str | None, topic_id: UUID, timeout_ms: int, context: RequestContext
) -> DeletableTopicResult:
    may_all = not context.denied(Operation.DELETE, ResourceType.CLUSTER)
    try:
        if name is not None and not may_all:
            context.check(Operation.DESCRIBE, ResourceType.TOPIC, name)
        topic = broker.topic_by_id(topic_id) if name is None else broker.topic(name)
        if not may_all:
            if not context.denied(Operation.DESCRIBE, ResourceType.TOPIC, topic.name):
                name = topic.name
            context.check(Operation.DELETE, ResourceType.TOPIC, topic.name)
        check_time(timeout_ms)
        if not broker.settings.delete_topic_enable:
            raise refusal(
                ErrorCode.TOPIC_DELETION_DISABLED,
                "Topic deletion is disabled (delete.topic.enable)",
            )
        broker.delete_topic(topic)
    except Exception as error:  # noqa: BLE001 - mapped to a code
        return DeletableTopicResult(
            name=name,
            topic_id=topic_id,
            error_code=code_of(error, during="DeleteTopics"),
            error_message=message_of(error),
        )
    return DeletableTopicResult(name=topic.name, topic_id=topic.topic_id)
