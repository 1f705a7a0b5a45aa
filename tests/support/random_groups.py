"""Random programs of group requests: members that join, sync, leave and come again, in any order.

As in `random_programs` a step says what it means to the program ("m1 syncs, with the generation before"). Some requests
wait for others: `GroupWorld.run` tells after each step which answers have come, and may be told how many to wait for.
"""

from __future__ import annotations

import random
import re
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from group_script import fitting
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import offset_commit, offset_delete, offset_fetch
from streamkit.log.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from streamkit.log.protocol.messages.delete_groups import DeleteGroupsRequest
from streamkit.log.protocol.messages.describe_groups import DescribeGroupsRequest
from streamkit.log.protocol.messages.find_coordinator import FindCoordinatorRequest
from streamkit.log.protocol.messages.heartbeat import HeartbeatRequest
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from streamkit.log.protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from streamkit.log.protocol.messages.list_groups import ListGroupsRequest
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

__all__ = ["GroupWorld", "random_group_program"]

Step = tuple[str, dict[str, Any]]

_DYNAMIC = ("m0", "m1", "m2")
_STATIC = ("s0", "s1")
_UUID = re.compile("[^ ]*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOPIC = "random-groups"
_QUIET_S = 0.04
_ROUND_TRIPS = 3  # after which what other connections sent before has been handled
_PATIENCE_S = 5
_DROPPED = {"throttle_time_ms", "error_message", "client_host"}
_PASSING = {
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
}


def random_group_program(seed: int, length: int = 60) -> list[Step]:
    """A program of `length` steps; the same seed, the same program."""
    chance = random.Random(seed)
    kinds = {
        "join": 16,
        "sync": 14,
        "heartbeat": 5,
        "leave": 4,
        "commit": 5,
        "committed": 3,
        "describe": 4,
        "list": 1,
        "delete offsets": 1,
        "delete": 0.7,
    }
    steps: list[Step] = []
    for kind in chance.choices(list(kinds), list(kinds.values()), k=length):
        who = chance.choice(_DYNAMIC + _STATIC)
        step: dict[str, Any] = {"who": who}
        match kind:
            case "join":
                low = 5 if who in _STATIC else 0
                step["version"] = chance.randint(low, 9)
                step["as_id"] = chance.choices(["own", "none", "nobody"], [12, 2, 0.5])[0]
                step["protocols"] = chance.choices(
                    [["range"], ["range", "sticky"], ["sticky", "range"], ["other"]],
                    [10, 3, 2, 0.3],
                )[0]
                step["kind"] = chance.choices(["consumer", "connect"], [40, 1])[0]
                step["metadata"] = chance.choices([1, 2], [6, 1])[0]
            case "sync":
                step["version"] = chance.randint(3 if who in _STATIC else 0, 5)
                step["generation"] = chance.choices([0, -1, 1], [20, 1, 1])[0]
                step["protocol"] = chance.choices([None, "range", "sticky"], [20, 1, 1])[0]
            case "heartbeat":
                step["version"] = chance.randint(3 if who in _STATIC else 0, 4)
                step["generation"] = chance.choices([0, -1, 1], [8, 1, 1])[0]
            case "leave":
                step["version"] = chance.randint(3 if who in _STATIC else 0, 5)
                step["by"] = chance.choices(["id", "instance", "both"], [4, 2, 2])[0]
            case "commit":
                step["version"] = chance.randint(7 if who in _STATIC else 2, 9)
                step["generation"] = chance.choices([0, -1, 1, None], [8, 1, 1, 2])[0]
                step["offset"] = chance.randrange(50)
        steps.append((kind, step))
    return steps


@dataclass
class Member:
    """What one of the program's members knows."""

    name: str
    id: str = ""
    generation: int = -1
    protocol: str = "range"
    leads: bool = False
    members: tuple[str, ...] = ()

    @property
    def instance(self) -> str | None:
        return self.name if self.name in _STATIC else None


class GroupWorld:
    """One group of a broker, its members and their connections."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self.bootstrap = bootstrap
        self.group = group
        self.members = {name: Member(name) for name in _DYNAMIC + _STATIC}
        self.names: dict[str, str] = {}
        self._client = WireClient(bootstrap, timeout=30)
        self._free: list[WireClient] = []
        self._count = 0
        self._waiting: list[tuple[WireClient, str, Member, str, int]] = []
        self._forgotten: list[WireClient] = []

    def run(
        self, program: Sequence[Step], counts: Sequence[int] | None = None
    ) -> Iterator[tuple[str, list[Any]]]:
        """Each step, and the answers that came after it, also to earlier ones; `counts`: how many will."""
        try:
            self.prepare()
            for number, (kind, step) in enumerate(program):
                getattr(self, "do_" + kind.replace(" ", "_"))(**step)
                expected = None if counts is None else counts[number]
                yield f"{number} {kind} {step}", self.answers(expected)
        finally:
            waiting = [each[0] for each in self._waiting]
            for client in [self._client, *self._free, *self._forgotten, *waiting]:
                client.close()

    def prepare(self) -> None:
        topic = CreatableTopic(name=_TOPIC, num_partitions=2, replication_factor=1)
        self._client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=5000), 5)
        metadata = MetadataRequest(topics=[MetadataRequestTopic(name=_TOPIC)])
        while any(
            each.error_code or any(p.error_code for p in each.partitions)
            for each in self._client.ask(metadata, 9).topics
        ):
            time.sleep(0.05)
        fetch = offset_fetch.OffsetFetchRequest(group_id=self.group, topics=None)
        for _ in range(200):
            self._client.ask(FindCoordinatorRequest(key=self.group), 2)
            if self._client.ask(fitting(fetch, 5), 5).error_code not in _PASSING:
                break
            time.sleep(0.05)

    def _forget(self, kind: str, member: Member, member_id: str) -> None:
        """Don't wait for a request that Apache Kafka never answers: of two that wait the older, or of who has left."""
        for older in list(self._waiting):
            if older[1:4] == (kind, member, member_id):
                self._waiting.remove(older)
                self._forgotten.append(older[0])

    def _connected(self) -> WireClient:
        """A new connection, on which the broker has answered."""
        client = WireClient(self.bootstrap, timeout=30)
        client.ask(DescribeGroupsRequest(groups=[self.group]), 5)
        return client

    # Steps

    def send(self, kind: str, member: Member, request: Any, version: int) -> None:
        client = self._free.pop() if self._free else self._connected()
        client.send(fitting(request, version), version)
        if kind in ("join", "sync") and request.member_id:
            self._forget(kind, member, request.member_id)
        self._count += 1
        member_id = getattr(request, "member_id", "")
        self._waiting.append((client, kind, member, member_id, self._count))

    def do_join(
        self, who: str, version: int, as_id: str, protocols: list[str], kind: str, metadata: int
    ) -> None:
        member = self.members[who]
        request = JoinGroupRequest(
            group_id=self.group,
            session_timeout_ms=120_000,
            rebalance_timeout_ms=120_000,
            member_id={"own": member.id, "none": "", "nobody": "nobody"}[as_id],
            group_instance_id=member.instance,
            protocol_type=kind,
            protocols=[
                JoinGroupRequestProtocol(name=name, metadata=bytes([metadata]) * 4)
                for name in protocols
            ],
        )
        self.send("join", member, request, version)

    def do_sync(self, who: str, version: int, generation: int, protocol: str | None) -> None:
        member = self.members[who]
        request = SyncGroupRequest(
            group_id=self.group,
            generation_id=member.generation + generation,
            member_id=member.id,
            group_instance_id=member.instance,
            protocol_type="consumer",
            protocol_name=protocol or member.protocol,
            assignments=[
                SyncGroupRequestAssignment(
                    member_id=each, assignment=f"{self.names[each]} {member.generation}".encode()
                )
                for each in (member.members if member.leads else ())
            ],
        )
        self.send("sync", member, request, version)

    def do_heartbeat(self, who: str, version: int, generation: int) -> None:
        member = self.members[who]
        request = HeartbeatRequest(
            group_id=self.group,
            generation_id=member.generation + generation,
            member_id=member.id,
            group_instance_id=member.instance,
        )
        self.send("heartbeat", member, request, version)

    def do_leave(self, who: str, version: int, by: str) -> None:
        member = self.members[who]
        if member.leads and len(member.members) > 2:
            return  # which one leads then is the broker's choice
        self._forget("sync", member, member.id)
        instance = member.instance if by != "id" else None
        identity = MemberIdentity(
            member_id="" if by == "instance" and instance else member.id,
            group_instance_id=instance,
        )
        request = LeaveGroupRequest(group_id=self.group, member_id=member.id, members=[identity])
        self.send("leave", member, request, version)

    def do_commit(self, who: str, version: int, generation: int | None, offset: int) -> None:
        member = self.members[who]
        alone = generation is None
        part = offset_commit.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset, committed_metadata="m"
        )
        request = offset_commit.OffsetCommitRequest(
            group_id=self.group,
            generation_id_or_member_epoch=-1
            if generation is None
            else member.generation + generation,
            member_id="" if alone else member.id,
            group_instance_id=None if alone else member.instance,
            topics=[offset_commit.OffsetCommitRequestTopic(name=_TOPIC, partitions=[part])],
        )
        self.send("commit", member, request, version)

    def do_committed(self, who: str) -> None:
        request = offset_fetch.OffsetFetchRequest(group_id=self.group, topics=None)
        self.send("committed", self.members[who], request, 7)

    def do_describe(self, who: str) -> None:
        self.send("describe", self.members[who], DescribeGroupsRequest(groups=[self.group]), 5)

    def do_list(self, who: str) -> None:
        self.send("list", self.members[who], ListGroupsRequest(), 5)

    def do_delete(self, who: str) -> None:
        request = DeleteGroupsRequest(groups_names=[self.group])
        self.send("delete", self.members[who], request, 2)

    def do_delete_offsets(self, who: str) -> None:
        part = offset_delete.OffsetDeleteRequestPartition(partition_index=0)
        topic = offset_delete.OffsetDeleteRequestTopic(name=_TOPIC, partitions=[part])
        request = offset_delete.OffsetDeleteRequest(group_id=self.group, topics=[topic])
        self.send("delete offsets", self.members[who], request, 0)

    # Answers

    def answers(self, expected: int | None) -> list[Any]:
        """What has come when the broker has handled all that was sent, or as much as expected."""
        found: list[tuple[str, int, str, Member, Any]] = []
        for _ in range(_ROUND_TRIPS):
            self._client.ask(DescribeGroupsRequest(groups=[self.group]), 5)
        deadline = time.monotonic() + _PATIENCE_S
        while self._waiting and (expected is None or len(found) < expected):
            sockets = [each[0].socket for each in self._waiting]
            wait_s = _QUIET_S if expected is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select(sockets, [], [], wait_s)
            if not ready:
                break
            for each in list(self._waiting):
                client, kind, member, _, number = each
                if client.socket in ready:
                    self._waiting.remove(each)
                    self._free.append(client)
                    found.append((member.name, number, kind, member, client.receive()))
        # Those that come together come in any order.
        found.sort(key=lambda each: each[:2])
        for _, _, kind, member, answer in found:
            self.take(kind, member, answer)
        return [[name, kind, self.plain(answer)] for name, _, kind, _, answer in found]

    def take(self, kind: str, member: Member, answer: Any) -> None:
        """Learn what an answer says."""
        if kind == "join" and answer.member_id and answer.member_id != "nobody":
            member.id = answer.member_id
            self.names.setdefault(member.id, f"<{member.name} {len(self.names)}>")
            if not answer.error_code:
                member.generation = answer.generation_id
                member.protocol = answer.protocol_name or "range"
                member.leads = answer.leader == answer.member_id
                member.members = tuple(each.member_id for each in answer.members)
        if kind == "list":
            answer.groups = [each for each in answer.groups if each.group_id == self.group]

    def plain(self, value: Any) -> Any:
        """Dicts and lists, with names for ids."""
        if isinstance(value, list):
            return sorted((self.plain(each) for each in value), key=repr)
        if isinstance(value, bytes | memoryview):
            return bytes(value).hex()
        if isinstance(value, str):
            named = self.names.get(value, value.replace(self.group, "<group>"))
            return _UUID.sub("?", named)
        slots = getattr(type(value), "__slots__", None)
        if slots and not isinstance(value, int):
            return {
                each: self.plain(getattr(value, each)) for each in slots if each not in _DROPPED
            }
        return value
