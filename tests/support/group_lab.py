"""A group coordinator in simulated time: events in, answers out, and a log that can be read again.

Records go through their bytes, so that whatever a test shows holds for a restart from a real log.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from streamkit.log.broker.groups import (
    CommitOffsets,
    CommittedOffset,
    ConsumerGroup,
    ConsumerHeartbeat,
    ConsumerHeartbeatReply,
    Group,
    GroupConfig,
    GroupCoordinator,
    Join,
    JoinReply,
    Leaver,
    Outcome,
    Sync,
    SyncReply,
)
from streamkit.log.broker.groups.consumer.records import Partitions
from streamkit.log.broker.groups.record_codec import decode_record, encode_record
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

SESSION_MS = 10_000
REBALANCE_MS = 60_000


def subscription(*topics: str) -> bytes:
    """A ConsumerProtocol subscription, version 0."""
    encoded = b"".join(struct.pack(">h", len(t)) + t.encode() for t in topics)
    return struct.pack(">hi", 0, len(topics)) + encoded + struct.pack(">i", -1)


class Topics:
    """A cluster of topics and group settings that a test changes as it likes."""

    def __init__(self) -> None:
        self.version = 0
        self.created_version = 0
        self._ids: dict[str, UUID] = {}
        self._partitions: dict[UUID, int] = {}
        self.configs: dict[str, dict[str, str]] = {}

    def create(self, name: str, partitions: int, topic_id: UUID | None = None) -> UUID:
        self.version += 1
        self.created_version = self.version
        topic_id = topic_id or uuid5(NAMESPACE_DNS, f"{name}-{self.version}")
        self._ids[name] = topic_id
        self._partitions[topic_id] = partitions
        return topic_id

    def add_partitions(self, name: str, partitions: int) -> None:
        self.version += 1
        self._partitions[self._ids[name]] = partitions

    def delete(self, name: str) -> None:
        self.version += 1
        del self._partitions[self._ids.pop(name)]

    def topic_id_of(self, name: str) -> UUID | None:
        return self._ids.get(name)

    def topic_name_of(self, topic_id: UUID) -> str | None:
        return next((name for name, found in self._ids.items() if found == topic_id), None)

    def partition_count(self, topic_id: UUID) -> int | None:
        return self._partitions.get(topic_id)

    def topic_names(self) -> Iterable[str]:
        return tuple(self._ids)

    def group_configs(self, group_id: str) -> Mapping[str, str]:
        return self.configs.get(group_id, {})


class GroupLab:
    """One coordinator with its log.

    Attributes:
        topics: the cluster's.
        now_ms: simulated time; wall clock and steady clock are the same here.
        log: key and value of every record appended.
        answers: by number of the request, what joins and syncs were answered.
        disk_full: while set, appends fail.
    """

    def __init__(self, config: GroupConfig | None = None, *, now_ms: int = 1_000_000) -> None:
        self.config = config or GroupConfig()
        self.now_ms = now_ms
        self.log: list[tuple[bytes, bytes | None]] = []
        self.answers: dict[int, JoinReply | SyncReply] = {}
        self.disk_full = False
        self._requests = itertools.count()
        self._ids = itertools.count(1)
        self.topics = Topics()
        self.coordinator = self.fresh()

    def fresh(self) -> GroupCoordinator:
        """A coordinator that has read the log so far, and nothing else."""
        coordinator = GroupCoordinator(
            self.config, self.topics, new_id=lambda: str(next(self._ids))
        )
        coordinator.deadlines.now_ms = self.now_ms
        for key, value in self.log:
            record = decode_record(key, value)
            assert record is not None
            coordinator.replay(record)
        return coordinator

    def restart(self) -> None:
        """Lose everything but the log; waiting requests are never answered."""
        self.coordinator = self.fresh()
        for outcome in self.coordinator.loaded(self.now_ms):
            self._settle(outcome)

    def advance(self, ms: int) -> None:
        """Let time pass, deadline by deadline."""
        end = self.now_ms + ms
        while True:
            due = self.coordinator.deadlines.next_ms()
            self.now_ms = end if due is None or due > end else max(due, self.now_ms)
            self.coordinator.deadlines.now_ms = self.now_ms
            outcome = self.coordinator.expire(self.now_ms)
            if outcome is not None:
                self._settle(outcome)
            elif self.now_ms == end:
                return

    # Members

    def join(
        self,
        group_id: str = "g",
        member_id: str = "",
        *,
        instance_id: str | None = None,
        client_id: str = "client",
        protocols: Iterable[tuple[str, bytes]] = (("range", subscription("t")),),
        protocol_type: str = "consumer",
        session_ms: int = SESSION_MS,
        rebalance_ms: int = REBALANCE_MS,
        handshake: bool = True,
        can_skip: bool = True,
    ) -> int:
        """Send a join; the number of the request, under which its answer will be."""
        request = next(self._requests)
        join = Join(
            group_id=group_id,
            member_id=member_id,
            instance_id=instance_id,
            client_id=client_id,
            client_host="/127.0.0.1",
            session_timeout_ms=session_ms,
            rebalance_timeout_ms=rebalance_ms,
            protocol_type=protocol_type,
            protocols=tuple(protocols),
            member_id_required=handshake,
            can_skip_assignment=can_skip,
        )
        self._settle(self.coordinator.join(join, request, self.now_ms))
        return request

    def sync(
        self,
        member_id: str,
        generation: int,
        assignments: Mapping[str, bytes] | None = None,
        *,
        group_id: str = "g",
        instance_id: str | None = None,
        protocol_type: str | None = None,
        protocol: str | None = None,
    ) -> int:
        """Send a sync; the number of the request."""
        request = next(self._requests)
        sync = Sync(
            group_id=group_id,
            member_id=member_id,
            instance_id=instance_id,
            generation=generation,
            protocol_type=protocol_type,
            protocol=protocol,
            assignments=tuple((assignments or {}).items()),
        )
        self._settle(self.coordinator.sync(sync, request, self.now_ms))
        return request

    def joined(self, request: int) -> JoinReply:
        """The answer to a join, which must have come."""
        reply = self.answers[request]
        assert isinstance(reply, JoinReply)
        return reply

    def synced(self, request: int) -> SyncReply:
        """The answer to a sync, which must have come."""
        reply = self.answers[request]
        assert isinstance(reply, SyncReply)
        return reply

    def member_id(self, group_id: str = "g") -> str:
        """An id from the first half of the handshake."""
        reply = self.joined(self.join(group_id))
        assert reply.error is ErrorCode.MEMBER_ID_REQUIRED
        return reply.member_id

    def heartbeat(
        self,
        member_id: str,
        generation: int,
        *,
        group_id: str = "g",
        instance_id: str | None = None,
    ) -> ErrorCode:
        return self.coordinator.heartbeat(group_id, member_id, instance_id, generation)

    def leave(self, *leavers: Leaver, group_id: str = "g") -> list[ErrorCode]:
        outcome = self.coordinator.leave(group_id, leavers, self.now_ms)
        self._settle(outcome)
        return outcome.reply

    def stable(self, count: int = 1) -> tuple[list[str], int]:
        """A group of `count` members that has settled: its member ids, leader first, and its generation."""
        members = []
        for _ in range(count):
            member_id = self.member_id()
            members.append(member_id)
            self.join(member_id=member_id)
            for other in members[:-1]:
                self.join(member_id=other)
        generation = self.group().generation
        self.sync(members[0], generation, {member_id: member_id.encode() for member_id in members})
        for follower in members[1:]:
            self.sync(follower, generation)
        return members, generation

    # The consumer protocol

    def beat(
        self,
        member_id: str,
        epoch: int,
        *,
        group_id: str = "g",
        topics: Iterable[str] | None = None,
        owned: Partitions | None = None,
        rebalance_ms: int = -1,
        **options: Any,
    ) -> ConsumerHeartbeatReply:
        """A heartbeat of the consumer protocol; with epoch 0 a full one."""
        if epoch == 0:
            owned = {} if owned is None else owned
            rebalance_ms = REBALANCE_MS if rebalance_ms == -1 else rebalance_ms
            if topics is None and options.get("pattern") is None:
                topics = ("t",)
        outcome = self.coordinator.consumer_heartbeat(
            ConsumerHeartbeat(
                group_id=group_id,
                member_id=member_id,
                member_epoch=epoch,
                topics=None if topics is None else frozenset(topics),
                owned=owned,
                rebalance_timeout_ms=rebalance_ms,
                client_id="client",
                client_host="/127.0.0.1",
                **options,
            ),
            self.now_ms,
        )
        if not self._settle(outcome):
            return ConsumerHeartbeatReply(ErrorCode.NOT_COORDINATOR)
        return outcome.reply

    def consumer_group(self, group_id: str = "g") -> ConsumerGroup:
        group = self.coordinator.consumer_group(group_id)
        assert group is not None
        return group

    # Offsets and groups

    def commit(
        self,
        offsets: Mapping[int, int],
        *,
        group_id: str = "g",
        topic: str = "t",
        member_id: str = "",
        instance_id: str | None = None,
        generation: int = -1,
        metadata: str = "",
        expire_ms: int | None = None,
    ) -> dict[int, ErrorCode]:
        outcome = self.coordinator.commit_offsets(
            CommitOffsets(
                group_id=group_id,
                member_id=member_id,
                instance_id=instance_id,
                generation=generation,
                offsets={
                    TopicPartition(topic, partition): CommittedOffset(
                        offset=offset,
                        leader_epoch=0 if expire_ms is None else -1,
                        metadata=metadata,
                        commit_timestamp_ms=self.now_ms,
                        expire_timestamp_ms=expire_ms,
                    )
                    for partition, offset in offsets.items()
                },
            )
        )
        if not self._settle(outcome):
            return dict.fromkeys(offsets, ErrorCode.NOT_COORDINATOR)
        return {tp.partition: error for tp, error in outcome.reply.items()}

    def committed(self, group_id: str = "g", topic: str = "t") -> dict[int, int]:
        return {
            tp.partition: committed.offset
            for tp, committed in self.coordinator.committed(group_id).items()
            if tp.topic == topic
        }

    def clean_up(self) -> None:
        """What the broker does every ten minutes."""
        for group in self.coordinator.groups():
            self._settle(self.coordinator.expire_offsets(group.group_id, self.now_ms))

    def delete_group(self, group_id: str = "g") -> ErrorCode:
        outcome = self.coordinator.delete_group(group_id)
        return outcome.reply if self._settle(outcome) else ErrorCode.NOT_COORDINATOR

    def delete_offsets(
        self, *partitions: TopicPartition, group_id: str = "g"
    ) -> ErrorCode | dict[TopicPartition, ErrorCode]:
        outcome = self.coordinator.delete_offsets(group_id, partitions)
        self._settle(outcome)
        return outcome.reply

    def delete_topic(self, topic: str) -> None:
        for outcome in self.coordinator.topic_deleted(topic):
            self._settle(outcome)

    def group(self, group_id: str = "g") -> Group:
        group = self.coordinator.group(group_id)
        assert group is not None
        return group

    def _settle(self, outcome: Outcome[Any]) -> bool:
        if outcome.records and self.disk_full:
            outcome = self.coordinator.append_failed(
                outcome, ErrorCode.NOT_COORDINATOR, self.now_ms
            )
            self._deliver(outcome)
            return False
        for record in outcome.records:
            key, value = encode_record(record)
            self.log.append((key, value))
            decoded = decode_record(key, value)
            assert decoded == record
            self.coordinator.replay(decoded)
        self._deliver(outcome)
        following = self.coordinator.written(outcome, self.now_ms)
        if following is not None:
            self._settle(following)
        return True

    def _deliver(self, outcome: Outcome[Any]) -> None:
        for completion in outcome.completions:
            assert isinstance(completion.waiter, int)
            assert completion.waiter not in self.answers, "a request was answered twice"
            self.answers[completion.waiter] = completion.reply
