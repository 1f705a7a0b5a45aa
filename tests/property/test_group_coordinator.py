"""Random schedules of members, in simulated time, against a plain model.

What must hold whatever happens: a generation has one leader and one list of members; a commit that was acknowledged
is there, and is there after a restart; who waits is answered in bounded time; and a coordinator that reads
the log stands where the live one stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from group_lab import GroupLab, subscription
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streamkit.log.broker.groups import Group, GroupConfig, GroupState, JoinReply, Leaver, SyncReply
from streamkit.log.protocol import ErrorCode

GROUPS = st.sampled_from(["a", "b"])
CLIENTS = st.integers(0, 4)
RANGE = (("range", subscription("t")),)
PROTOCOLS = st.sampled_from(
    [
        RANGE,
        (("range", subscription("t")), ("sticky", subscription("t"))),
        (("sticky", subscription("t", "u")), ("range", subscription("t", "u"))),
    ]
)
SESSION_MS = 6_000
REBALANCE_MS = 20_000
ANSWER_MS = 2 * REBALANCE_MS
"""Nobody waits longer: an initial delay ends with the rebalance timeout, as does each phase of a rebalance."""
REST_MS = 300_000 + 2 * REBALANCE_MS + SESSION_MS
"""A new member's timeout, a rebalance after it, and a session."""


@dataclass
class Client:
    """A consumer, as far as it knows itself.

    Attributes:
        synced_as: member (of a static one its instance) and generation of the sync that waits; its client may have
            joined anew meanwhile.
    """

    group_id: str
    instance_id: str | None
    member_id: str = ""
    generation: int = -1
    protocols: tuple[tuple[str, bytes], ...] = ()
    members: tuple[str, ...] = ()
    wants_join: bool = True
    wants_sync: bool = False
    joining: int | None = None
    syncing: int | None = None
    synced_as: tuple[str, int] = ("", -1)


@dataclass
class Model:
    """What was promised."""

    offsets: dict[str, dict[int, int]] = field(default_factory=dict)
    leaders: dict[tuple[str, int], str] = field(default_factory=dict)
    protocols: dict[tuple[str, int], str | None] = field(default_factory=dict)
    assigned: dict[tuple[str, int], dict[str, bytes]] = field(default_factory=dict)


class GroupMachine(RuleBasedStateMachine):
    @initialize(delay_ms=st.sampled_from([0, 3_000]), size=st.sampled_from([3, 100]))
    def start(self, delay_ms: int, size: int) -> None:
        self.lab = GroupLab(
            GroupConfig(
                initial_rebalance_delay_ms=delay_ms, max_size=size, offsets_retention_ms=10**12
            )
        )
        self.model = Model()
        self.clients = [
            Client("a", None),
            Client("a", None),
            Client("a", "static"),
            Client("b", None),
            Client("b", "static"),
        ]
        self.waiting: dict[int, int] = {}
        self.salt = 0
        self.sent: dict[str, bytes] = {}

    # What clients do

    @rule(index=CLIENTS, protocols=PROTOCOLS, anew=st.booleans(), handshake=st.booleans())
    def join(
        self, index: int, protocols: tuple[tuple[str, bytes], ...], anew: bool, handshake: bool
    ) -> None:
        client = self.clients[index]
        if anew:
            client.member_id = ""
        client.protocols = protocols
        client.wants_join = False
        client.joining = self.lab.join(
            client.group_id,
            client.member_id,
            instance_id=client.instance_id,
            protocols=protocols,
            session_ms=SESSION_MS,
            rebalance_ms=REBALANCE_MS,
            handshake=handshake,
        )
        self.waiting[client.joining] = self.lab.now_ms

    @rule(index=CLIENTS, count=st.integers(1, 4))
    def behave(self, index: int, count: int) -> None:
        """Do what a consumer does next: join, join with the id that it got, sync, heartbeat."""
        for _ in range(count):
            client = self.clients[index]
            if client.joining is not None or client.syncing is not None:
                return
            if client.wants_join:
                self.join(index, client.protocols or RANGE, False, True)
            elif client.wants_sync:
                self.sync(index, True)
            else:
                self.heartbeat(index)
            self.answers_are_true()

    @rule(rounds=st.integers(2, 6), left_out=st.integers(0, 9))
    def settle(self, rounds: int, left_out: int) -> None:
        """All but one behave, in turn."""
        for _ in range(rounds):
            for index in range(len(self.clients)):
                if index != left_out:
                    self.behave(index, 1)

    @rule(index=CLIENTS, whole=st.booleans())
    def sync(self, index: int, whole: bool) -> None:
        client = self.clients[index]
        if client.generation < 0:
            return
        client.wants_sync = False
        assignments = {}
        if client.members:
            self.salt += 1
            assignments = {m: f"{self.salt}:{m}".encode() for m in client.members if whole}
            group = self.lab.coordinator.group(client.group_id)
            if group is not None:
                self.sent = {
                    member.instance_id or member.member_id: assignments.get(member.member_id, b"")
                    for member in group.members.values()
                }
        client.synced_as = client.instance_id or client.member_id, client.generation
        client.syncing = self.lab.sync(
            client.member_id,
            client.generation,
            assignments,
            group_id=client.group_id,
            instance_id=client.instance_id,
        )
        self.waiting[client.syncing] = self.lab.now_ms

    @rule(index=CLIENTS)
    def heartbeat(self, index: int) -> None:
        client = self.clients[index]
        error = self.lab.heartbeat(
            client.member_id,
            client.generation,
            group_id=client.group_id,
            instance_id=client.instance_id,
        )
        group = self.lab.coordinator.group(client.group_id)
        if error is ErrorCode.NONE:
            assert group is not None
            assert group.generation == client.generation
            assert client.member_id in group.members
        elif error is ErrorCode.REBALANCE_IN_PROGRESS:
            client.wants_join = True

    @rule(index=CLIENTS, by_instance=st.booleans())
    def leave(self, index: int, by_instance: bool) -> None:
        client = self.clients[index]
        member_id = "" if by_instance else client.member_id
        self.lab.leave(Leaver(member_id, client.instance_id), group_id=client.group_id)

    @rule(index=CLIENTS, partition=st.integers(0, 2), offset=st.integers(0, 100))
    def commit(self, index: int, partition: int, offset: int) -> None:
        client = self.clients[index]
        (error,) = self.lab.commit(
            {partition: offset},
            group_id=client.group_id,
            member_id=client.member_id,
            instance_id=client.instance_id,
            generation=client.generation,
        ).values()
        group = self.lab.coordinator.group(client.group_id)
        if error is ErrorCode.NONE:
            assert group is not None
            if client.generation >= 0:
                assert client.generation == group.generation
            self.model.offsets.setdefault(client.group_id, {})[partition] = offset

    @rule(group_id=GROUPS, partition=st.integers(0, 2), offset=st.integers(0, 100))
    def commit_without_group(self, group_id: str, partition: int, offset: int) -> None:
        (error,) = self.lab.commit({partition: offset}, group_id=group_id).values()
        if error is ErrorCode.NONE:
            self.model.offsets.setdefault(group_id, {})[partition] = offset

    @rule(group_id=GROUPS)
    def delete(self, group_id: str) -> None:
        group = self.lab.coordinator.group(group_id)
        empty = group is not None and not group.members
        error = self.lab.delete_group(group_id)
        if error is ErrorCode.NONE:
            assert empty
            self.model.offsets.pop(group_id, None)
            self.forget(group_id)

    def forget(self, group_id: str) -> None:
        """The group was deleted: one that comes up under its name begins with generation 1 again."""
        for key in [key for key in self.model.protocols if key[0] == group_id]:
            del self.model.protocols[key]
            self.model.leaders.pop(key, None)
            self.model.assigned.pop(key, None)
        for client in self.clients:
            if client.group_id == group_id:
                client.generation = -1

    # What happens to all

    @rule(ms=st.sampled_from([1, 2_999, 3_000, SESSION_MS - 1, SESSION_MS, REBALANCE_MS, 300_000]))
    def time_passes(self, ms: int) -> None:
        self.lab.advance(ms)

    @rule(steps=st.sampled_from([1, 8]))
    def time_passes_for_the_living(self, steps: int) -> None:
        """Heartbeats go on, and nothing else does: rebalances must end all the same."""
        for _ in range(steps):
            self.lab.advance(SESSION_MS - 1)
            self.answers_are_true()
            for index in range(len(self.clients)):
                self.heartbeat(index)

    @rule()
    def clean_up(self) -> None:
        self.lab.clean_up()
        for group_id in ("a", "b"):
            if self.lab.coordinator.group(group_id) is None:
                self.forget(group_id)

    @rule(index=CLIENTS, count=st.integers(1, 4))
    def behave_with_a_full_disk(self, index: int, count: int) -> None:
        self.lab.disk_full = True
        self.behave(index, count)
        self.lab.disk_full = False

    @rule()
    def restart(self) -> None:
        """Requests that wait are lost, and generations that were not complete may be given out again."""
        for client in self.clients:
            client.joining = client.syncing = None
        self.waiting.clear()
        self.lab.restart()
        for group_id, generation in list(self.model.protocols):
            group = self.lab.coordinator.group(group_id)
            if group is None or generation > group.generation:
                del self.model.protocols[group_id, generation]
                self.model.leaders.pop((group_id, generation), None)
                self.model.assigned.pop((group_id, generation), None)
                for client in self.clients:
                    if (client.group_id, client.generation) == (group_id, generation):
                        client.generation = -1

    # What must hold

    @invariant()
    def answers_are_true(self) -> None:
        for client in self.clients:
            if client.joining in self.lab.answers:
                reply = self.lab.answers[client.joining]
                assert isinstance(reply, JoinReply)
                self.took_join(client, reply)
                client.joining = None
            if client.syncing in self.lab.answers:
                synced = self.lab.answers[client.syncing]
                assert isinstance(synced, SyncReply)
                self.took_sync(client, synced)
                client.syncing = None
        for request, asked_ms in list(self.waiting.items()):
            if request in self.lab.answers:
                del self.waiting[request]
            elif not any(request in (c.joining, c.syncing) for c in self.clients):
                del self.waiting[request]  # given up by its client
            else:
                assert self.lab.now_ms - asked_ms <= ANSWER_MS, "somebody waits for ever"

    def took_join(self, client: Client, reply: JoinReply) -> None:
        client.wants_join = reply.error is not ErrorCode.NONE
        if reply.error is not ErrorCode.NONE:
            if reply.error is ErrorCode.MEMBER_ID_REQUIRED:
                client.member_id = reply.member_id
            elif reply.error is not ErrorCode.REBALANCE_IN_PROGRESS:
                client.member_id, client.generation = "", -1
            return
        client.member_id, client.generation = reply.member_id, reply.generation
        client.members = tuple(member.member_id for member in reply.members)
        client.wants_sync = True
        key = (client.group_id, reply.generation)
        assert reply.protocol in dict(client.protocols)
        assert self.model.protocols.setdefault(key, reply.protocol) == reply.protocol
        if reply.members:
            assert reply.leader == reply.member_id
            assert len(set(client.members)) == len(client.members)
            assert reply.member_id in client.members
        group = self.lab.coordinator.group(client.group_id)
        if group is not None and group.generation == reply.generation:
            # A static leader goes on under a new id; otherwise a generation has one leader for good.
            leader = group.members[reply.leader].instance_id or reply.leader
            assert self.model.leaders.setdefault(key, leader) == leader, "two leaders"

    def took_sync(self, client: Client, reply: SyncReply) -> None:
        if reply.error is not ErrorCode.NONE:
            client.wants_join = True
            if reply.error is ErrorCode.UNKNOWN_MEMBER_ID:
                client.member_id, client.generation = "", -1
            return
        place, generation = client.synced_as
        key = (client.group_id, generation)
        if key not in self.model.assigned:
            self.model.assigned[key] = self.sent
        assert reply.assignment == self.model.assigned[key][place], "not what the leader assigned"

    @invariant()
    def commits_are_there(self) -> None:
        for group_id in ("a", "b"):
            assert self.lab.committed(group_id) == self.model.offsets.get(group_id, {})

    @invariant()
    def the_log_leads_to_the_same_state(self) -> None:
        again = self.lab.fresh()
        for group_id in ("a", "b"):
            assert again.committed(group_id) == self.lab.coordinator.committed(group_id)
            live, read = self.lab.coordinator.group(group_id), again.group(group_id)
            if live is None:
                assert read is None
                continue
            assert read is not None
            assert read.generation <= live.generation
            if live.state is GroupState.STABLE:
                assert read.as_record(
                    {m.member_id: m.assignment for m in read.members.values()}, 0
                ) == live.as_record({m.member_id: m.assignment for m in live.members.values()}, 0)

    @invariant()
    def groups_are_sound(self) -> None:
        for group in self.lab.coordinator.groups():
            assert isinstance(group, Group)
            assert (group.state is GroupState.EMPTY) <= (not group.members)
            assert group.leader is None or group.leader in group.members
            assert group.pending_sync <= set(group.members)
            assert not group.pending_members & set(group.members)
            for member in group.members.values():
                if group.state is not GroupState.PREPARING_REBALANCE:
                    assert member.awaiting_join is None
                if group.state is not GroupState.COMPLETING_REBALANCE:
                    assert member.awaiting_sync is None

    def teardown(self) -> None:
        """With nobody doing anything more, every group comes to rest and everybody has an answer."""
        if not hasattr(self, "lab"):
            return
        self.lab.disk_full = False
        self.lab.advance(REST_MS)
        for group in self.lab.coordinator.groups():
            assert group.state is GroupState.EMPTY
        for request in self.waiting:
            assert request in self.lab.answers
        assert len(self.lab.coordinator.deadlines) == 0


GroupMachine.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestGroupCoordinator = GroupMachine.TestCase


def test_sync_that_is_answered_after_its_client_has_joined_anew() -> None:
    """A schedule that random runs found: the answer is for the member that asked."""
    machine = GroupMachine()
    machine.start(0, 3)
    machine.behave(0, 1)
    machine.behave(1, 2)
    machine.behave(2, 1)
    machine.behave(1, 2)
    machine.behave_with_a_full_disk(0, 2)
    machine.join(0, RANGE, True, False)
    machine.behave(1, 1)
    machine.answers_are_true()
    machine.teardown()
