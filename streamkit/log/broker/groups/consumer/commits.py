"""Who may commit and fetch the offsets of a consumer group.

A member's commit counts when it comes with the member's epoch, or with an older one in which the member already had
each of the partitions (KIP-1251): then nobody else has had them since.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from streamkit.log.broker.groups.consumer.group import ConsumerGroup
from streamkit.log.protocol import ErrorCode

__all__ = ["check_commit", "check_fetch"]

_EPOCHS_SINCE = 9


def check_commit(
    group: ConsumerGroup,
    member_id: str,
    instance_id: str | None,
    epoch: int,
    partitions: Iterable[tuple[UUID, int]],
    *,
    transactional: bool,
    api_version: int,
) -> ErrorCode:
    """Whether a commit of offsets of `partitions` is taken.

    Args:
        epoch: the member's; -1 of those without a group.
        partitions: topic ids and partitions.
        transactional: the offsets are part of a transaction.
        api_version: of OffsetCommit.
    """
    if epoch < 0 and not group.members:
        return ErrorCode.NONE
    if transactional and epoch == -1 and not member_id and instance_id is None:
        return ErrorCode.NONE
    member = group.members.get(member_id)
    if member is None:
        return ErrorCode.UNKNOWN_MEMBER_ID
    if not transactional and not member.is_classic and api_version < _EPOCHS_SINCE:
        return ErrorCode.UNSUPPORTED_VERSION
    if epoch == member.epoch:
        return ErrorCode.NONE
    if epoch < member.epoch and all(
        (since := member.epoch_of(topic_id, partition)) is not None and epoch >= since
        for topic_id, partition in partitions
    ):
        return ErrorCode.NONE
    if member.is_classic or transactional:
        return ErrorCode.ILLEGAL_GENERATION
    return ErrorCode.STALE_MEMBER_EPOCH


def check_fetch(group: ConsumerGroup, member_id: str | None, epoch: int) -> ErrorCode:
    """Whether a member may fetch the group's offsets; who isn't one, and says so, always may."""
    if member_id is None and epoch < 0:
        return ErrorCode.NONE
    member = group.members.get(member_id or "")
    if member is None:
        return ErrorCode.UNKNOWN_MEMBER_ID
    if epoch == member.epoch:
        return ErrorCode.NONE
    return ErrorCode.ILLEGAL_GENERATION if member.is_classic else ErrorCode.STALE_MEMBER_EPOCH
