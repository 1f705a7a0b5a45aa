"""Questions about offsets: by time at the leaders, committed ones at a group's coordinator.

Functions over a `ClusterClient`, on the network thread. They try again what may succeed later, until
their deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from streamkit.errors import BrokerError, NotReachableError
from streamkit.log.client.cluster import broker_error, unknown_topic
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.errors import CommitFailedError, FencedError
from streamkit.log.client.records import (
    ConsumerGroupMetadata,
    OffsetAndMetadata,
    OffsetAndTimestamp,
)
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from streamkit.model import TopicPartition

__all__ = [
    "EARLIEST",
    "LATEST",
    "MAX_TIMESTAMP",
    "by_topic",
    "commit_offsets",
    "fetch_committed",
    "leaders_of",
    "list_offsets",
]

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3

_ASK_AGAIN = frozenset(
    {
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
_LOST_MEMBER = frozenset({ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID})


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Partition numbers by topic, both in order."""
    topics: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        topics.setdefault(topic, []).append(partition)
    return topics


async def leaders_of(
    cluster: ClusterClient, partitions: Collection[TopicPartition], *, deadline: float
) -> dict[int, list[TopicPartition]]:
    """Partitions by the node id of their leader.

    Raises:
        BrokerError: a partition does not exist, or has no leader now.
    """
    nodes: dict[int, list[TopicPartition]] = {}
    for tp in partitions:
        info = await cluster.topic(tp.topic, deadline=deadline)
        if not 0 <= tp.partition < len(info.partitions):
            raise broker_error(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                f"{tp} of {len(info.partitions)} partitions",
                topic_partition=tp,
            )
        leader = info.partitions[tp.partition].leader
        if leader < 0:
            raise broker_error(ErrorCode.LEADER_NOT_AVAILABLE, str(tp), topic_partition=tp)
        nodes.setdefault(leader, []).append(tp)
    return nodes


async def list_offsets(
    cluster: ClusterClient,
    times: Mapping[TopicPartition, int],
    *,
    read_committed: bool,
    deadline: float,
    arrived: Callable[[Mapping[TopicPartition, OffsetAndTimestamp | None]], None] | None = None,
) -> dict[TopicPartition, OffsetAndTimestamp | None]:
    """The first offset at or after a time, or at `LATEST`, `EARLIEST`, `MAX_TIMESTAMP`.

    Args:
        cluster: the connections.
        times: what to look for, by partition.
        read_committed: the end is the last stable offset.
        deadline: on the loop's clock.
        arrived: told of each answer as it comes, so that partitions that can't be asked for
            keep no others waiting.

    Raises:
        BrokerError: a partition does not exist, or its leader refuses.
        NotReachableError: a leader does not answer.
    """
    found: dict[TopicPartition, OffsetAndTimestamp | None] = {}

    async def ask_node(node: int, partitions: list[TopicPartition]) -> None:
        request = ListOffsetsRequest(
            replica_id=-1,
            isolation_level=1 if read_committed else 0,
            topics=[
                ListOffsetsTopic(
                    name=topic,
                    partitions=[
                        ListOffsetsPartition(
                            partition_index=p, timestamp=times[TopicPartition(topic, p)]
                        )
                        for p in indexes
                    ],
                )
                for topic, indexes in by_topic(partitions).items()
            ],
            timeout_ms=cluster.settings.request_timeout_ms,
        )
        response = await cluster.call(node, request)
        failure: BrokerError | None = None
        new: dict[TopicPartition, OffsetAndTimestamp | None] = {}
        for topic in response.topics:
            for answer in topic.partitions:
                tp = TopicPartition(topic.name, answer.partition_index)
                if answer.error_code != ErrorCode.NONE:
                    failure = failure or broker_error(
                        answer.error_code, f"looking up offsets of {tp}", topic_partition=tp
                    )
                    continue
                new[tp] = (
                    OffsetAndTimestamp(answer.offset, answer.timestamp)
                    if answer.offset >= 0
                    else None
                )
        found.update(new)
        if arrived is not None:
            arrived(new)
        if failure is not None:
            raise failure

    async def ask_leaders(partitions: list[TopicPartition]) -> None:
        nodes = await leaders_of(cluster, partitions, deadline=deadline)
        outcomes = await asyncio.gather(
            *(ask_node(node, tps) for node, tps in nodes.items()), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def ask() -> None:
        # First those whose leaders are known: the others may have to be waited for.
        led: list[TopicPartition] = []
        others: list[TopicPartition] = []
        for tp in times:
            if tp not in found:
                known = cluster.cluster.leader(tp.topic, tp.partition) >= 0
                (led if known else others).append(tp)
        try:
            await ask_leaders(led)
            await ask_leaders(others)
        except (BrokerError, NotReachableError) as error:
            if error.retriable:
                await cluster.refresh()
            raise

    await cluster.retrying(ask, deadline=deadline)
    return found


async def commit_offsets(
    cluster: ClusterClient,
    group: ConsumerGroupMetadata,
    offsets: Mapping[TopicPartition, OffsetAndMetadata],
    *,
    deadline: float,
) -> None:
    """Commit offsets of a group.

    Raises:
        CommitFailedError: the group moved on without this member.
        BrokerError: the coordinator refuses.
        NotReachableError: it does not answer.
    """
    request = OffsetCommitRequest(
        group_id=group.group_id,
        generation_id_or_member_epoch=group.generation_id,
        member_id=group.member_id,
        group_instance_id=group.group_instance_id,
        topics=[
            OffsetCommitRequestTopic(
                name=topic,
                partitions=[
                    _commit_partition(p, offsets[TopicPartition(topic, p)]) for p in indexes
                ],
            )
            for topic, indexes in by_topic(offsets).items()
        ],
    )

    async def ask() -> None:
        # Version 10 names topics by id only; 9 is the highest that serves both kinds of broker.
        response = await cluster.call_coordinator(group.group_id, request, highest=9)
        for topic in response.topics:
            for partition in topic.partitions:
                if partition.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                    await _check_not_deleted(cluster, topic.name)
                _check_commit(
                    cluster,
                    group,
                    TopicPartition(topic.name, partition.partition_index),
                    partition.error_code,
                )

    await cluster.retrying(ask, deadline=deadline)


async def fetch_committed(
    cluster: ClusterClient,
    group_id: str,
    partitions: Collection[TopicPartition] | None,
    *,
    deadline: float,
) -> dict[TopicPartition, OffsetAndMetadata]:
    """What a group committed; partitions without a commit are left out. None asks for all.

    Waits for pending transactional commits, as their outcome decides.

    Raises:
        BrokerError: the coordinator refuses.
        NotReachableError: it does not answer.
    """
    topics = None if partitions is None else by_topic(partitions)

    async def ask() -> dict[TopicPartition, OffsetAndMetadata]:
        node = await cluster.coordinator(group_id)
        connection = await cluster.connection(node)
        version = connection.version_of(OffsetFetchRequest, highest=9)
        try:
            response = await connection.request(_fetch_request(group_id, topics, version), version)
        except NotReachableError:
            cluster.forget_coordinator(group_id)
            raise
        answer: Any = response.groups[0] if version >= 8 else response
        _check_group(cluster, group_id, answer.error_code, "looking up committed offsets")
        found = {}
        for topic in answer.topics:
            for p in topic.partitions:
                tp = TopicPartition(topic.name, p.partition_index)
                if p.error_code != ErrorCode.NONE:
                    raise broker_error(
                        p.error_code,
                        f"looking up the committed offset of {tp} (group {group_id})",
                        topic_partition=tp,
                    )
                if p.committed_offset >= 0:
                    found[tp] = OffsetAndMetadata(
                        p.committed_offset, p.metadata or "", p.committed_leader_epoch
                    )
        return found

    return await cluster.retrying(ask, deadline=deadline)


def _fetch_request(
    group_id: str, topics: dict[str, list[int]] | None, version: int
) -> OffsetFetchRequest:
    # Version 7 is the first that can be asked to wait for pending transactions.
    stable = version >= 7
    if version >= 8:
        wanted = (
            None
            if topics is None
            else [
                OffsetFetchRequestTopics(name=name, partition_indexes=indexes)
                for name, indexes in topics.items()
            ]
        )
        return OffsetFetchRequest(
            groups=[OffsetFetchRequestGroup(group_id=group_id, topics=wanted)],
            require_stable=stable,
        )
    return OffsetFetchRequest(
        group_id=group_id,
        topics=None
        if topics is None
        else [
            OffsetFetchRequestTopic(name=name, partition_indexes=indexes)
            for name, indexes in topics.items()
        ],
        require_stable=stable,
    )


def _commit_partition(partition: int, committed: OffsetAndMetadata) -> OffsetCommitRequestPartition:
    return OffsetCommitRequestPartition(
        partition_index=partition,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        committed_metadata=committed.metadata,
    )


def _check_commit(
    cluster: ClusterClient, group: ConsumerGroupMetadata, tp: TopicPartition, code: int
) -> None:
    doing = f"committing {tp} for group {group.group_id}"
    if code in _LOST_MEMBER:
        raise CommitFailedError(
            f"{doing}: {ErrorCode(code).name} ({code}): the group has rebalanced without this "
            "member; poll more often, or raise max_poll_interval_ms",
            code=code,
            topic_partition=tp,
        )
    if code == ErrorCode.FENCED_INSTANCE_ID:
        raise FencedError(
            f"{doing}: another member uses instance id {group.group_instance_id}", code=code
        )
    _check_group(cluster, group.group_id, code, doing)


async def _check_not_deleted(cluster: ClusterClient, topic: str) -> None:
    """A coordinator may not have heard of a topic yet; but if metadata don't know it either, it is gone.

    To try again until the deadline would only keep the caller from finding out.
    """
    errors = (await cluster.refresh()).errors
    if errors.get(topic) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        raise unknown_topic(topic)


def _check_group(cluster: ClusterClient, group_id: str, code: int, doing: str) -> None:
    if code == ErrorCode.NONE:
        return
    if code in _ASK_AGAIN:
        cluster.forget_coordinator(group_id)
    raise broker_error(code, doing)
