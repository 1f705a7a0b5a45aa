"""How a member gets from what it has to its target, a step at each of its heartbeats.

```
                       target has a newer epoch
  +--------+   some partitions must go   +----------------------+
  | Stable | --------------------------> | Unrevoked partitions |  the member keeps its epoch until it has let go
  |        | <-------------------------- |                      |
  |        |   let go, target is free    +----------------------+
  |        |                               | let go, others still own a part of the target
  |        |   some aren't free yet      +-----------------------+
  |        | --------------------------> | Unreleased partitions |  the member has the target's epoch
  +--------+ <-------------------------- +-----------------------+
               the rest is free
```

A partition is given to a member only when no other has it: revoke before assign. Pure: the result is to be written.

Source: KIP-848, KIP-1251 (epochs of partitions).
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from uuid import UUID

from streamkit.log.broker.failures import refusal
from streamkit.log.broker.groups.consumer.group import ConsumerMember
from streamkit.log.broker.groups.consumer.records import (
    CurrentAssignment,
    MemberState,
    PartitionEpochs,
    Partitions,
)
from streamkit.log.protocol import ErrorCode

__all__ = ["reconcile"]

OwnerEpoch = Callable[[UUID, int], int | None]


def reconcile(
    member: ConsumerMember,
    *,
    target_epoch: int,
    target: Partitions,
    subscribed: Set[UUID],
    subscription_changed: bool,
    owner_epoch: OwnerEpoch,
    owned: Partitions | None,
) -> CurrentAssignment:
    """What the member has next.

    Args:
        member: as it is, with its new subscription.
        target_epoch, target: what it is to have.
        subscribed: ids of the topics that it reads.
        subscription_changed: it has just changed what it reads, so that partitions of other topics go at once.
        owner_epoch: the epoch of a partition's owner, None for a free one.
        owned: what the member says it has; None if it doesn't say.

    Raises:
        BrokerError: FENCED_MEMBER_EPOCH: its state is one of a newer broker, and it must join anew.
    """
    current = member.current
    match current.state:
        case MemberState.STABLE:
            if current.epoch != target_epoch:
                return _next(member, target_epoch, target, subscribed, owner_epoch, owned)
            if subscription_changed:
                return _without_other_topics(current, subscribed, owned)
            return current
        case MemberState.UNREVOKED_PARTITIONS:
            if not _has_any(owned, current.revoking):
                return _next(member, target_epoch, target, subscribed, owner_epoch, owned)
            if subscription_changed:
                return _without_other_topics(current, subscribed, owned)
            return current
        case MemberState.UNRELEASED_PARTITIONS:
            return _next(member, target_epoch, target, subscribed, owner_epoch, owned)
    if owned is None or owned:
        raise refusal(
            ErrorCode.FENCED_MEMBER_EPOCH,
            "the member's state isn't known here: it must give up its partitions and join again",
        )
    member = replace(member, current=replace(current, epoch=target_epoch))
    return _next(member, target_epoch, target, subscribed, owner_epoch, owned)


def _next(
    member: ConsumerMember,
    target_epoch: int,
    target: Partitions,
    subscribed: Set[UUID],
    owner_epoch: OwnerEpoch,
    owned: Partitions | None,
) -> CurrentAssignment:
    """One step towards the target."""
    current = member.current
    keeps: dict[UUID, dict[int, int]] = {}
    revokes: dict[UUID, dict[int, int]] = {}
    gets: dict[UUID, list[int]] = {}
    waits = False
    for topic_id in {**target, **current.assigned}:
        wanted = target.get(topic_id, frozenset()) if topic_id in subscribed else frozenset()
        has = current.assigned.get(topic_id, {})
        kept = {partition: epoch for partition, epoch in has.items() if partition in wanted}
        gone = {partition: epoch for partition, epoch in has.items() if partition not in wanted}
        new = []
        for partition in wanted - kept.keys():
            # What the member itself is just giving up is nobody else's.
            mine = partition in current.revoking.get(topic_id, {})
            if mine or owner_epoch(topic_id, partition) is None:
                new.append(partition)
            else:
                waits = True
        if kept:
            keeps[topic_id] = kept
        if gone:
            revokes[topic_id] = gone
        if new:
            gets[topic_id] = new
    if revokes and _has_any(owned, revokes):
        return CurrentAssignment(
            current.epoch, current.epoch, MemberState.UNREVOKED_PARTITIONS, keeps, revokes
        )
    for topic_id, partitions in gets.items():
        keeps.setdefault(topic_id, {}).update(dict.fromkeys(partitions, target_epoch))
    state = MemberState.UNRELEASED_PARTITIONS if waits else MemberState.STABLE
    return CurrentAssignment(target_epoch, current.epoch, state, keeps, {})


def _without_other_topics(
    current: CurrentAssignment, subscribed: Set[UUID], owned: Partitions | None
) -> CurrentAssignment:
    """Take away partitions of topics that the member doesn't read any more."""
    gone = {each: epochs for each, epochs in current.assigned.items() if each not in subscribed}
    if not gone:
        return current
    kept = {each: epochs for each, epochs in current.assigned.items() if each in subscribed}
    revoking = dict(current.revoking)
    for topic_id, epochs in gone.items():
        revoking[topic_id] = {**revoking.get(topic_id, {}), **epochs}
    if _has_any(owned, revoking):
        return CurrentAssignment(
            current.epoch, current.epoch, MemberState.UNREVOKED_PARTITIONS, kept, revoking
        )
    # It has let go of them already.
    return replace(current, previous_epoch=current.epoch, assigned=kept)


def _has_any(owned: Partitions | None, partitions: PartitionEpochs) -> bool:
    """Whether the member may still have one of `partitions`: it says so, or doesn't say what it has."""
    if owned is None:
        return True
    return any(
        partition in epochs
        for topic_id, epochs in partitions.items()
        for partition in owned.get(topic_id, ())
    )
