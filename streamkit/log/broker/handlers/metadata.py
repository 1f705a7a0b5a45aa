"""Metadata (key 3): the node, and topics with their partitions.

| version | change |
| --- | --- |
| 0 | an empty list of topics stands for all of them |
| 1 | null stands for all topics; controller, internal topics |
| 2 | cluster id |
| 4 | the client says whether topics may be created |
| 5 | offline replicas |
| 7 | leader epochs |
| 8-10 | authorized operations of the cluster |
| 9 | flexible |
| 10 | topic ids in the answer |
| 12 | topics may be asked for by id |
| 13 | an error code for the whole answer |
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from streamkit.log.broker.authorization import NOT_ASKED, Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of
from streamkit.log.broker.metadata.image import TopicImage
from streamkit.log.broker.metadata.service import check_topic_name
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

_NO_ID = UUID(int=0)
_BY_ID = 12


@handles(MetadataRequest)
def metadata(broker: Broker, request: MetadataRequest, context: RequestContext) -> MetadataResponse:
    """Describe topics; make those that are named and missing, where settings and client allow it."""
    version = context.api_version
    if (refused := _refused(request, version)) is not None:
        return refused
    answer = MetadataResponse(
        brokers=[
            MetadataResponseBroker(node_id=broker.node_id, host=broker.host, port=broker.port)
        ],
        cluster_id=broker.cluster_id,
        controller_id=broker.node_id,
        topics=[
            _described(broker, topic, _operations(request, topic.name, context))
            if isinstance(topic, TopicImage)
            else topic
            for topic in _asked(broker, request, context)
        ],
    )
    if 8 <= version <= 10 and request.include_cluster_authorized_operations:
        answer.cluster_authorized_operations = context.cluster_operations()
    return answer


def _operations(request: MetadataRequest, topic: str, context: RequestContext) -> int:
    if not request.include_topic_authorized_operations:
        return NOT_ASKED
    return context.authorized_operations(ResourceType.TOPIC, topic)


def _refused(request: MetadataRequest, version: int) -> MetadataResponse | None:
    """The answer to topics that aren't named as this version does it."""
    misnamed = any(
        each.topic_id != _NO_ID
        if version < _BY_ID
        else each.name is None and each.topic_id == _NO_ID
        for each in request.topics or ()
    ) or (version < _BY_ID and any(each.name is None for each in request.topics or ()))
    if not misnamed:
        return None
    error = ErrorCode.INVALID_REQUEST
    return MetadataResponse(
        controller_id=-1,
        topics=[
            MetadataResponseTopic(error_code=error, name=each.name or "", topic_id=each.topic_id)
            for each in request.topics or ()
        ],
        error_code=error,
    )


def _asked(
    broker: Broker, request: MetadataRequest, context: RequestContext
) -> Iterator[TopicImage | MetadataResponseTopic]:
    """The topics that the client wants, with an error in place of those that can't be had."""
    version = context.api_version
    if request.topics is None or (version == 0 and not request.topics):
        for topic in broker.metadata.image.topics.values():
            if not context.denied(Operation.DESCRIBE, ResourceType.TOPIC, topic.name):
                yield topic
        return
    may_create = broker.settings.auto_create_topics_enable and (
        version < 4 or request.allow_auto_topic_creation
    )
    by_id = any(each.topic_id != _NO_ID for each in request.topics)
    # Each once; where some are named by their ids, the others count for nothing.
    wanted = {
        each.topic_id if by_id else each.name: each
        for each in request.topics
        if not by_id or each.topic_id != _NO_ID
    }
    for asked in wanted.values():
        try:
            yield _found(broker, asked, context, may_create=may_create)
        except Exception as error:  # noqa: BLE001 - mapped to a code
            code, name = code_of(error, during="Metadata"), asked.name or ""
            denied = code is ErrorCode.TOPIC_AUTHORIZATION_FAILED
            yield MetadataResponseTopic(
                error_code=code,
                name=None if by_id else name,
                topic_id=asked.topic_id,
                topic_authorized_operations=NOT_ASKED
                if by_id or denied
                else _operations(request, name, context),
            )


def _found(
    broker: Broker, asked: MetadataRequestTopic, context: RequestContext, *, may_create: bool
) -> TopicImage:
    if asked.topic_id != _NO_ID:
        found = broker.topic_by_id(asked.topic_id)
        context.check(Operation.DESCRIBE, ResourceType.TOPIC, found.name)
        return found
    name = asked.name or ""
    context.check(Operation.DESCRIBE, ResourceType.TOPIC, name)
    known = broker.metadata.image.topics.get(name)
    if known is not None:
        return known
    if may_create and context.denied(Operation.CREATE, ResourceType.CLUSTER):
        context.check(Operation.CREATE, ResourceType.TOPIC, name)
    check_topic_name(name)
    return broker.auto_create_topic(name) if may_create else broker.topic(name)


def _described(broker: Broker, topic: TopicImage, operations: int) -> MetadataResponseTopic:
    node = broker.node_id
    return MetadataResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[
            MetadataResponsePartition(
                partition_index=index,
                leader_id=node,
                leader_epoch=epoch,
                replica_nodes=[node],
                isr_nodes=[node],
            )
            for index, epoch in enumerate(topic.leader_epochs)
        ],
        topic_authorized_operations=operations,
    )
