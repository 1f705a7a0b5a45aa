"""The group's strategy, name `streamkit`: the leader makes internal topics and hands out tasks.

Between JoinGroup and SyncGroup the leader looks at the source topics, derives and checks everything
internal, creates what is missing, and runs `assign_tasks`. Members keep what they own during a rebalance; a
task that moves is withheld until its owner has given it up, and the next rebalance, which follows by
itself, hands it out.

An application that can't run (a source topic is missing, joined topics differ) is no reason to
fail the group's protocol: the leader sends everybody an assignment of nothing with the reason, and each
worker stops with it.

`assign` runs on the network thread of the leader, the rest on the polling thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping

from streamkit.errors import BrokerError, StreamkitError, TopologyError
from streamkit.log.client import Assignment, GroupCluster, Subscription
from streamkit.model.records import TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.runtime.assignment import MemberState, assign_tasks
from streamkit.runtime.internal_topics import missing_topics
from streamkit.runtime.user_data import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from streamkit.topology.partitions import ResolvedTopics
from streamkit.topology.plan import TopologyPlan

__all__ = ["StreamkitAssignor"]

log = logging.getLogger(__name__)


class StreamkitAssignor:
    """What one worker brings to its group.

    Args:
        plan: the application's.
        member_state: what this worker owns and stores, asked before each join.
        replication_factor: of internal topics; -1: the broker's default.

    Attributes:
        tasks: what the last assignment gave to this worker.
        error: why the last assignment gave nothing to anybody; empty if it stands.
    """

    name = "streamkit"
    cooperative = True

    def __init__(
        self,
        plan: TopologyPlan,
        member_state: Callable[[], MemberState],
        *,
        replication_factor: int = -1,
    ) -> None:
        self._plan = plan
        self._member_state = member_state
        self._replication_factor = replication_factor
        self.tasks: tuple[TaskId, ...] = ()
        self.error = ""

    def user_data(self, topics: Collection[str]) -> bytes:  # noqa: ARG002  # the client's signature
        """This worker's tasks and state."""
        return encode_subscription(self._member_state())

    def on_assignment(self, assignment: Assignment, generation: int) -> None:
        """Take note of what this worker shall run."""
        self.tasks, self.error = decode_assignment(assignment.user_data)
        log.info("generation %d: tasks %s", generation, ", ".join(map(str, self.tasks)) or "none")

    async def assign(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> Mapping[str, Assignment]:
        """Tasks and their partitions for every member."""
        try:
            topics = await self._prepare_topics(cluster, subscriptions)
        except (TopologyError, BrokerError) as error:
            if isinstance(error, BrokerError) and error.retriable:
                raise
            reason = encode_assignment((), str(error))
            return {member: Assignment((), reason) for member in subscriptions}
        return assign_members(self._plan, topics, subscriptions)

    async def _prepare_topics(
        self, cluster: GroupCluster, subscriptions: Mapping[str, Subscription]
    ) -> ResolvedTopics:
        wanted = {topic for member in subscriptions.values() for topic in member.topics}
        wanted.update(self._plan.source_topics, self._plan.internal_topics)
        await cluster.refresh(wanted)
        internal = self._plan.internal_topics
        known = {
            topic: count
            for topic in sorted(wanted - set(internal))
            if (count := cluster.partition_count(topic)) is not None
        }
        resolved = self._plan.resolve(known)
        missing = missing_topics(
            internal,
            resolved.partitions,
            cluster.partition_count,
            replication_factor=self._replication_factor,
        )
        if missing:
            log.info("creating internal topics %s", ", ".join(topic.name for topic in missing))
            await cluster.create_topics(missing)
            await cluster.refresh([topic.name for topic in missing])
        return resolved


def assign_members(
    plan: TopologyPlan, topics: ResolvedTopics, subscriptions: Mapping[str, Subscription]
) -> dict[str, Assignment]:
    """The pure part: tasks by `assign_tasks`, those that move withheld from their new owner.

    Raises:
        StreamkitError: a member's user data can't be read.
    """
    members = _claims(subscriptions)
    stateful = {
        task
        for task in topics.tasks
        if any(plan.sub_topology(task.sub_topology).changelogs.values())
    }
    target = assign_tasks(members, topics.tasks, stateful).active
    owners = {task: member for member, state in members.items() for task in state.owned}
    assignments = {}
    for member, tasks in target.items():
        ready = tuple(task for task in tasks if owners.get(task, member) == member)
        partitions = tuple(
            TopicPartition(topic, task.partition)
            for task in ready
            for topic in topics.topics[task.sub_topology]
            if task.partition < topics.partitions[topic]
        )
        assignments[member] = Assignment(partitions, encode_assignment(ready))
    return assignments


def _claims(subscriptions: Mapping[str, Subscription]) -> dict[str, MemberState]:
    """Each member's state; of two that claim one task, the one of the younger generation has it."""
    states: dict[str, MemberState] = {}
    for member, subscription in subscriptions.items():
        try:
            states[member] = decode_subscription(subscription.user_data)
        except StreamkitError as error:
            raise type(error)(f"member {member} of the group: {error}") from error
    taken: set[TaskId] = set()
    by_age = sorted(states, key=lambda m: (-subscriptions[m].generation_id, m))
    for member in by_age:
        state = states[member]
        states[member] = MemberState(state.host, state.owned - taken, state.stored)
        taken |= state.owned
    return states
