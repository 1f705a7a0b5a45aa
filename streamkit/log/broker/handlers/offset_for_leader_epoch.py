"""OffsetForLeaderEpoch (key 23): where the records of a leader epoch end.

| version | change |
| --- | --- |
| 2 | the oldest served: the client's leader epoch |
| 3 | replica id, for replicas |
| 4 | flexible |

Consumers ask after a change of leader, to see whether records that they have read are gone (KIP-320).
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of
from streamkit.log.broker.leader_epochs import check_leader_epoch
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)


@handles(OffsetForLeaderEpochRequest)
def offset_for_leader_epoch(
    broker: Broker,
    request: OffsetForLeaderEpochRequest,
    context: RequestContext,
) -> OffsetForLeaderEpochResponse:
    """The end offset of each epoch asked for; -1 for an epoch that isn't known."""
    # Replicas ask too, which may do so by another right.
    may_all = not context.denied(Operation.CLUSTER_ACTION, ResourceType.CLUSTER)

    def end(topic: str, asked: OffsetForLeaderPartition) -> EpochEndOffset:
        answer = EpochEndOffset(partition=asked.partition)
        try:
            if not may_all:
                context.check(Operation.DESCRIBE, ResourceType.TOPIC, topic)
            log = broker.readable_log(topic, asked.partition)
            current = broker.topic(topic).leader_epochs[asked.partition]
            check_leader_epoch(asked.current_leader_epoch, current)
            answer.leader_epoch, answer.end_offset = log.end_offset_for_epoch(asked.leader_epoch)
        except Exception as error:  # noqa: BLE001 - mapped to a code
            answer.error_code = code_of(error, during="OffsetForLeaderEpoch")
        return answer

    return OffsetForLeaderEpochResponse(
        topics=[
            OffsetForLeaderTopicResult(
                topic=topic.topic,
                partitions=[end(topic.topic, asked) for asked in topic.partitions],
            )
            for topic in request.topics
        ]
    )
