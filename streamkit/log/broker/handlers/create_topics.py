"""CreateTopics (key 19): make topics, with their settings.

| version | change |
| --- | --- |
| 2 | the oldest served |
| 4 | -1 partitions or replicas: the broker's default |
| 5 | flexible; the answer tells partitions and settings |
| 7 | the answer tells topic ids |

Replicas are all on this node: a replication factor above 1, or an assignment to another node, is refused.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.config_entries import topic_entries
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of, refusal
from streamkit.log.broker.metadata.service import (
    METADATA_PARTITION,
    check_partitions_added,
    check_time,
)
from streamkit.log.broker.registry import handles
from streamkit.log.broker.topic_configs import check_topic_configs
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)

_DEFAULT = -1


@handles(CreateTopicsRequest)
def create_topics(
    broker: Broker, request: CreateTopicsRequest, context: RequestContext
) -> CreateTopicsResponse:
    """Make each topic by itself, or check only (`validate_only`); an error for each that fails."""
    counts = Counter(topic.name for topic in request.topics)
    added = sum(max(topic.num_partitions, len(topic.assignments)) for topic in request.topics)
    results = []
    for name in counts:
        topic = next(each for each in request.topics if each.name == name)
        try:
            if counts[name] > 1:
                raise refusal(ErrorCode.INVALID_REQUEST, f"Duplicate topic name: {name}")
            check_time(request.timeout_ms)
            check_partitions_added(added)
            results.append(_created(broker, topic, request.validate_only, context))
        except Exception as error:  # noqa: BLE001 - mapped to a code
            results.append(
                CreatableTopicResult(
                    name=name,
                    error_code=code_of(error, during="CreateTopics"),
                    error_message=message_of(error),
                    configs=None if context.api_version < 5 else [],
                )
            )
    return CreateTopicsResponse(topics=results)


def _created(
    broker: Broker, asked: CreatableTopic, validate_only: bool, context: RequestContext
) -> CreatableTopicResult:
    if asked.name == METADATA_PARTITION.topic:
        raise refusal(
            ErrorCode.INVALID_REQUEST,
            f"Creation of internal topic {asked.name} is prohibited.",
        )
    if context.denied(Operation.CREATE, ResourceType.CLUSTER):
        context.check(Operation.CREATE, ResourceType.TOPIC, asked.name)
    broker.metadata.check_new_name(asked.name)
    partitions = _partitions(broker, asked)
    # Of a setting that is given twice, the last value counts.
    given = {each.name: each.value for each in asked.configs}
    check_topic_configs(given)
    configs = {name: value or "" for name, value in given.items()}
    topic = broker.metadata.create_topic(
        asked.name, partitions, configs, context.now_ms, validate_only=validate_only
    )
    topic_id = UUID(int=0) if validate_only else topic.topic_id
    if error := context.denied(Operation.DESCRIBE_CONFIGS, ResourceType.TOPIC, topic.name):
        return CreatableTopicResult(
            name=topic.name,
            topic_id=topic_id,
            error_message=None,
            topic_config_error_code=error,
            configs=None if context.api_version < 5 else [],
        )
    return CreatableTopicResult(
        name=topic.name,
        topic_id=topic_id,
        error_message=None,
        num_partitions=topic.partitions,
        replication_factor=1,
        configs=[
            CreatableTopicConfigs(
                name=entry.name,
                value=entry.value,
                read_only=entry.read_only,
                config_source=entry.source,
            )
            for entry in topic_entries(topic.configs, broker.dynamic_settings)
        ],
    )


def _partitions(broker: Broker, asked: CreatableTopic) -> int:
    """How many partitions are asked for, by number or by assignment."""
    if asked.assignments:
        if asked.num_partitions != _DEFAULT or asked.replication_factor != _DEFAULT:
            raise refusal(
                ErrorCode.INVALID_REQUEST,
                "Both an assignment and a number of partitions or replicas were given",
            )
        given = sorted(each.partition_index for each in asked.assignments)
        if given != list(range(len(given))):
            raise refusal(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                "partitions must be numbered 0, 1, 2 and so on",
            )
        if any(each.broker_ids != [broker.node_id] for each in asked.assignments):
            raise refusal(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"the only node is {broker.node_id}"
            )
        return len(given)
    if asked.replication_factor not in (_DEFAULT, 1):
        raise refusal(
            ErrorCode.INVALID_REPLICATION_FACTOR,
            f"Unable to replicate the partition {asked.replication_factor} time(s): "
            "there is 1 broker",
        )
    if asked.num_partitions == _DEFAULT:
        return broker.settings.num_partitions
    return asked.num_partitions
