"""Membership of a consumer group: join, sync, heartbeats, leave; on the network thread.

The member runs by itself; what concerns the application it asks of the polling thread
(`rebalance_events`). Heartbeats go on while an answer is awaited, so a slow listener costs no
membership; a caller that does not poll for max_poll_interval_ms does: the member leaves, and joins
again at the next poll.

The classic protocol, group type `consumer`. Source: KIP-62, KIP-345, KIP-394, KIP-429.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from re import Pattern
from typing import Any

from streamkit.errors import BrokerError, NotReachableError, ProtocolError, StreamkitError
from streamkit.log.client.assignors import Assignor
from streamkit.log.client.backoff import Backoff
from streamkit.log.client.cluster import Cluster, broker_error
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.consumer_protocol import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
)
from streamkit.log.client.errors import FencedError
from streamkit.log.client.fetch_state import FetchState
from streamkit.log.client.leader_view import LeaderView, partition_count
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.rebalance_events import Assigned, Lost, Prepare
from streamkit.log.client.records import ConsumerGroupMetadata
from streamkit.log.client.unexpected import told
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
    LeaveGroupRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)

__all__ = ["GroupMember", "MemberSettings"]

_log = logging.getLogger(__name__)

_PROTOCOL_TYPE = "consumer"
_LANE = "group"
_ASK_AGAIN = frozenset(
    {
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
_MEMBER_GONE = frozenset({ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION})
_MISSING_TOPIC_SECONDS = 1.0
_LEAVE_SECONDS = 5.0
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """The consumer's settings that matter for membership; see `Consumer`."""

    group_id: str
    group_instance_id: str | None
    session_timeout_ms: int
    heartbeat_interval_ms: int
    max_poll_interval_ms: int
    assignors: tuple[Assignor, ...]


@dataclass(slots=True)
class _Generation:
    """Who the member is now; the id is kept over generations."""

    generation_id: int = -1
    member_id: str = ""
    is_leader: bool = False
    topics: frozenset[str] = field(default_factory=frozenset)
    counts: Mapping[str, int | None] = field(default_factory=dict)


class GroupMember:
    """One member of a group.

    Args:
        network: whose loop this runs on.
        cluster: the connections.
        state: its condition is notified of events, and errors go there.
        settings: of the consumer.
    """

    def __init__(
        self,
        network: NetworkThread,
        cluster: ClusterClient,
        state: FetchState,
        settings: MemberSettings,
    ) -> None:
        self.events: deque[Prepare | Assigned | Lost] = deque()
        self.last_poll = time.monotonic()
        self._network = network
        self._cluster = cluster
        self._state = state
        self._settings = settings
        self._topics: tuple[str, ...] = ()
        self._pattern: Pattern[str] | None = None
        self._subscribed = 0  # counts changes of the two
        self._now = _Generation()
        self._rejoin = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._heartbeats: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._silent_since: float | None = None

    # Any thread

    def metadata(self) -> ConsumerGroupMetadata:
        """Who this member is now."""
        now = self._now
        return ConsumerGroupMetadata(
            self._settings.group_id,
            now.generation_id,
            now.member_id,
            self._settings.group_instance_id,
        )

    # The network thread

    def subscribe(self, topics: Collection[str], pattern: Pattern[str] | None) -> None:
        """Set what to subscribe to; joins the group, or has it rebalance."""
        self._topics = tuple(sorted(topics))
        self._pattern = pattern
        self._subscribed += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run())
            self._watch = asyncio.create_task(self._watch_topics())
        else:
            self._rejoin.set()

    def rejoin(self) -> None:
        """Have the group rebalance."""
        self._rejoin.set()

    async def close(self, *, leave: bool = True) -> None:
        """Leave the group (static members just go) and stop."""
        tasks = [t for t in (self._task, self._heartbeats, self._watch) if t is not None]
        self._task = self._heartbeats = self._watch = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if leave and self._settings.group_instance_id is None:
            await self._leave("the consumer is being closed")
        self._now = _Generation()
        self.events.clear()

    async def _run(self) -> None:
        backoff = Backoff(
            self._cluster.settings.retry_backoff_ms,
            self._cluster.settings.retry_backoff_max_ms,
            self._cluster.settings.random,
        )
        while True:
            try:
                again = await self._join()
                backoff.reset()
                self._silent_since = None
                if not again:
                    await self._rejoin.wait()
                continue
            except (BrokerError, NotReachableError) as error:
                if not error.retriable:
                    self._state.fail(error, fatal=True)
                    return
                if isinstance(error, NotReachableError):
                    self._unreachable(error)
                _log.debug("joining group %s: %s", self._settings.group_id, error)
            except StreamkitError as error:
                self._state.fail(error, fatal=True)
                return
            except Exception as error:  # noqa: BLE001  an assignor's; the boundary of this task
                failure = ProtocolError(
                    f"the assignor of group {self._settings.group_id} raised {error!r}"
                )
                failure.__cause__ = error
                self._state.fail(failure)
            await asyncio.sleep(backoff.next_seconds())

    async def _join(self) -> bool:
        """One rebalance; whether another has to follow at once."""
        subscribed = self._subscribed
        topics = await self._current_topics()
        protocols = await self._ask(lambda answer: Prepare(topics, answer))
        if subscribed != self._subscribed:
            return True
        # What asked for this rebalance is served by it.
        self._rejoin.clear()
        await self._stop_heartbeats()
        joined = await self._send_join(protocols)
        if joined is None:
            return True
        name = joined.protocol_name or ""
        assignor = next((a for a in self._settings.assignors if a.name == name), None)
        if assignor is None:
            raise broker_error(
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                f"group {self._settings.group_id} chose assignor {name!r}",
            )
        self._now.generation_id = joined.generation_id
        self._now.member_id = joined.member_id
        self._now.is_leader = joined.leader == joined.member_id
        self._now.topics = frozenset(topics)
        assignments = []
        if self._now.is_leader and not joined.skip_assignment:
            assignments = await self._assign(assignor, joined)
        synced = await self._send_sync(joined, assignments)
        if synced is None:
            return True
        assignment = decode_assignment(synced)
        generation = joined.generation_id
        self._heartbeats = asyncio.create_task(self._heartbeat())
        again: bool = await self._ask(
            lambda answer: Assigned(assignor, assignment, generation, answer)
        )
        return again

    async def _current_topics(self) -> tuple[str, ...]:
        if self._pattern is None:
            return self._topics
        cluster = await self._cluster.refresh_all()
        return self._matching(cluster)

    def _matching(self, cluster: Cluster) -> tuple[str, ...]:
        pattern = self._pattern
        assert pattern is not None
        return tuple(
            sorted(
                name
                for name, info in cluster.topics.items()
                if not info.internal and pattern.fullmatch(name)
            )
        )

    async def _ask(self, make: Callable[[Callable[[Any], None]], Prepare | Assigned]) -> Any:
        """Post an event and wait for the polling thread's answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def answer(result: Any) -> None:
            self._network.call_soon(lambda: None if future.done() else future.set_result(result))

        self._post(make(answer))
        return await future

    def _post(self, event: Prepare | Assigned) -> None:
        with self._state.condition:
            self.events.append(event)
            self._state.condition.notify_all()

    async def _send_join(self, protocols: Sequence[tuple[str, bytes]]) -> JoinGroupResponse | None:
        """The answer to a join; None: to be started over."""
        settings = self._settings
        request = JoinGroupRequest(
            group_id=settings.group_id,
            session_timeout_ms=settings.session_timeout_ms,
            rebalance_timeout_ms=settings.max_poll_interval_ms,
            member_id=self._now.member_id,
            group_instance_id=settings.group_instance_id,
            protocol_type=_PROTOCOL_TYPE,
            protocols=[
                JoinGroupRequestProtocol(name=name, metadata=metadata)
                for name, metadata in protocols
            ],
        )
        while True:
            response: JoinGroupResponse = await self._cluster.call_coordinator(
                settings.group_id,
                request,
                lane=_LANE,
                # The answer comes when all members have joined.
                timeout_ms=settings.max_poll_interval_ms
                + self._cluster.settings.request_timeout_ms,
            )
            code = ErrorCode(response.error_code)
            if code is ErrorCode.NONE:
                return response
            if code is ErrorCode.MEMBER_ID_REQUIRED:
                request.member_id = self._now.member_id = response.member_id
                continue
            self._check(code, "joining")
            return None

    async def _send_sync(
        self, joined: JoinGroupResponse, assignments: list[SyncGroupRequestAssignment]
    ) -> bytes | None:
        settings = self._settings
        response = await self._cluster.call_coordinator(
            settings.group_id,
            SyncGroupRequest(
                group_id=settings.group_id,
                generation_id=joined.generation_id,
                member_id=joined.member_id,
                group_instance_id=settings.group_instance_id,
                protocol_type=_PROTOCOL_TYPE,
                protocol_name=joined.protocol_name,
                assignments=assignments,
            ),
            lane=_LANE,
            timeout_ms=settings.max_poll_interval_ms + self._cluster.settings.request_timeout_ms,
        )
        code = ErrorCode(response.error_code)
        if code is ErrorCode.NONE:
            assignment: bytes = response.assignment
            return assignment
        self._check(code, "syncing")
        return None

    def _check(self, code: ErrorCode, doing: str) -> None:
        """Raise for what is not mended by joining again; forget who we are if the group did."""
        group_id = self._settings.group_id
        doing = f"{doing} group {group_id}"
        if code in _ASK_AGAIN:
            self._cluster.forget_coordinator(group_id)
            raise broker_error(code, doing)
        if code is ErrorCode.REBALANCE_IN_PROGRESS:
            return
        if code in _MEMBER_GONE:
            self._lose(f"{doing}: {code.name}")
            return
        if code is ErrorCode.FENCED_INSTANCE_ID:
            raise FencedError(
                f"{doing}: another member uses instance id {self._settings.group_instance_id}",
                code=code,
            )
        raise broker_error(code, doing)

    def _lose(self, reason: str) -> None:
        _log.info("lost membership: %s", reason)
        self._now = _Generation()
        with self._state.condition:
            # Before all others: what is lost can't be given up or kept any more.
            self.events.appendleft(Lost(reason))
            self._state.condition.notify_all()
        self._rejoin.set()

    async def _assign(
        self, assignor: Assignor, joined: JoinGroupResponse
    ) -> list[SyncGroupRequestAssignment]:
        subscriptions = {
            m.member_id: decode_subscription(m.metadata, m.group_instance_id)
            for m in joined.members
        }
        topics = {t for subscription in subscriptions.values() for t in subscription.topics}
        view = LeaderView(self._cluster)
        await view.refresh(topics)
        assignments = await assignor.assign(view, subscriptions)
        self._now.topics = frozenset(topics)
        self._now.counts = {topic: view.partition_count(topic) for topic in topics}
        return [
            SyncGroupRequestAssignment(
                member_id=member_id, assignment=encode_assignment(assignment)
            )
            for member_id, assignment in assignments.items()
        ]

    # Heartbeats

    async def _heartbeat(self) -> None:
        """Tell the group that this member lives; without that it would lose its partitions in silence."""
        try:
            await self._heartbeat_while_member()
        except Exception as error:  # noqa: BLE001  the boundary of this task
            failure = told(error, f"the heartbeat of group {self._settings.group_id}")
            self._state.fail(failure)
            self._lose(str(failure))

    async def _heartbeat_while_member(self) -> None:
        settings = self._settings
        interval = settings.heartbeat_interval_ms / 1000
        last_answer = time.monotonic()
        while True:
            await asyncio.sleep(interval)
            if time.monotonic() - self.last_poll > settings.max_poll_interval_ms / 1000:
                _log.warning(
                    "group %s: no poll for more than max_poll_interval_ms (%d): leaving the group",
                    settings.group_id,
                    settings.max_poll_interval_ms,
                )
                await self._leave("no poll within max_poll_interval_ms")
                self._lose("no poll within max_poll_interval_ms")
                return
            now = self._now
            try:
                response = await self._cluster.call_coordinator(
                    settings.group_id,
                    HeartbeatRequest(
                        group_id=settings.group_id,
                        generation_id=now.generation_id,
                        member_id=now.member_id,
                        group_instance_id=settings.group_instance_id,
                    ),
                    lane=_LANE,
                )
            except (BrokerError, NotReachableError) as error:
                _log.debug("heartbeat of group %s: %s", settings.group_id, error)
                if time.monotonic() - last_answer > settings.session_timeout_ms / 1000:
                    self._lose("no answer from the coordinator within the session timeout")
                    return
                continue
            code = ErrorCode(response.error_code)
            last_answer = time.monotonic()
            if code is ErrorCode.NONE:
                continue
            if code is ErrorCode.REBALANCE_IN_PROGRESS:
                self._rejoin.set()
                continue
            try:
                self._check(code, "heartbeat in")
            except StreamkitError as error:
                if error.retriable:
                    continue
                self._state.fail(error, fatal=True)
            return

    async def _stop_heartbeats(self) -> None:
        task, self._heartbeats = self._heartbeats, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def _leave(self, reason: str) -> None:
        member_id = self._now.member_id
        if not member_id:
            return
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._send_leave(member_id, reason)
        except (StreamkitError, TimeoutError) as error:
            # The group drops the member by itself after the session timeout.
            _log.debug("leaving group %s: %s", self._settings.group_id, error)

    async def _send_leave(self, member_id: str, reason: str) -> None:
        group_id = self._settings.group_id
        node = await self._cluster.coordinator(group_id)
        # Not on the lane where a join may be waiting.
        connection = await self._cluster.connection(node)
        version = connection.version_of(LeaveGroupRequest)
        if version >= 3:
            identity = MemberIdentity(
                member_id=member_id,
                group_instance_id=self._settings.group_instance_id,
                reason=reason,
            )
            request = LeaveGroupRequest(group_id=group_id, members=[identity])
        else:
            request = LeaveGroupRequest(group_id=group_id, member_id=member_id)
        await connection.request(request, version)

    # Topics that come, go and grow

    async def _watch_topics(self) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self._watch_seconds()))
            if self._now.generation_id < 0 or loop.time() - looked < self._watch_seconds():
                continue
            looked = loop.time()
            try:
                changed = await self._topics_changed()
            except (BrokerError, NotReachableError) as error:
                _log.debug("watching topics: %s", error)
                continue
            except Exception as error:  # noqa: BLE001  the boundary of this task
                self._state.fail(
                    told(error, f"watching the topics of group {self._settings.group_id}")
                )
                continue
            if changed:
                _log.info("topics of group %s changed: rebalance", self._settings.group_id)
                self._rejoin.set()

    def _watch_seconds(self) -> float:
        age = self._cluster.settings.metadata_max_age_ms / 1000
        # What was asked for other reasons, as by a fetch, may tell that a topic is gone.
        gone = self._cluster.cluster.errors
        missing = self._now.is_leader and (
            None in self._now.counts.values() or any(topic in gone for topic in self._now.topics)
        )
        return (
            min(age, _MISSING_TOPIC_SECONDS) if missing else min(age, 5.0 if self._pattern else age)
        )

    async def _topics_changed(self) -> bool:
        cluster = await self._cluster.refresh_all()
        if self._pattern is not None and not self._now.is_leader:
            return frozenset(self._matching(cluster)) != self._now.topics
        if self._pattern is not None:
            known = self._now.topics
            if any(topic not in known for topic in self._matching(cluster)):
                return True
        if not self._now.is_leader:
            return False
        counts = {topic: partition_count(cluster, topic) for topic in self._now.topics}
        return counts != self._now.counts

    def _unreachable(self, error: NotReachableError) -> None:
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > self._cluster.settings.api_timeout_ms / 1000:
            self._state.fail(error)
            self._silent_since = now
