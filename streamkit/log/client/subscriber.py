"""The polling thread's half of a group membership: it answers what the group asks, and tells the listener.

The other half, `GroupMember`, lives on the network thread and talks to the coordinator; its events come here
inside the caller's poll, so that a listener never runs beside the caller's own code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from re import Pattern

from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.consumer_protocol import encode_subscription
from streamkit.log.client.fetch_state import FetchState
from streamkit.log.client.member import GroupMember, MemberSettings
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.rebalance_events import Assigned, Lost, Prepare
from streamkit.log.client.records import ConsumerGroupMetadata
from streamkit.model import TopicPartition

__all__ = ["RebalanceListener", "Subscriber"]


class RebalanceListener:
    """Told of what a consumer gains and loses; override what you need.

    All methods run on the polling thread, inside poll.
    """

    def on_assigned(self, partitions: list[TopicPartition]) -> None:
        """Partitions that are new; called after on_revoked, also with none."""

    def on_revoked(self, partitions: list[TopicPartition]) -> None:
        """Partitions that are given up; offsets can still be committed here."""

    def on_lost(self, partitions: list[TopicPartition]) -> None:
        """Partitions that others may have already: nothing can be committed any more.

        By default the same as on_revoked.
        """
        self.on_revoked(partitions)


class Subscriber:
    """One consumer's subscription, while it has one.

    Args:
        network: where the member runs.
        cluster: the connections.
        state: what is assigned.
        settings: of the membership.
        assign: replaces what is assigned.
        before_loss: called while offsets of partitions that are given up can still be committed, with
            the seconds it may take (None: its own choice).

    Attributes:
        topics: names of the topics subscribed to.
    """

    def __init__(
        self,
        network: NetworkThread,
        cluster: ClusterClient,
        state: FetchState,
        settings: MemberSettings,
        *,
        assign: Callable[[Collection[TopicPartition]], None],
        before_loss: Callable[[float | None], None],
    ) -> None:
        self.topics: set[str] = set()
        self._network = network
        self._cluster = cluster
        self._state = state
        self._settings = settings
        self._assign = assign
        self._before_loss = before_loss
        self._member: GroupMember | None = None
        self._listener = RebalanceListener()
        # All members have to speak one protocol until the group's leader has chosen a strategy.
        self._cooperative = all(each.cooperative for each in settings.assignors)

    @property
    def is_active(self) -> bool:
        """Whether there is a subscription."""
        return self._member is not None

    def subscribe(
        self, topics: Collection[str] | Pattern[str], listener: RebalanceListener | None
    ) -> None:
        """Subscribe, or replace the subscription."""
        self._listener = listener or RebalanceListener()
        if self._member is None:
            self._state.fatal = None
            self._member = GroupMember(self._network, self._cluster, self._state, self._settings)
        if isinstance(topics, Pattern):
            self.topics = set()
            self._network.call_soon(self._member.subscribe, (), topics)
        else:
            self.topics = set(topics)
            self._network.call_soon(self._member.subscribe, self.topics, None)

    def metadata(self) -> ConsumerGroupMetadata | None:
        """Who this is in the group; None without a subscription."""
        return None if self._member is None else self._member.metadata()

    def rejoin(self) -> None:
        """Join the group again at the next poll."""
        if self._member is not None:
            self._network.call_soon(self._member.rejoin)

    def polled(self) -> bool:
        """Note that the caller polls; whether there are events to handle."""
        if self._member is None:
            return False
        self._member.last_poll = time.monotonic()
        return bool(self._member.events)

    def handle_events(self) -> None:
        """Do what the group has asked for since the last poll."""
        member = self._member
        while member is not None and member.events:
            event = member.events.popleft()
            if isinstance(event, Lost):
                lost = sorted(self._state.partitions)
                self._assign(())
                if lost:
                    self._listener.on_lost(lost)
            elif isinstance(event, Prepare):
                self._prepare(member, event)
            else:
                self._take_assignment(member, event)

    def leave(self, timeout: float | None = None) -> None:
        """Leave the group, if this is a member, and give up all partitions."""
        member = self._member
        if member is None:
            return
        owned = sorted(self._state.partitions)
        try:
            if owned:
                self._before_loss(timeout)
                self._listener.on_revoked(owned)
        finally:
            # Whatever a listener raises: the group must not wait for this member.
            self._assign(())
            self._network.run(member.close())
            self._member = None
            self.topics = set()

    def _prepare(self, member: GroupMember, event: Prepare) -> None:
        owned = sorted(self._state.partitions)
        self.topics = set(event.topics)
        if owned:
            self._before_loss(None)
        generation = member.metadata().generation_id
        protocols = [
            (
                assignor.name,
                encode_subscription(
                    event.topics, owned, assignor.user_data(event.topics), generation
                ),
            )
            for assignor in self._settings.assignors
        ]
        try:
            if not self._cooperative and owned:
                self._listener.on_revoked(owned)
        finally:
            # Whatever a listener raises: the group must not wait for this member.
            if not self._cooperative:
                self._assign(())
            event.answer(protocols)

    def _take_assignment(self, member: GroupMember, event: Assigned) -> None:
        if member.metadata().generation_id != event.generation:
            # Lost in the meantime: what was assigned belongs to others.
            event.answer(True)
            return
        before = set(self._state.partitions)
        after = set(event.assignment.partitions)
        revoked = sorted(before - after)
        try:
            if revoked:
                self._before_loss(None)
                self._listener.on_revoked(revoked)
                self._assign(before & after)
            event.assignor.on_assignment(event.assignment, event.generation)
            self._assign(after)
            self._listener.on_assigned(sorted(after - before))
        finally:
            # Whatever a listener raises: the group must not wait for this member.
            self._assign(after)
            event.answer(bool(revoked) and self._cooperative)
