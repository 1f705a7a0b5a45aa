"""ElectLeaders (key 43): choose partitions' leaders anew.

| version | change |
| --- | --- |
| 1 | the type of election |
| 2 | flexible |

One node leads whatever there is: no election is ever needed.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
)

_TYPES = (0, 1)  # of the preferred leader, and an unclean one


@handles(ElectLeadersRequest)
def elect_leaders(
    broker: Broker,
    request: ElectLeadersRequest,
    context: RequestContext,
) -> ElectLeadersResponse:
    """Each partition that is named keeps its leader; asked for all of them, there is none to tell of."""
    denied = context.denied(Operation.ALTER, ResourceType.CLUSTER)
    error = ErrorCode.NONE
    if context.api_version >= 1 and request.election_type not in _TYPES:
        error = ErrorCode.INVALID_REQUEST
    elif request.timeout_ms <= 0:
        error = ErrorCode.REQUEST_TIMED_OUT
    if request.topic_partitions == []:
        error = ErrorCode.NONE
    error = denied or error
    return ElectLeadersResponse(
        error_code=error if context.api_version >= 1 else ErrorCode.NONE,
        replica_election_results=[
            ReplicaElectionResult(
                topic=asked.topic,
                partition_result=[
                    _result(broker, asked.topic, partition, error) for partition in asked.partitions
                ],
            )
            for asked in request.topic_partitions or ()
        ],
    )


def _result(broker: Broker, topic: str, partition: int, refused: ErrorCode) -> PartitionResult:
    message: str | None
    if refused:
        error, message = refused, None
    elif broker.partition_exists(topic, partition):
        error, message = ErrorCode.ELECTION_NOT_NEEDED, f"this node leads {topic}-{partition}"
    else:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        message = f"there is no partition {topic}-{partition}"
    return PartitionResult(partition_id=partition, error_code=error, error_message=message)
