"""DescribeQuorum (key 55): leader and voters of the metadata log; here one node is both.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | when replicas fetched and caught up (KIP-836) |
| 2 | messages, addresses, replicas' directory ids (KIP-853) |

There is no listener of its own for controllers, so the node's address is the one that clients use. Left out: nothing.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.metadata.service import METADATA_PARTITION
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData,
    Listener,
    Node,
    ReplicaState,
)


@handles(DescribeQuorumRequest)
def describe_quorum(
    broker: Broker, request: DescribeQuorumRequest, context: RequestContext
) -> DescribeQuorumResponse:
    """Describe the quorum to those who ask for its one partition, and for nothing else."""
    context.check(Operation.DESCRIBE, ResourceType.CLUSTER)
    asked = [
        (topic.topic_name, each.partition_index)
        for topic in request.topics
        for each in topic.partitions
    ]
    if asked != [METADATA_PARTITION] or len(request.topics) != 1:
        return DescribeQuorumResponse(
            topics=[
                DescribeQuorumResponseTopicData(
                    topic_name=topic.topic_name,
                    partitions=[_unknown(each.partition_index) for each in topic.partitions],
                )
                for topic in request.topics
            ]
        )
    known = _described(broker, context.now_ms)
    return DescribeQuorumResponse(
        topics=[
            DescribeQuorumResponseTopicData(topic_name=METADATA_PARTITION.topic, partitions=[known])
        ],
        nodes=[
            Node(
                node_id=broker.node_id,
                listeners=[Listener(name="PLAINTEXT", host=broker.host, port=broker.port)],
            )
        ]
        if context.api_version >= 2
        else [],
    )


def _described(broker: Broker, now_ms: int) -> DescribeQuorumResponsePartitionData:
    end_offset = broker.metadata.end_offset
    return DescribeQuorumResponsePartitionData(
        partition_index=METADATA_PARTITION.partition,
        leader_id=broker.node_id,
        leader_epoch=broker.metadata.leader_epoch,
        high_watermark=end_offset,
        current_voters=[
            ReplicaState(
                replica_id=broker.node_id,
                log_end_offset=end_offset,
                last_fetch_timestamp=now_ms,
                last_caught_up_timestamp=now_ms,
            )
        ],
    )


def _unknown(partition: int) -> DescribeQuorumResponsePartitionData:
    return DescribeQuorumResponsePartitionData(
        partition_index=partition,
        error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        error_message="This server does not host this topic-partition.",
    )
