"""The coordinator at work in a broker: it reads and writes the log, keeps the time and wakes who waits.

Owned by the broker's event loop; nothing here blocks but the append, which is the page cache's.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from streamkit.errors import BrokerError, ProtocolError, StorageError
from streamkit.log.broker.groups.config import GroupConfig
from streamkit.log.broker.groups.consumer.group import ConsumerGroup
from streamkit.log.broker.groups.consumer.requests import (
    ConsumerHeartbeat,
    ConsumerHeartbeatReply,
)
from streamkit.log.broker.groups.coordinator import GroupCoordinator
from streamkit.log.broker.groups.group import Group
from streamkit.log.broker.groups.group_offsets import CommitOffsets
from streamkit.log.broker.groups.log_replay import replay_log
from streamkit.log.broker.groups.offsets import Origin
from streamkit.log.broker.groups.outcome import (
    Join,
    JoinReply,
    Leaver,
    Outcome,
    Sync,
    SyncReply,
)
from streamkit.log.broker.groups.record_codec import OFFSETS_TOPIC, decode_record, encode_record
from streamkit.log.broker.groups.records import CommittedOffset, partition_for
from streamkit.log.broker.internal_partitions import InternalPartitions
from streamkit.log.broker.services import CoordinatorServices
from streamkit.log.broker.timers import TimerHandle
from streamkit.log.protocol import ErrorCode
from streamkit.log.storage import InvalidProducerEpochError
from streamkit.model import TopicPartition

__all__ = ["GroupService"]

_log = logging.getLogger(__name__)

_GROUPS_A_TURN = 100


class GroupService:
    """Groups and committed offsets of one broker.

    Groups whose partition of `__consumer_offsets` is damaged have no coordinator: whatever is asked about
    them is answered with NOT_COORDINATOR, since what was committed there isn't known.

    Args:
        services: the broker.
    """

    def __init__(self, services: CoordinatorServices) -> None:
        self._services = services
        self._config = GroupConfig.from_settings(services.settings)
        self._coordinator = GroupCoordinator(
            self._config, services.cluster, new_id=lambda: str(uuid.uuid4())
        )
        self._partitions = InternalPartitions(
            services.cluster, OFFSETS_TOPIC, self._config.offsets_partitions
        )
        self._timer: TimerHandle | None = None
        self._timer_due_ms = 0
        self._closed = False
        self._cleanup: TimerHandle | None = None

    # Life

    def load(self) -> None:
        """Read what the log holds and begin; called once, before requests come.

        Raises:
            StorageError: the log can't be read.
        """
        for log in self._services.internal_logs(OFFSETS_TOPIC):
            replay_log(log.partition, log.batches(), partial(self._replay, log.partition))
        now_ms = self._tick()
        for topic in self._coordinator.topics_gone():
            self.topic_deleted(topic)
        for outcome in self._coordinator.loaded(now_ms):
            self._settle(outcome, now_ms)
        self._arm()
        self._schedule_cleanup()

    def reconfigure(self) -> None:
        """Take over what of the broker's settings may change while it runs."""
        interval_ms = self._services.settings.group_consumer_assignment_interval_ms
        self._config.consumer_assignment_interval_ms = interval_ms

    def _replay(
        self, partition: int, key: bytes | None, value: bytes | None, origin: Origin | None
    ) -> None:
        try:
            record = decode_record(key, value)
        except ProtocolError as error:
            _log.error(
                "%s-%d: a record can't be read and is passed over: %s",
                OFFSETS_TOPIC,
                partition,
                error,
            )
            return
        if record is not None:
            self._coordinator.replay(record, origin)

    def close(self) -> None:
        """Stop the timers and answer all who wait with COORDINATOR_NOT_AVAILABLE: they ask again later."""
        self._closed = True
        for handle in (self._timer, self._cleanup):
            if handle is not None:
                handle.cancel()
        self._timer = self._cleanup = None
        self._deliver(self._coordinator.shut_down(ErrorCode.COORDINATOR_NOT_AVAILABLE))

    def availability(self, group_id: str) -> ErrorCode:
        """NONE if all is known of the group that its partition says, or NOT_COORDINATOR."""
        available = self._services.has_coordinator(OFFSETS_TOPIC, self.partition_of(group_id))
        return ErrorCode.NONE if available else ErrorCode.NOT_COORDINATOR

    def _availability_to_wait(self, group_id: str) -> ErrorCode:
        """The same for a request that may wait: nobody would answer it while the broker goes down."""
        return ErrorCode.COORDINATOR_NOT_AVAILABLE if self._closed else self.availability(group_id)

    # Members

    async def join(self, request: Join) -> JoinReply:
        """Let a member join; returns when the group has its next generation, or at once with an error."""
        if error := self._availability_to_wait(request.group_id):
            return JoinReply(error, request.member_id)
        waiter: asyncio.Future[JoinReply] = asyncio.get_running_loop().create_future()
        now_ms = self._tick()
        self._settle(self._coordinator.join(request, waiter, now_ms), now_ms)
        self._arm()
        return await waiter

    async def sync(self, request: Sync) -> SyncReply:
        """A member's assignment; returns when the leader has assigned, or at once with an error."""
        if error := self._availability_to_wait(request.group_id):
            return SyncReply(error)
        waiter: asyncio.Future[SyncReply] = asyncio.get_running_loop().create_future()
        now_ms = self._tick()
        self._settle(self._coordinator.sync(request, waiter, now_ms), now_ms)
        self._arm()
        return await waiter

    def heartbeat(
        self, group_id: str, member_id: str, instance_id: str | None, generation: int
    ) -> ErrorCode:
        """Keep a member alive; REBALANCE_IN_PROGRESS tells it to join again."""
        if error := self.availability(group_id):
            return error
        self._tick()
        error = self._coordinator.heartbeat(group_id, member_id, instance_id, generation)
        self._arm()
        return error

    def consumer_heartbeat(self, request: ConsumerHeartbeat) -> ConsumerHeartbeatReply:
        """A heartbeat of the consumer protocol: join, leave, go on; what it says holds once it is answered."""
        if error := self.availability(request.group_id):
            return ConsumerHeartbeatReply(error)
        now_ms = self._tick()
        outcome = self._coordinator.consumer_heartbeat(request, now_ms)
        settled = self._settle(outcome, now_ms)
        self._arm()
        return outcome.reply if settled else ConsumerHeartbeatReply(ErrorCode.NOT_COORDINATOR)

    def leave(self, group_id: str, leavers: Sequence[Leaver]) -> list[ErrorCode]:
        """Let members leave; an error code for each."""
        if error := self.availability(group_id):
            return [error] * len(leavers)
        now_ms = self._tick()
        outcome = self._coordinator.leave(group_id, leavers, now_ms)
        # That the group is empty now may fail to be written: at a restart its sessions end by themselves.
        self._settle(outcome, now_ms)
        self._arm()
        return outcome.reply

    # Offsets

    def commit_offsets(
        self, request: CommitOffsets, producer: tuple[int, int] | None = None
    ) -> dict[TopicPartition, ErrorCode]:
        """Commit offsets; a code for each partition. What has code NONE is in the log.

        Args:
            request: what to commit, and for whom.
            producer: id and epoch of the producer whose transaction the offsets are part of.

        Raises:
            BrokerError: INVALID_PRODUCER_EPOCH: the producer has been fenced.
        """
        if error := self.availability(request.group_id):
            return dict.fromkeys(request.offsets, error)
        now_ms = self._tick()
        outcome = self._coordinator.commit_offsets(request)
        if not self._settle(outcome, now_ms, producer):
            return {
                topic_partition: ErrorCode.NOT_COORDINATOR if error is ErrorCode.NONE else error
                for topic_partition, error in outcome.reply.items()
            }
        return outcome.reply

    def partition_of(self, group_id: str) -> int:
        """The partition of `__consumer_offsets` that holds the group."""
        return partition_for(group_id, self._partitions.count)

    def transaction_ended(self, partition: int, producer_id: int, committed: bool) -> None:
        """The marker that ends a producer's transaction is in a partition of `__consumer_offsets`."""
        self._coordinator.transaction_ended(Origin(partition, producer_id), committed)

    def is_unstable(self, group_id: str, topic_partition: TopicPartition) -> bool:
        """Whether an open transaction may still change what the group has committed."""
        return self._coordinator.is_unstable(group_id, topic_partition)

    def committed(self, group_id: str) -> Mapping[TopicPartition, CommittedOffset]:
        """What a group has committed; empty for a group that isn't known."""
        return self._coordinator.committed(group_id)

    def check_fetch(self, group_id: str, member_id: str | None, member_epoch: int) -> ErrorCode:
        """Whether who asks may see the group's offsets."""
        return self.availability(group_id) or self._coordinator.check_fetch(
            group_id, member_id, member_epoch
        )

    def delete_offsets(
        self, group_id: str, topic_partitions: Sequence[TopicPartition]
    ) -> ErrorCode | dict[TopicPartition, ErrorCode]:
        """Forget offsets: a code for each partition, or one if none could be looked at."""
        if error := self.availability(group_id):
            return error
        outcome = self._coordinator.delete_offsets(group_id, topic_partitions)
        if not self._settle(outcome, self._services.clock.now_ms()):
            return ErrorCode.NOT_COORDINATOR
        return outcome.reply

    def topic_deleted(self, topic: str) -> None:
        """A topic is gone, and with it what groups committed in it."""
        for outcome in self._coordinator.topic_deleted(topic):
            self._settle(outcome, self._services.clock.now_ms())

    # Groups

    def groups(self) -> Sequence[Group | ConsumerGroup]:
        """All groups."""
        return self._coordinator.groups()

    def group(self, group_id: str) -> Group | None:
        """The classic group, or None if there is none of that name."""
        return self._coordinator.group(group_id)

    def consumer_group(self, group_id: str) -> ConsumerGroup | None:
        """The consumer group, or None if there is none of that name."""
        return self._coordinator.consumer_group(group_id)

    @property
    def default_assignor(self) -> str:
        """The assignor of consumer groups whose members don't ask for one."""
        return self._config.consumer_assignors[0]

    def delete_group(self, group_id: str) -> ErrorCode:
        """Delete a group without members."""
        if error := self.availability(group_id):
            return error
        outcome = self._coordinator.delete_group(group_id)
        if not self._settle(outcome, self._services.clock.now_ms()):
            return ErrorCode.NOT_COORDINATOR
        return outcome.reply

    # The way of an outcome

    def _settle(
        self, outcome: Outcome[Any], now_ms: int, producer: tuple[int, int] | None = None
    ) -> bool:
        """Append, replay, and wake who waits; False if the log refused, and who waited was told."""
        if outcome.records:
            partition = self.partition_of(outcome.group_id)
            origin = None if producer is None else Origin(partition, producer[0])
            try:
                encoded = [encode_record(record) for record in outcome.records]
                self._services.append_internal(
                    OFFSETS_TOPIC, partition, encoded, now_ms, producer=producer
                )
            except (StorageError, BrokerError, ProtocolError) as error:
                if isinstance(error, InvalidProducerEpochError):
                    raise
                _log.error("group %s: %s-%d: %s", outcome.group_id, OFFSETS_TOPIC, partition, error)
                failed = self._coordinator.append_failed(outcome, ErrorCode.NOT_COORDINATOR, now_ms)
                assert not failed.records
                self._deliver(failed)
                return False
            for record in outcome.records:
                self._coordinator.replay(record, origin)
        self._deliver(outcome)
        following = self._coordinator.written(outcome, now_ms)
        if following is not None:
            self._settle(following, now_ms)
        return True

    def _deliver(self, outcome: Outcome[Any]) -> None:
        for completion in outcome.completions:
            waiter = completion.waiter
            # A waiter is cancelled when its connection has gone.
            if isinstance(waiter, asyncio.Future) and not waiter.done():
                waiter.set_result(completion.reply)

    # Time

    def _tick(self) -> int:
        """Bring the deadlines' clock up to date; returns the wall-clock time."""
        self._coordinator.deadlines.now_ms = self._services.clock.monotonic_ms()
        return self._services.clock.now_ms()

    def _arm(self) -> None:
        """See that the next deadline is met: a timer that fires too early sets itself anew."""
        due_ms = self._coordinator.deadlines.next_ms()
        if due_ms is None or (self._timer is not None and self._timer_due_ms <= due_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_ms = max(due_ms - self._coordinator.deadlines.now_ms, 0)
        self._timer_due_ms = due_ms
        self._timer = self._services.timers.call_later(delay_ms, self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        now_ms = self._tick()
        while (outcome := self._coordinator.expire(now_ms)) is not None:
            self._settle(outcome, now_ms)
        self._arm()

    def _schedule_cleanup(self) -> None:
        self._cleanup = self._services.timers.call_later(
            self._config.offsets_retention_check_interval_ms, self._on_cleanup
        )

    def _on_cleanup(self) -> None:
        self._clean_up([group.group_id for group in self._coordinator.groups()])

    def _clean_up(self, group_ids: list[str]) -> None:
        """Some groups a turn of the loop, so that nobody waits for all of them."""
        now_ms = self._tick()
        for group_id in group_ids[:_GROUPS_A_TURN]:
            self._settle(self._coordinator.expire_offsets(group_id, now_ms), now_ms)
        rest = group_ids[_GROUPS_A_TURN:]
        if rest:
            self._cleanup = self._services.timers.call_later(0, lambda: self._clean_up(rest))
        else:
            self._schedule_cleanup()
