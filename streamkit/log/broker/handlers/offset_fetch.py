"""OffsetFetch (key 9): what groups have committed.

| version | change |
| --- | --- |
| 2 | null topics: everything that the group has committed |
| 5 | leader epochs |
| 6 | flexible |
| 7 | require_stable: refuse offsets that a transaction may still change |
| 8 | several groups |
| 9 | the member's id and epoch, for the new consumer protocol |
| 10 | topics by id |

A partition without a commit has offset -1 and no error, as has every partition of a group that isn't known. A group
whose partition of `__consumer_offsets` is damaged has NOT_COORDINATOR: what it has committed isn't known. Left out:
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import CommittedOffset
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import NO_UUID, ErrorCode
from streamkit.log.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from streamkit.model import TopicPartition

__all__ = ["offset_fetch"]

_Committed = Mapping[TopicPartition, CommittedOffset]
_NOTHING = CommittedOffset(offset=-1, leader_epoch=-1, metadata="", commit_timestamp_ms=-1)
_ERROR_OF_ALL = 2
_BY_ID = 10
_UNSTABLE = ErrorCode.UNSTABLE_OFFSET_COMMIT


@handles(OffsetFetchRequest)
def offset_fetch(
    broker: Broker, request: OffsetFetchRequest, context: RequestContext
) -> OffsetFetchResponse:
    """Look up commits, for one group or, from version 8 on, for several."""
    if context.api_version < 8:
        if error := (
            context.denied(Operation.DESCRIBE, ResourceType.GROUP, request.group_id)
            or broker.groups.availability(request.group_id)
        ):
            return _refused(request, error, context.api_version)
        committed = broker.groups.committed(request.group_id)
        stable = request.require_stable
        asked = (
            _all_of(committed, context)
            if request.topics is None
            else [(topic.name, topic.partition_indexes) for topic in request.topics]
        )
        return OffsetFetchResponse(
            topics=[
                OffsetFetchResponseTopic(
                    name=name,
                    partitions=[
                        OffsetFetchResponsePartition(
                            partition_index=partition,
                            committed_offset=found.offset,
                            committed_leader_epoch=found.leader_epoch,
                            metadata=found.metadata,
                            error_code=error,
                        )
                        for partition, found, error in _look_up(
                            broker, request.group_id, name, partitions, NO_UUID, stable, context
                        )
                    ],
                )
                for name, partitions in asked
            ]
        )
    return OffsetFetchResponse(
        groups=[
            _of_group(broker, group, request.require_stable, context) for group in request.groups
        ]
    )


def _refused(request: OffsetFetchRequest, error: ErrorCode, version: int) -> OffsetFetchResponse:
    """An answer without offsets; before version 2 only partitions have errors."""
    if version >= _ERROR_OF_ALL:
        return OffsetFetchResponse(error_code=error)
    return OffsetFetchResponse(
        topics=[
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=[
                    OffsetFetchResponsePartition(
                        partition_index=partition,
                        committed_offset=-1,
                        metadata="",
                        error_code=error,
                    )
                    for partition in topic.partition_indexes
                ],
            )
            for topic in request.topics or ()
        ]
    )


def _of_group(
    broker: Broker, request: OffsetFetchRequestGroup, stable: bool, context: RequestContext
) -> OffsetFetchResponseGroup:
    error = context.denied(
        Operation.DESCRIBE, ResourceType.GROUP, request.group_id
    ) or broker.groups.check_fetch(request.group_id, request.member_id, request.member_epoch)
    if error is not ErrorCode.NONE:
        return OffsetFetchResponseGroup(group_id=request.group_id, error_code=error)
    committed = broker.groups.committed(request.group_id)
    topics = []
    for name, topic_id, partitions in _asked_of(broker, request, committed, context):
        if name is None:
            answers = [
                OffsetFetchResponsePartitions(
                    partition_index=partition,
                    committed_offset=-1,
                    metadata="",
                    error_code=ErrorCode.UNKNOWN_TOPIC_ID,
                )
                for partition in partitions
            ]
        else:
            answers = [
                OffsetFetchResponsePartitions(
                    partition_index=partition,
                    committed_offset=found.offset,
                    committed_leader_epoch=found.leader_epoch,
                    metadata=found.metadata,
                    error_code=error,
                )
                for partition, found, error in _look_up(
                    broker, request.group_id, name, partitions, topic_id, stable, context
                )
            ]
        topics.append(
            OffsetFetchResponseTopics(name=name or "", topic_id=topic_id, partitions=answers)
        )
    return OffsetFetchResponseGroup(group_id=request.group_id, topics=topics)


def _asked_of(
    broker: Broker,
    request: OffsetFetchRequestGroup,
    committed: _Committed,
    context: RequestContext,
) -> Iterable[tuple[str | None, UUID, Sequence[int]]]:
    """Name (None: unknown), id and partitions of each topic that is asked for."""
    by_id = context.api_version >= _BY_ID
    if request.topics is None:
        for name, partitions in _all_of(committed, context):
            topic_id = broker.topic_id(name)
            if topic_id is not None or not by_id:
                yield name, topic_id or NO_UUID, partitions
    elif by_id:
        for topic in request.topics:
            yield broker.topic_name(topic.topic_id), topic.topic_id, topic.partition_indexes
    else:
        for topic in request.topics:
            yield topic.name, NO_UUID, topic.partition_indexes


def _all_of(committed: _Committed, context: RequestContext) -> list[tuple[str, list[int]]]:
    """Everything, but for topics that the client may not know of."""
    by_topic: dict[str, list[int]] = {}
    for topic, partition in committed:
        by_topic.setdefault(topic, []).append(partition)
    return [
        (topic, partitions)
        for topic, partitions in by_topic.items()
        if not context.denied(Operation.DESCRIBE, ResourceType.TOPIC, topic)
    ]


def _look_up(
    broker: Broker,
    group_id: str,
    name: str,
    partitions: Iterable[int],
    topic_id: UUID,
    stable: bool,
    context: RequestContext,
) -> Iterable[tuple[int, CommittedOffset, ErrorCode]]:
    """The commits of a topic; those of an earlier topic of the same name count for nothing.

    With `stable`, what an open transaction may still change has UNSTABLE_OFFSET_COMMIT.
    """
    denied = context.denied(Operation.DESCRIBE, ResourceType.TOPIC, name)
    committed = broker.groups.committed(group_id)
    for partition in partitions:
        if denied:
            yield partition, _NOTHING, denied
            continue
        topic_partition = TopicPartition(name, partition)
        if stable and broker.groups.is_unstable(group_id, topic_partition):
            yield partition, _NOTHING, _UNSTABLE
            continue
        found = committed.get(topic_partition, _NOTHING)
        if NO_UUID not in (topic_id, found.topic_id) and found.topic_id != topic_id:
            found = _NOTHING
        yield partition, found, ErrorCode.NONE
