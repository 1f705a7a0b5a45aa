"""ConsumerGroupDescribe (key 69): groups of the consumer protocol, with members, what they have and are to have.

| version | change |
| --- | --- |
| 0 | flexible |
| 1 | whether a member speaks the classic protocol (KIP-1099) |

Left out: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from streamkit.log.broker.authorization import NOT_ASKED, Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.groups import ConsumerGroup, ConsumerMember
from streamkit.log.broker.metadata.features import GROUP_VERSION
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.consumer_group_describe import (
    Assignment,
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedGroup,
    Member,
    TopicPartitions,
)

__all__ = ["consumer_group_describe"]

_CLASSIC, _CONSUMER = 0, 1


@handles(ConsumerGroupDescribeRequest)
def consumer_group_describe(
    broker: Broker,
    request: ConsumerGroupDescribeRequest,
    context: RequestContext,
) -> ConsumerGroupDescribeResponse:
    """Describe each of the groups asked for, in that order; classic ones aren't found."""
    if not broker.metadata.image.features[GROUP_VERSION]:
        unsupported = ErrorCode.UNSUPPORTED_VERSION
        return ConsumerGroupDescribeResponse(
            groups=[
                DescribedGroup(group_id=group_id, error_code=unsupported)
                for group_id in request.group_ids
            ]
        )
    described = []
    for group_id in request.group_ids:
        group = broker.groups.consumer_group(group_id)
        if error := (
            context.denied(Operation.DESCRIBE, ResourceType.GROUP, group_id)
            or broker.groups.availability(group_id)
        ):
            described.append(DescribedGroup(group_id=group_id, error_code=error))
        elif group is not None:
            described.append(_described(broker, group, context))
        else:
            described.append(
                DescribedGroup(
                    group_id=group_id,
                    error_code=ErrorCode.GROUP_ID_NOT_FOUND
                    if group_id
                    else ErrorCode.INVALID_GROUP_ID,
                    error_message=f"there is no consumer group {group_id}" if group_id else None,
                )
            )
        found = described[-1].error_code == ErrorCode.NONE
        if request.include_authorized_operations and found:
            described[-1].authorized_operations = context.authorized_operations(
                ResourceType.GROUP, group_id
            )
    return ConsumerGroupDescribeResponse(groups=described)


def _described(broker: Broker, group: ConsumerGroup, context: RequestContext) -> DescribedGroup:
    members = [_member(broker, group, member) for member in group.members.values()]
    if context.authorizer is not None and _tells_of_denied_topic(members, context):
        return DescribedGroup(
            group_id=group.group_id,
            error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED,
            error_message="The group has described topic(s) that the client is not authorized to describe.",
            authorized_operations=NOT_ASKED,
        )
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.state.value,
        group_epoch=group.epoch,
        assignment_epoch=group.target_epoch.epoch,
        assignor_name=group.assignor() or broker.groups.default_assignor,
        members=members,
        authorized_operations=NOT_ASKED,
    )


def _tells_of_denied_topic(members: Iterable[Member], context: RequestContext) -> bool:
    names = {
        topic.topic_name
        for member in members
        for assignment in (member.assignment, member.target_assignment)
        for topic in assignment.topic_partitions
    }
    return any(context.denied(Operation.DESCRIBE, ResourceType.TOPIC, name) for name in names)


def _member(broker: Broker, group: ConsumerGroup, member: ConsumerMember) -> Member:
    # It answers for what it is to give up until it has done so.
    has: dict[UUID, list[int]] = {}
    for partitions in (member.current.assigned, member.current.revoking):
        for topic_id, epochs in partitions.items():
            has.setdefault(topic_id, []).extend(epochs)
    subscription = member.subscription
    return Member(
        member_id=member.member_id,
        instance_id=member.instance_id,
        rack_id=subscription.rack_id,
        member_epoch=member.epoch,
        client_id=subscription.client_id,
        client_host=subscription.client_host,
        subscribed_topic_names=sorted(subscription.topics),
        subscribed_topic_regex=subscription.pattern,
        assignment=_assignment(broker, has),
        target_assignment=_assignment(broker, group.target_of(member.member_id)),
        member_type=_CLASSIC if member.is_classic else _CONSUMER,
    )


def _assignment(broker: Broker, assignment: Mapping[UUID, Iterable[int]]) -> Assignment:
    """Partitions of those topics that still exist."""
    return Assignment(
        topic_partitions=[
            TopicPartitions(topic_id=topic_id, topic_name=name, partitions=sorted(partitions))
            for topic_id, partitions in sorted(assignment.items())
            if (name := broker.topic_name(topic_id)) is not None
        ]
    )
