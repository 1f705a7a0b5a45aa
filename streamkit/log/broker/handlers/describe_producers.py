"""DescribeProducers (key 61): the producers that a partition remembers, and their open transactions (KIP-664).

Version 0. Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, message_of
from streamkit.log.broker.metadata.service import check_topic_name
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)


@handles(DescribeProducersRequest)
def describe_producers(
    broker: Broker,
    request: DescribeProducersRequest,
    context: RequestContext,
) -> DescribeProducersResponse:
    """Describe the producers of each partition that is named."""
    return DescribeProducersResponse(
        topics=[
            TopicResponse(
                name=topic.name,
                partitions=[
                    _partition(broker, topic.name, index, context)
                    for index in topic.partition_indexes
                ],
            )
            for topic in request.topics
        ]
    )


def _partition(
    broker: Broker, topic: str, index: int, context: RequestContext
) -> PartitionResponse:
    try:
        check_topic_name(topic)
        context.check(Operation.READ, ResourceType.TOPIC, topic)
        producers = broker.partition_log(topic, index).producers
    except Exception as error:  # noqa: BLE001 - mapped to a code
        return PartitionResponse(
            partition_index=index,
            error_code=code_of(error, during="DescribeProducers"),
            error_message=message_of(error),
        )
    return PartitionResponse(
        partition_index=index,
        active_producers=[
            ProducerState(
                producer_id=entry.producer_id,
                producer_epoch=entry.producer_epoch,
                last_sequence=entry.last_sequence,
                last_timestamp=entry.last_timestamp,
                coordinator_epoch=entry.coordinator_epoch,
                current_txn_start_offset=entry.txn_first_offset,
            )
            for entry in producers.values()
        ],
    )
