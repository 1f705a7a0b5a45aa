"""DescribeTopicPartitions (key 75): topics and partitions, a page at a time (KIP-966).

An empty list of topics stands for all. Topics come in the order of their names; the cursor says where the next
page begins.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.metadata.image import TopicImage
from streamkit.log.broker.metadata.topic_names import topic_name_problem
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)


@handles(DescribeTopicPartitionsRequest)
def describe_topic_partitions(
    broker: Broker,
    request: DescribeTopicPartitionsRequest,
    context: RequestContext,
) -> DescribeTopicPartitionsResponse:
    """Describe topics from the cursor on, until the page is full. Left out: nothing."""
    topics = broker.metadata.image.topics
    cursor = request.cursor
    asked = {topic.name for topic in request.topics}
    if cursor is not None and (
        cursor.partition_index < 0 or (asked and cursor.topic_name not in asked)
    ):
        return DescribeTopicPartitionsResponse(
            topics=[_refused(topic.name) for topic in request.topics]
        )
    names = sorted(asked or topics)
    left = min(request.response_partition_limit, broker.settings.max_request_partition_size_limit)
    left = max(1, left)
    answer = DescribeTopicPartitionsResponse()
    denied = []
    for name in names:
        if cursor is not None and name < cursor.topic_name:
            continue
        if error := context.denied(Operation.DESCRIBE, ResourceType.TOPIC, name):
            denied.append(DescribeTopicPartitionsResponseTopic(error_code=error, name=name))
            continue
        topic = topics.get(name)
        if topic is None:
            answer.topics.append(_missing(name, context))
            continue
        first = cursor.partition_index if cursor is not None and name == cursor.topic_name else 0
        if left == 0:
            answer.next_cursor = Cursor(topic_name=name, partition_index=first)
            break
        end = min(topic.partitions, first + left)
        answer.topics.append(_described(broker, topic, first, end, context))
        left -= max(0, end - first)
        if end < topic.partitions:
            answer.next_cursor = Cursor(topic_name=name, partition_index=end)
            break
    if asked:
        answer.topics += denied
    return answer


def _refused(name: str) -> DescribeTopicPartitionsResponseTopic:
    """For a cursor that points to no partition of the topics asked for."""
    return DescribeTopicPartitionsResponseTopic(error_code=ErrorCode.INVALID_REQUEST, name=name)


def _missing(name: str, context: RequestContext) -> DescribeTopicPartitionsResponseTopic:
    legal = topic_name_problem(name) is None
    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if legal else ErrorCode.INVALID_TOPIC_EXCEPTION
    return DescribeTopicPartitionsResponseTopic(
        error_code=code,
        name=name,
        topic_authorized_operations=context.authorized_operations(ResourceType.TOPIC, name),
    )


def _described(
    broker: Broker, topic: TopicImage, first: int, end: int, context: RequestContext
) -> DescribeTopicPartitionsResponseTopic:
    node = broker.node_id
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[
            DescribeTopicPartitionsResponsePartition(
                partition_index=index,
                leader_id=node,
                leader_epoch=topic.leader_epochs[index],
                replica_nodes=[node],
                isr_nodes=[node],
                eligible_leader_replicas=[],
                last_known_elr=[],
            )
            for index in range(first, end)
        ],
        topic_authorized_operations=context.authorized_operations(ResourceType.TOPIC, topic.name),
    )
