"""DeleteRecords (key 21): forget a partition's records before an offset.

| version | change |
| --- | --- |
| 2 | flexible |

Offset -1 stands for the high watermark.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of, refusal
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

_NOTHING = -1
_HIGH_WATERMARK = -1


@handles(DeleteRecordsRequest)
def delete_records(
    broker: Broker,
    request: DeleteRecordsRequest,
    context: RequestContext,
) -> DeleteRecordsResponse:
    """Move each partition's log start forward; answers with the first offset that is left.

    Of a partition that is named twice, the last offset counts.
    """
    asked: dict[str, dict[int, DeleteRecordsPartition]] = {}
    for topic in request.topics:
        for each in topic.partitions:
            asked.setdefault(topic.name, {})[each.partition_index] = each
    return DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=name,
                partitions=[_deleted(broker, name, each, context) for each in partitions.values()],
            )
            for name, partitions in asked.items()
        ]
    )


def _deleted(
    broker: Broker, topic: str, asked: DeleteRecordsPartition, context: RequestContext
) -> DeleteRecordsPartitionResult:
    result = DeleteRecordsPartitionResult(
        partition_index=asked.partition_index, low_watermark=_NOTHING
    )
    try:
        context.check(Operation.DELETE, ResourceType.TOPIC, topic)
        image = broker.topic(topic)
        log = broker.partition_log(topic, asked.partition_index)
        if image.is_internal:
            raise refusal(
                ErrorCode.INVALID_TOPIC_EXCEPTION, f"{topic} is written by the broker alone"
            )
        if not _deletable(log.config.cleanup_policy):
            raise refusal(
                ErrorCode.POLICY_VIOLATION, f"records of {topic} go by compaction, not by request"
            )
        before = log.high_watermark if asked.offset == _HIGH_WATERMARK else asked.offset
        if not 0 <= before <= log.high_watermark:
            raise refusal(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                f"offset {asked.offset} is beyond the high watermark {log.high_watermark}",
            )
        result.low_watermark = log.delete_records_before(before)
    except Exception as error:  # noqa: BLE001 - mapped to a code
        result.error_code = code_of(error, during="DeleteRecords")
    return result


def _deletable(cleanup_policy: frozenset[str]) -> bool:
    return "delete" in cleanup_policy
