"""OffsetCommit (key 8): a group's positions, kept in `__consumer_offsets`.

| version | change |
| --- | --- |
| 2 | a retention for these offsets, up to version 4 |
| 6 | leader epochs |
| 7 | static members by instance id |
| 8 | flexible |
| 9 | members of the consumer protocol, by their epoch; GROUP_ID_NOT_FOUND instead of ILLEGAL_GENERATION for a group that isn't there |
| 10 | topics by id |

Left out: nothing. When the answer says NONE, the commit survives the end of the process.
"""

from __future__ import annotations

from uuid import UUID

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import CommitOffsets, CommittedOffset
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import NO_UUID, ErrorCode
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from streamkit.model import TopicPartition

__all__ = ["offset_commit"]


@handles(OffsetCommitRequest)
def offset_commit(
    broker: Broker, request: OffsetCommitRequest, context: RequestContext
) -> OffsetCommitResponse:
    """Commit what names an existing partition; a code for each partition."""
    by_id = context.api_version >= 10
    retention_ms = request.retention_time_ms
    expire_ms = context.now_ms + retention_ms if retention_ms >= 0 else None
    denied = context.denied(Operation.READ, ResourceType.GROUP, request.group_id)
    refused: dict[tuple[str, UUID, int], ErrorCode] = {}
    offsets: dict[TopicPartition, CommittedOffset] = {}
    names: list[str | None] = []
    for topic in request.topics:
        name = broker.topic_name(topic.topic_id) if by_id else topic.name
        names.append(name)
        error = denied
        if not denied:
            error = (
                ErrorCode.UNKNOWN_TOPIC_ID
                if name is None
                else context.denied(Operation.READ, ResourceType.TOPIC, name)
            )
        for partition in topic.partitions:
            index = partition.partition_index
            if name is None or error:
                refused[topic.name, topic.topic_id, index] = error
            elif not broker.partition_exists(name, index):
                refused[topic.name, topic.topic_id, index] = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            else:
                offsets[TopicPartition(name, index)] = CommittedOffset(
                    offset=partition.committed_offset,
                    leader_epoch=partition.committed_leader_epoch,
                    metadata=partition.committed_metadata or "",
                    commit_timestamp_ms=context.now_ms,
                    expire_timestamp_ms=expire_ms,
                    # The record of an offset with a retention has no room for the topic's id.
                    topic_id=(expire_ms is None and broker.topic_id(name)) or NO_UUID,
                )
    commit = CommitOffsets(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        generation=request.generation_id_or_member_epoch,
        offsets=offsets,
        api_version=context.api_version,
    )
    errors = broker.groups.commit_offsets(commit) if offsets else {}

    def code(topic_name: str, topic_id: UUID, name: str | None, index: int) -> ErrorCode:
        error = refused.get((topic_name, topic_id, index))
        if error is None:
            assert name is not None
            error = errors[TopicPartition(name, index)]
        if error is ErrorCode.GROUP_ID_NOT_FOUND and context.api_version < 9:
            return ErrorCode.ILLEGAL_GENERATION
        return error

    return OffsetCommitResponse(
        topics=[
            OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetCommitResponsePartition(
                        partition_index=partition.partition_index,
                        error_code=code(
                            topic.name, topic.topic_id, name, partition.partition_index
                        ),
                    )
                    for partition in topic.partitions
                ],
            )
            for topic, name in zip(request.topics, names, strict=True)
            if topic.partitions
        ]
    )
