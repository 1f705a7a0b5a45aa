"""AlterPartitionReassignments (key 45): move replicas between nodes.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | whether the number of replicas may change: on one node it can't |

There is one node: each partition can be put where it is already, and nothing else can be done.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    ReassignablePartition,
    ReassignablePartitionResponse,
    ReassignableTopicResponse,
)

_WHY = {
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: "the client may not move replicas",
    ErrorCode.REQUEST_TIMED_OUT: "there is no time left",
}


@handles(AlterPartitionReassignmentsRequest)
def alter_partition_reassignments(
    broker: Broker,
    request: AlterPartitionReassignmentsRequest,
    context: RequestContext,
) -> AlterPartitionReassignmentsResponse:
    """Tell of each partition whether it can be there; nothing moves."""
    refused = context.denied(Operation.ALTER, ResourceType.CLUSTER)
    if not refused and request.timeout_ms <= 0:
        refused = ErrorCode.REQUEST_TIMED_OUT
    return AlterPartitionReassignmentsResponse(
        allow_replication_factor_change=request.allow_replication_factor_change,
        error_code=refused,
        error_message=None,
        responses=[
            ReassignableTopicResponse(
                name=topic.name,
                partitions=[
                    _placed(broker, topic.name, each, refused) for each in topic.partitions
                ],
            )
            for topic in request.topics
        ],
    )


def _placed(
    broker: Broker, topic: str, asked: ReassignablePartition, refused: ErrorCode
) -> ReassignablePartitionResponse:
    error, message = refused, None
    if refused:
        message = _WHY[refused]
    elif not broker.partition_exists(topic, asked.partition_index):
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        message = f"there is no partition {topic}-{asked.partition_index}"
    elif asked.replicas is None:
        error = ErrorCode.NO_REASSIGNMENT_IN_PROGRESS
        message = f"{topic}-{asked.partition_index} isn't on the move"
    elif list(asked.replicas) != [broker.node_id]:
        error = ErrorCode.INVALID_REPLICA_ASSIGNMENT
        message = f"there is only node {broker.node_id}, not {list(asked.replicas)}"
    return ReassignablePartitionResponse(
        partition_index=asked.partition_index, error_code=error, error_message=message
    )
