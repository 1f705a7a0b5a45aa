"""CreatePartitions (key 37): more partitions for topics.

| version | change |
| --- | --- |
| 2 | flexible |
| 3 | THROTTLING_QUOTA_EXCEEDED may be answered |
"""

from __future__ import annotations

from collections import Counter

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.metadata.service import check_partitions_added, check_time
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)


@handles(CreatePartitionsRequest)
def create_partitions(
    broker: Broker, request: CreatePartitionsRequest, context: RequestContext
) -> CreatePartitionsResponse:
    """Raise each topic's number of partitions, or check only (`validate_only`)."""
    counts = Counter(topic.name for topic in request.topics)
    existing = broker.partition_counts()
    added = sum(max(0, topic.count - existing.get(topic.name, 0)) for topic in request.topics)
    results = []
    for asked in {topic.name: topic for topic in request.topics}.values():
        result = CreatePartitionsTopicResult(name=asked.name)
        try:
            if counts[asked.name] > 1:
                raise refusal(ErrorCode.INVALID_REQUEST, f"Duplicate topic name: {asked.name}")
            context.check(Operation.ALTER, ResourceType.TOPIC, asked.name)
            check_time(request.timeout_ms)
            check_partitions_added(added)
            _raise_count(broker, asked, request.validate_only, context.now_ms)
        except Exception as error:  # noqa: BLE001 - mapped to a code
            result.error_code = code_of(error, during="CreatePartitions")
            result.error_message = message_of(error)
        results.append(result)
    return CreatePartitionsResponse(results=results)


def _raise_count(
    broker: Broker, asked: CreatePartitionsTopic, validate_only: bool, now_ms: int
) -> None:
    topic = broker.topic(asked.name)
    if asked.count <= topic.partitions:
        raise refusal(
            ErrorCode.INVALID_PARTITIONS,
            f"The topic {topic.name} currently has {topic.partitions} partition(s); "
            f"{asked.count} would not be an increase.",
        )
    if asked.assignments is not None:
        added = asked.count - topic.partitions
        fits = len(asked.assignments) == added and all(
            each.broker_ids == [broker.node_id] for each in asked.assignments
        )
        if not fits:
            raise refusal(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"{added} assignment(s) to node {broker.node_id} are needed",
            )
    if not validate_only:
        broker.metadata.add_partitions(topic, asked.count, now_ms)
