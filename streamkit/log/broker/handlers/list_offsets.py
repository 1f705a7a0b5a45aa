"""ListOffsets (key 2): offsets by timestamp, and a partition's first and last.

| version | change |
| --- | --- |
| 1 | the oldest served: one offset a partition |
| 2 | isolation level |
| 4 | leader epochs |
| 6 | flexible |
| 7 | timestamp -3: the record with the greatest timestamp (KIP-734) |
| 8 | timestamp -4: first offset on local disks (KIP-405) |
| 9 | timestamp -5: last offset in tiered storage |
| 10 | timeout, for tiered storage |
| 11 | timestamp -6: first offset not yet in tiered storage |

Without tiered storage -4 is -2, and -5 and -6 find nothing.
"""

from __future__ import annotations

from collections import Counter

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.empty_log import EmptyLog
from streamkit.log.broker.failures import code_of, refusal
from streamkit.log.broker.leader_epochs import check_leader_epoch
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from streamkit.log.storage import PartitionLog, TimestampOffset

_SINCE = {-3: 7, -4: 8, -5: 9, -6: 11}
"""The first version in which a special timestamp has its meaning."""


@handles(ListOffsetsRequest)
def list_offsets(
    broker: Broker, request: ListOffsetsRequest, context: RequestContext
) -> ListOffsetsResponse:
    """Look up an offset for each partition; one that is named twice has INVALID_REQUEST."""
    # A level that doesn't exist reads too little rather than too much.
    isolation = "read_uncommitted" if request.isolation_level == 0 else "read_committed"
    counts = Counter(
        (topic.name, each.partition_index) for topic in request.topics for each in topic.partitions
    )

    def partition(topic: str, asked: ListOffsetsPartition) -> ListOffsetsPartitionResponse:
        answer = ListOffsetsPartitionResponse(partition_index=asked.partition_index)
        try:
            context.check(Operation.DESCRIBE, ResourceType.TOPIC, topic)
            if counts[topic, asked.partition_index] > 1:
                raise refusal(ErrorCode.INVALID_REQUEST, "the partition is named twice")
            if context.api_version < _SINCE.get(asked.timestamp, 0) or asked.timestamp < min(
                _SINCE
            ):
                raise refusal(
                    ErrorCode.UNSUPPORTED_VERSION, f"timestamp {asked.timestamp} has no meaning"
                )
            log = broker.readable_log(topic, asked.partition_index)
            check_leader_epoch(
                asked.current_leader_epoch,
                broker.topic(topic).leader_epochs[asked.partition_index],
            )
            found = _look_up(log, asked.timestamp, isolation)
        except Exception as error:  # noqa: BLE001 - mapped to a code
            answer.error_code = code_of(error, during="ListOffsets")
            return answer
        if found is not None:
            answer.timestamp, answer.offset = found.timestamp, found.offset
            if context.api_version >= 4:
                answer.leader_epoch = max(0, found.leader_epoch)
        return answer

    return ListOffsetsResponse(
        topics=[
            ListOffsetsTopicResponse(
                name=topic.name,
                partitions=[
                    partition(topic.name, asked)
                    for asked in {each.partition_index: each for each in topic.partitions}.values()
                ],
            )
            for topic in request.topics
            if topic.partitions
        ]
    )


def _look_up(
    log: PartitionLog | EmptyLog, timestamp: int, isolation: str
) -> TimestampOffset | None:
    match timestamp:
        case -1:
            return log.latest(isolation)
        case -2 | -4:
            return log.earliest()
        case -5 | -6:
            return None
    found = log.max_timestamp() if timestamp == -3 else log.offset_for_timestamp(timestamp)
    if (
        found is not None
        and isolation == "read_committed"
        and found.offset >= log.last_stable_offset
    ):
        return None
    return found
