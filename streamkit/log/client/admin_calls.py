"""What `Admin` asks, as functions over a `ClusterClient`; on the network thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from streamkit.errors import BrokerError, NotReachableError
from streamkit.log.client.cluster import broker_error
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.offsets import by_topic, leaders_of
from streamkit.log.client.topics import (
    ConfigEntry,
    GroupDescription,
    GroupListing,
    GroupMember,
    NewTopic,
    PartitionDescription,
    TopicDescription,
)
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
    CreateTopicsRequest,
    DeleteGroupsRequest,
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
    DeleteTopicsRequest,
    DeleteTopicState,
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeGroupsRequest,
    IncrementalAlterConfigsRequest,
    ListGroupsRequest,
)
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
)
from streamkit.model import TopicPartition

__all__ = [
    "alter_configs",
    "create_partitions",
    "create_topics",
    "delete_groups",
    "delete_records",
    "delete_topics",
    "describe_configs",
    "describe_groups",
    "describe_topics",
    "list_groups",
]

_TOPIC = 2  # Kafka's number for the resource type
_SET, _DELETE = 0, 1
_DEFAULT_CONFIG = 5
_ASK_AGAIN = frozenset(
    {
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


async def create_topics(
    cluster: ClusterClient,
    topics: Sequence[NewTopic],
    *,
    exist_ok: bool = False,
    validate_only: bool = False,
    deadline: float,
) -> None:
    """Create topics and wait until every one of them has its leaders."""
    left = {topic.name: topic for topic in topics}

    async def ask() -> None:
        request = CreateTopicsRequest(
            topics=[
                CreatableTopic(
                    name=topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=topic.replication_factor,
                    configs=[
                        CreatableTopicConfig(name=k, value=v) for k, v in topic.configs.items()
                    ],
                )
                for topic in left.values()
            ],
            timeout_ms=cluster.settings.request_timeout_ms,
            validate_only=validate_only,
        )
        response = await _call_controller(cluster, request)
        failure: BrokerError | None = None
        for result in response.topics:
            code = result.error_code
            if code == ErrorCode.NONE or (code == ErrorCode.TOPIC_ALREADY_EXISTS and exist_ok):
                left.pop(result.name, None)
            else:
                failure = failure or broker_error(
                    code,
                    f"creating topic {result.name}",
                    topic_partition=(result.name, -1),
                    hint=result.error_message or "",
                )
        if failure is not None:
            raise failure

    async def seen() -> None:
        known = (await cluster.refresh()).topics
        for topic in topics:
            info = known.get(topic.name)
            if info is None or any(p.leader < 0 for p in info.partitions):
                raise broker_error(ErrorCode.LEADER_NOT_AVAILABLE, f"topic {topic.name}")

    if not left:
        return
    await cluster.retrying(ask, deadline=deadline)
    if not validate_only:
        cluster.track(topic.name for topic in topics)
        await cluster.retrying(seen, deadline=deadline)


async def create_partitions(
    cluster: ClusterClient, topic: str, total: int, *, deadline: float
) -> None:
    """Raise a topic's number of partitions."""

    async def ask() -> None:
        request = CreatePartitionsRequest(
            topics=[CreatePartitionsTopic(name=topic, count=total, assignments=None)],
            timeout_ms=cluster.settings.request_timeout_ms,
        )
        for result in (await _call_controller(cluster, request)).results:
            _check(result, f"adding partitions to topic {topic}")

    await cluster.retrying(ask, deadline=deadline)


async def delete_topics(
    cluster: ClusterClient, names: Collection[str], *, missing_ok: bool, deadline: float
) -> None:
    """Delete topics."""
    left = set(names)
    asked_before = False

    async def ask() -> None:
        nonlocal asked_before
        connection_request = DeleteTopicsRequest(
            topics=[DeleteTopicState(name=name) for name in sorted(left)],
            topic_names=sorted(left),
            timeout_ms=cluster.settings.request_timeout_ms,
        )
        again, asked_before = asked_before, True
        response = await _call_controller(cluster, connection_request, prepare=_names_or_states)
        failure: BrokerError | None = None
        for result in response.responses:
            name = result.name or ""
            gone = result.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            # A try whose answer was lost may have deleted it.
            if result.error_code == ErrorCode.NONE or (gone and (missing_ok or again)):
                left.discard(name)
                continue
            error = broker_error(
                result.error_code,
                f"deleting topic {name}",
                topic_partition=(name, -1),
                hint=result.error_message or "",
            )
            # Unknown would count as retriable; here it is the answer.
            error.retriable = error.retriable and not gone
            failure = failure or error
        if failure is not None:
            raise failure

    if left:
        await cluster.retrying(ask, deadline=deadline)
        cluster.untrack(names)


def _names_or_states(request: DeleteTopicsRequest, version: int) -> DeleteTopicsRequest:
    if version >= 6:
        request.topic_names = []
    else:
        request.topics = []
    return request


async def describe_topics(
    cluster: ClusterClient, names: Collection[str] | None, *, deadline: float
) -> dict[str, TopicDescription]:
    """Topics that exist; None for all."""

    async def ask() -> dict[str, TopicDescription]:
        known = (await cluster.refresh_all()).topics
        return {
            name: TopicDescription(
                name,
                info.topic_id,
                info.internal,
                tuple(
                    PartitionDescription(
                        number,
                        p.leader if p.leader >= 0 else None,
                        p.leader_epoch,
                        p.replicas,
                        p.in_sync_replicas,
                    )
                    for number, p in enumerate(info.partitions)
                ),
            )
            for name, info in sorted(known.items())
            if names is None or name in names
        }

    return await cluster.retrying(ask, deadline=deadline)


async def describe_configs(
    cluster: ClusterClient, topic: str, *, deadline: float
) -> dict[str, ConfigEntry]:
    """All settings of a topic."""

    async def ask() -> dict[str, ConfigEntry]:
        request = DescribeConfigsRequest(
            resources=[
                DescribeConfigsResource(
                    resource_type=_TOPIC, resource_name=topic, configuration_keys=None
                )
            ]
        )
        result = (await cluster.call_any(request)).results[0]
        _check(result, f"describing topic {topic}")
        return {
            c.name: ConfigEntry(
                c.name, c.value, c.config_source == _DEFAULT_CONFIG, c.read_only, c.is_sensitive
            )
            for c in sorted(result.configs, key=lambda c: str(c.name))
        }

    return await cluster.retrying(ask, deadline=deadline)


async def alter_configs(
    cluster: ClusterClient, topic: str, configs: Mapping[str, str | None], *, deadline: float
) -> None:
    """Set some settings; None deletes one."""

    async def ask() -> None:
        request = IncrementalAlterConfigsRequest(
            resources=[
                AlterConfigsResource(
                    resource_type=_TOPIC,
                    resource_name=topic,
                    configs=[
                        AlterableConfig(
                            name=name,
                            config_operation=_DELETE if value is None else _SET,
                            value=value,
                        )
                        for name, value in configs.items()
                    ],
                )
            ]
        )
        for result in (await _call_controller(cluster, request)).responses:
            _check(result, f"altering topic {topic}")

    await cluster.retrying(ask, deadline=deadline)


async def delete_records(
    cluster: ClusterClient, offsets: Mapping[TopicPartition, int], *, deadline: float
) -> dict[TopicPartition, int]:
    """Delete records before offsets; the first offsets left."""
    done: dict[TopicPartition, int] = {}

    async def ask_node(node: int, partitions: list[TopicPartition]) -> None:
        request = DeleteRecordsRequest(
            topics=[
                DeleteRecordsTopic(
                    name=topic,
                    partitions=[
                        DeleteRecordsPartition(
                            partition_index=p, offset=offsets[TopicPartition(topic, p)]
                        )
                        for p in indexes
                    ],
                )
                for topic, indexes in by_topic(partitions).items()
            ],
            timeout_ms=cluster.settings.request_timeout_ms,
        )
        for topic in (await cluster.call(node, request)).topics:
            for p in topic.partitions:
                tp = TopicPartition(topic.name, p.partition_index)
                if p.error_code != ErrorCode.NONE:
                    raise broker_error(
                        p.error_code, f"deleting records of {tp}", topic_partition=tp
                    )
                done[tp] = p.low_watermark

    async def ask() -> None:
        missing = [tp for tp in offsets if tp not in done]
        try:
            nodes = await leaders_of(cluster, missing, deadline=deadline)
            await asyncio.gather(*(ask_node(node, tps) for node, tps in nodes.items()))
        except (BrokerError, NotReachableError) as error:
            if error.retriable:
                await cluster.refresh()
            raise

    await cluster.retrying(ask, deadline=deadline)
    return done


async def list_groups(cluster: ClusterClient, *, deadline: float) -> list[GroupListing]:
    """All groups of all brokers."""

    async def ask() -> list[GroupListing]:
        await cluster.refresh()
        groups = []
        for node in cluster.cluster.nodes:
            response = await cluster.call(node, ListGroupsRequest())
            if response.error_code != ErrorCode.NONE:
                raise broker_error(response.error_code, "listing groups")
            groups += [
                GroupListing(g.group_id, g.protocol_type, g.group_state) for g in response.groups
            ]
        return sorted(groups, key=lambda g: g.group_id)

    return await cluster.retrying(ask, deadline=deadline)


async def describe_groups(
    cluster: ClusterClient, group_ids: Collection[str], *, deadline: float
) -> dict[str, GroupDescription]:
    """Groups by id."""

    async def ask_one(group_id: str) -> GroupDescription:
        request = DescribeGroupsRequest(groups=[group_id])
        group = (await cluster.call_coordinator(group_id, request)).groups[0]
        if group.error_code == ErrorCode.GROUP_ID_NOT_FOUND:
            return GroupDescription(group_id, "Dead", "", "", ())
        _check_group(cluster, group_id, group.error_code, "describing")
        return GroupDescription(
            group_id,
            group.group_state,
            group.protocol_type,
            group.protocol_data,
            tuple(
                GroupMember(
                    m.member_id,
                    m.group_instance_id,
                    m.client_id,
                    m.client_host,
                    m.member_metadata,
                    m.member_assignment,
                )
                for m in group.members
            ),
        )

    return {
        group_id: await cluster.retrying(lambda g=group_id: ask_one(g), deadline=deadline)  # type: ignore[misc]  # mypy can't infer a lambda's default
        for group_id in group_ids
    }


async def delete_groups(
    cluster: ClusterClient, group_ids: Collection[str], *, deadline: float
) -> None:
    """Delete empty groups."""

    async def ask_one(group_id: str) -> None:
        request = DeleteGroupsRequest(groups_names=[group_id])
        for result in (await cluster.call_coordinator(group_id, request)).results:
            _check_group(cluster, group_id, result.error_code, "deleting")

    for group_id in group_ids:
        await cluster.retrying(lambda g=group_id: ask_one(g), deadline=deadline)  # type: ignore[misc]  # mypy can't infer a lambda's default


async def _call_controller(
    cluster: ClusterClient,
    request: Any,
    *,
    prepare: Callable[[Any, int], Any] = lambda request, _: request,
) -> Any:
    """Call the controller; if that is another broker by now, find it for the next try."""
    if not cluster.cluster.nodes:
        await cluster.refresh()
    nodes = cluster.cluster.nodes
    node = cluster.cluster.controller_id
    if node not in nodes:
        node = next(iter(nodes))
    connection = await cluster.connection(node)
    version = connection.version_of(type(request))
    response = await connection.request(prepare(request, version), version)
    results = getattr(response, "topics", None) or getattr(response, "results", None) or []
    if any(r.error_code == ErrorCode.NOT_CONTROLLER for r in results):
        await cluster.refresh()
    return response


def _check(result: Any, doing: str) -> None:
    if result.error_code != ErrorCode.NONE:
        raise broker_error(result.error_code, doing, hint=result.error_message or "")


def _check_group(cluster: ClusterClient, group_id: str, code: int, doing: str) -> None:
    if code == ErrorCode.NONE:
        return
    if code in _ASK_AGAIN:
        cluster.forget_coordinator(group_id)
    raise broker_error(code, f"{doing} group {group_id}")
