"""Random schedules of members of both protocols in a consumer group, in simulated time, against a plain model.

What must hold whatever happens: no partition belongs to two members that the group knows; epochs only grow; a commit
that was acknowledged is there, also after a restart; members that are gone commit nothing; a coordinator that reads
the log stands where the live one stands; and once members behave, every rebalance ends with all partitions given out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from group_lab import GroupLab
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streamkit.log.broker.groups import ConsumerGroup, GroupConfig, Leaver
from streamkit.log.broker.groups.consumer.group import ConsumerGroupState
from streamkit.log.broker.groups.consumer.records import Partitions
from streamkit.log.broker.groups.group import Group, GroupState
from streamkit.log.protocol import ErrorCode, decode_versioned, encode_versioned
from streamkit.log.protocol.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)

CLIENTS = st.integers(0, 6)
TOPICS = ("t", "u")
SUBSCRIPTIONS = st.sampled_from([("t",), ("t", "u"), ("u",), ("t", "late"), ()])
PATTERNS = st.sampled_from(["", "t|late", "[tu]", "l.*"])
REBALANCE_MS = 60_000
SESSION_MS = 45_000
GONE = {
    ErrorCode.UNKNOWN_MEMBER_ID,
    ErrorCode.FENCED_MEMBER_EPOCH,
    ErrorCode.FENCED_INSTANCE_ID,
    ErrorCode.GROUP_ID_NOT_FOUND,
}
Owned = set[tuple[str, int]]


@dataclass
class Client:
    """A consumer, as far as it knows itself.

    Attributes:
        epoch: member epoch, or generation; 0 before it has joined.
        owned: what it works on.
        given: what it was told to have.
        slow: it takes its time to give up partitions.
        eager: of the classic protocol: it gives up everything before it joins again.
    """

    name: str
    classic: bool
    instance_id: str | None = None
    eager: bool = False
    member_id: str = ""
    epoch: int = 0
    topics: tuple[str, ...] = ("t",)
    pattern: str = ""
    owned: Owned = field(default_factory=set)
    given: Owned = field(default_factory=set)
    slow: bool = False
    must_say_all: bool = False
    needs_sync: bool = False
    joining: int | None = None
    syncing: int | None = None
    lives: int = 0

    def lost(self) -> None:
        """It is out of the group: it gives up everything and begins anew."""
        self.owned, self.given = set(), set()
        self.epoch = 0
        self.needs_sync = False
        self.joining = self.syncing = None
        if self.classic:
            self.member_id = ""


class ConsumerGroupMachine(RuleBasedStateMachine):
    @initialize(
        assignor=st.sampled_from(["uniform", "range"]),
        interval_ms=st.sampled_from([0, 1_000]),
        size=st.sampled_from([3, 100]),
    )
    def start(self, assignor: str, interval_ms: int, size: int) -> None:
        self.lab = GroupLab(
            GroupConfig(
                consumer_assignors=(assignor,),
                consumer_assignment_interval_ms=interval_ms,
                consumer_max_size=size,
                offsets_retention_ms=10**12,
            )
        )
        self.lab.topics.create("t", 4)
        self.lab.topics.create("u", 2)
        self.clients = [
            Client("a", classic=False),
            Client("b", classic=False),
            Client("c", classic=False, instance_id="i"),
            Client("d", classic=False, instance_id="i"),
            Client("e", classic=True),
            Client("f", classic=True, eager=True),
            Client("g", classic=True, instance_id="i"),
        ]
        self.committed: dict[int, int] = {}
        self.seen_epochs: dict[str, int] = {}
        self.group_epoch = 0
        self.size = size

    # What consumers do

    @rule(index=CLIENTS, answer_is_lost=st.booleans())
    def step(self, index: int, answer_is_lost: bool = False) -> None:
        """Do what comes next: join, sync, or a heartbeat."""
        client = self.clients[index]
        if client.classic:
            self.classic_step(client)
        else:
            self.consumer_step(client, answer_is_lost)

    @rule(order=st.permutations(range(7)), count=st.integers(1, 4))
    def all_step(self, order: list[int], count: int) -> None:
        for _ in range(count):
            for index in order:
                if self.clients[index].epoch:
                    self.step(index, False)

    def consumer_step(self, client: Client, answer_is_lost: bool) -> None:
        if client.epoch == 0:
            client.owned, client.given = set(), set()
            if not client.member_id:
                client.lives += 1
                client.member_id = f"{client.name}{client.lives}"
        full = client.epoch == 0 or client.must_say_all
        reply = self.lab.beat(
            client.member_id,
            client.epoch,
            instance_id=client.instance_id,
            topics=client.topics if full else None,
            pattern=client.pattern if full else None,
            owned=self.by_id(client.owned),
            rebalance_ms=REBALANCE_MS if full else -1,
        )
        if answer_is_lost:
            client.must_say_all = True
            return
        if reply.error in GONE:
            client.lost()
            return
        if reply.error is not ErrorCode.NONE:
            return
        client.must_say_all = False
        client.epoch = reply.member_epoch
        if reply.assigned is not None:
            client.given = self.named(reply.assigned)
            if not client.slow:
                client.owned = set(client.given)

    def classic_step(self, client: Client) -> None:
        if client.joining is not None or client.syncing is not None:
            self.take_answers()
            if client.joining is not None or client.syncing is not None:
                return
        if client.needs_sync:
            self.sync(client)
        elif client.epoch == 0:
            self.join(client)
        else:
            error = self.lab.heartbeat(
                client.member_id, client.epoch, instance_id=client.instance_id
            )
            if error is ErrorCode.REBALANCE_IN_PROGRESS:
                self.join(client)
            elif error is not ErrorCode.NONE:
                client.lost()
        self.take_answers()

    def join(self, client: Client) -> None:
        if client.eager:
            client.owned = set()
        owned: dict[str, list[int]] = {}
        for topic, partition in sorted(client.owned):
            owned.setdefault(topic, []).append(partition)
        subscription = ConsumerProtocolSubscription(
            topics=list(client.topics),
            owned_partitions=[
                ConsumerProtocolSubscriptionTopicPartition(topic=topic, partitions=partitions)
                for topic, partitions in owned.items()
            ],
        )
        client.joining = self.lab.join(
            member_id=client.member_id,
            instance_id=client.instance_id,
            protocols=[("cooperative-sticky", encode_versioned(subscription, 3))],
            session_ms=SESSION_MS,
            rebalance_ms=REBALANCE_MS,
            handshake=False,
        )

    def sync(self, client: Client) -> None:
        group = self.lab.coordinator.group("g")
        assignments = {}
        if group is not None and group.is_leader(client.member_id):
            assignments = self.assign(group)
        client.needs_sync = False
        client.syncing = self.lab.sync(
            client.member_id, client.epoch, assignments, instance_id=client.instance_id
        )

    def assign(self, group: Group) -> dict[str, bytes]:
        """As a careful leader does: who has a partition keeps it, the rest is dealt out."""
        owners: dict[tuple[str, int], str] = {}
        readers: dict[str, list[str]] = {}
        for member_id, member in group.members.items():
            metadata = member.metadata(group.protocol)
            subscription = decode_versioned(ConsumerProtocolSubscription, metadata)
            for topic in subscription.topics:
                readers.setdefault(topic, []).append(member_id)
            for each in subscription.owned_partitions:
                owners.update(dict.fromkeys(((each.topic, p) for p in each.partitions), member_id))
        shares: dict[str, dict[str, list[int]]] = {member_id: {} for member_id in group.members}
        for topic, members in readers.items():
            topic_id = self.lab.topics.topic_id_of(topic)
            for partition in range(
                0 if topic_id is None else self.lab.topics.partition_count(topic_id) or 0
            ):
                owner = owners.get((topic, partition), members[partition % len(members)])
                if owner in members:
                    shares[owner].setdefault(topic, []).append(partition)
        return {
            member_id: encode_versioned(
                ConsumerProtocolAssignment(
                    assigned_partitions=[
                        ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=partitions)
                        for topic, partitions in share.items()
                    ]
                ),
                3,
            )
            for member_id, share in shares.items()
        }

    def take_answers(self) -> None:
        for client in self.clients:
            if client.joining in self.lab.answers:
                joined = self.lab.joined(client.joining)
                client.joining = None
                if joined.error is ErrorCode.NONE:
                    client.member_id, client.epoch = joined.member_id, joined.generation
                    client.needs_sync = True
                else:
                    client.lost()
            if client.syncing in self.lab.answers:
                synced = self.lab.synced(client.syncing)
                client.syncing = None
                if synced.error is ErrorCode.NONE:
                    self.take_assignment(client, synced.assignment)
                elif synced.error is ErrorCode.REBALANCE_IN_PROGRESS:
                    self.join(client)
                else:
                    client.lost()

    def take_assignment(self, client: Client, assignment: bytes) -> None:
        given: Owned = set()
        if assignment:
            decoded = decode_versioned(ConsumerProtocolAssignment, assignment)
            given = {
                (each.topic, partition)
                for each in decoded.assigned_partitions
                for partition in each.partitions
            }
        revoked = bool(client.owned - given)
        client.owned = set(given)
        if revoked:
            self.join(client)

    @rule(index=CLIENTS, slow=st.booleans())
    def let_go(self, index: int, slow: bool) -> None:
        client = self.clients[index]
        if not client.classic and client.epoch:
            client.owned = set(client.given)
        client.slow = slow

    @rule(index=CLIENTS, for_a_while=st.booleans())
    def leave(self, index: int, for_a_while: bool) -> None:
        client = self.clients[index]
        if not client.epoch:
            return
        if client.classic:
            self.lab.leave(Leaver(client.member_id, client.instance_id))
        else:
            epoch = -2 if for_a_while and client.instance_id else -1
            self.lab.beat(client.member_id, epoch, instance_id=client.instance_id)
        client.lost()
        client.member_id = ""

    @rule(index=CLIENTS)
    def restart_of_a_client(self, index: int) -> None:
        """It is gone without a word, and comes back as somebody else."""
        self.clients[index].lost()
        self.clients[index].member_id = ""

    @rule(index=CLIENTS, topics=SUBSCRIPTIONS, pattern=PATTERNS)
    def subscribe(self, index: int, topics: tuple[str, ...], pattern: str) -> None:
        client = self.clients[index]
        client.topics = topics
        if client.classic:
            if client.epoch and client.joining is None and client.syncing is None:
                self.join(client)
                self.take_answers()
        else:
            client.pattern = pattern
            client.must_say_all = True

    @rule(
        index=CLIENTS,
        partition=st.integers(0, 3),
        offset=st.integers(0, 1000),
        old=st.integers(0, 2),
    )
    def commit(self, index: int, partition: int, offset: int, old: int) -> None:
        client = self.clients[index]
        if not client.epoch:
            return
        errors = self.lab.commit(
            {partition: offset}, member_id=client.member_id, generation=client.epoch - old
        )
        group = self.group()
        if errors[partition] is ErrorCode.NONE:
            assert group is None or not self.members(group) or client.member_id in group.members
            self.committed[partition] = offset
        elif isinstance(group, ConsumerGroup) and not old and not self.lab.disk_full:
            member = group.members.get(client.member_id)
            assert member is None or member.epoch != client.epoch

    # What happens around them

    @rule(ms=st.sampled_from([1, 100, 1_100, 5_000, 30_000, 46_000, 61_000]))
    def time_passes(self, ms: int) -> None:
        self.lab.advance(ms)
        self.take_answers()

    @rule(steps=st.integers(1, 4))
    def time_passes_for_the_living(self, steps: int) -> None:
        for _ in range(steps):
            self.lab.advance(2_000)
            self.all_step(list(range(7)), 1)

    @rule(topic=st.sampled_from(TOPICS))
    def more_partitions(self, topic: str) -> None:
        topic_id = self.lab.topics.topic_id_of(topic)
        if topic_id is not None:
            count = self.lab.topics.partition_count(topic_id) or 0
            self.lab.topics.add_partitions(topic, min(count + 1, 6))

    @rule(topic=st.sampled_from(["u", "late"]))
    def topic_comes_or_goes(self, topic: str) -> None:
        if self.lab.topics.topic_id_of(topic) is None:
            self.lab.topics.create(topic, 3)
        else:
            self.lab.topics.delete(topic)
            for client in self.clients:
                client.owned = {each for each in client.owned if each[0] != topic}
                client.given = {each for each in client.given if each[0] != topic}

    @rule(index=CLIENTS, count=st.integers(1, 3))
    def step_with_a_full_disk(self, index: int, count: int) -> None:
        self.lab.disk_full = True
        for _ in range(count):
            self.step(index, False)
        self.lab.disk_full = False

    @rule()
    def restart(self) -> None:
        self.lab.restart()
        for client in self.clients:
            if client.joining is not None or client.syncing is not None:
                client.lost()

    # What holds

    @invariant()
    def nothing_has_two_owners(self) -> None:
        group = self.group()
        if group is None:
            return
        owners: dict[tuple[str, int], str] = {}
        for client in self.clients:
            if client.member_id not in group.members or not client.epoch:
                continue
            if isinstance(group, Group) and client.epoch != group.generation:
                continue  # who isn't of this generation learns of it, and commits nothing meanwhile
            for each in client.owned:
                assert each not in owners, (each, owners[each], client.name)
                owners[each] = client.name

    @invariant()
    def epochs_only_grow(self) -> None:
        group = self.group()
        if not isinstance(group, ConsumerGroup):
            self.group_epoch = 0
            self.seen_epochs.clear()
            return
        assert group.epoch >= self.group_epoch
        assert group.target_epoch.epoch <= group.epoch
        self.group_epoch = group.epoch
        for member_id, member in group.members.items():
            assert member.epoch <= group.target_epoch.epoch
            if member.epoch > 0:
                assert member.epoch >= self.seen_epochs.get(member_id, 0)
                self.seen_epochs[member_id] = member.epoch
            waits = group.target_epoch.epoch < group.epoch
            # A member that reads nothing changes nothing by coming.
            reads = bool(group.subscribed_names(member.subscription))
            assert member_id in group.targets or waits or not reads
        assert len(group.members) <= max(self.size, group.classic_members)

    @invariant()
    def coordinator_gives_nothing_twice(self) -> None:
        group = self.group()
        if not isinstance(group, ConsumerGroup):
            return
        taken: set[tuple[object, int]] = set()
        targeted: set[tuple[object, int]] = set()
        for member_id, member in group.members.items():
            for partitions in (member.current.assigned, member.current.revoking):
                mine = {(topic_id, p) for topic_id, epochs in partitions.items() for p in epochs}
                assert not mine & taken
                taken |= mine
            target = {
                (topic_id, p)
                for topic_id, partitions in group.target_of(member_id).items()
                for p in partitions
            }
            assert not target & targeted
            targeted |= target

    @invariant()
    def commits_are_there(self) -> None:
        assert self.lab.committed() == self.committed

    @invariant()
    def the_log_leads_to_the_same_state(self) -> None:
        read = self.lab.fresh()
        assert {each.group_id for each in read.groups()} >= {
            each.group_id
            for each in self.lab.coordinator.groups()
            if isinstance(each, ConsumerGroup)
        }
        live = self.group()
        again = read.consumer_group("g")
        if isinstance(live, ConsumerGroup):
            assert again is not None
            assert state_of(again) == state_of(live)
        else:
            assert again is None

    def teardown(self) -> None:
        """Once members behave, the group settles with everything given out."""
        if not hasattr(self, "lab"):
            return
        if self.lab.topics.topic_id_of("u") is None:
            self.lab.topics.create("u", 2)
        behaving = [self.clients[index] for index in (0, 1, 2, 5)]
        if self.size == 3:
            behaving = behaving[:3]
        for client in self.clients:
            client.slow = False
            if client not in behaving:
                client.lost()
        for client in behaving:
            client.topics, client.pattern, client.must_say_all = ("t", "u"), "", True
        for _ in range(60):
            self.lab.advance(3_000)
            for client in behaving:
                self.step(self.clients.index(client), False)
        group = self.group()
        assert isinstance(group, ConsumerGroup)
        assert group.state is ConsumerGroupState.STABLE, group.state
        assert {client.member_id for client in behaving} == set(group.members)
        owned = sorted(each for client in behaving for each in client.owned)
        everything = []
        for topic in TOPICS:
            topic_id = self.lab.topics.topic_id_of(topic)
            assert topic_id is not None
            everything += [
                (topic, p) for p in range(self.lab.topics.partition_count(topic_id) or 0)
            ]
        assert owned == sorted(everything)

    # Help

    def group(self) -> Group | ConsumerGroup | None:
        coordinator = self.lab.coordinator
        return coordinator.consumer_group("g") or coordinator.group("g")

    @staticmethod
    def members(group: Group | ConsumerGroup) -> bool:
        if isinstance(group, Group):
            return group.state is not GroupState.EMPTY
        return bool(group.members)

    def by_id(self, owned: Owned) -> Partitions:
        found: dict[object, set[int]] = {}
        for topic, partition in owned:
            topic_id = self.lab.topics.topic_id_of(topic)
            if topic_id is not None:
                found.setdefault(topic_id, set()).add(partition)
        return {topic_id: frozenset(each) for topic_id, each in found.items()}  # type: ignore[misc]

    def named(self, assigned: Partitions) -> Owned:
        return {
            (name, partition)
            for topic_id, partitions in assigned.items()
            if (name := self.lab.topics.topic_name_of(topic_id)) is not None
            for partition in partitions
        }


def state_of(group: ConsumerGroup) -> object:
    """All that the log holds of a group."""
    return (
        group.epoch,
        group.metadata_hash,
        group.target_epoch,
        group.members,
        group.targets,
        group.patterns,
        group.topics,
        group.has_partition_metadata,
        group._static,
        group._assignors,
        group._pattern_members,
        group._classic_protocols,
        group._classic_members,
        group._owned,
    )


TestConsumerGroupMachine = ConsumerGroupMachine.TestCase
TestConsumerGroupMachine.settings = settings(
    max_examples=int(os.environ.get("STREAMKIT_MACHINE_EXAMPLES", "40")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
