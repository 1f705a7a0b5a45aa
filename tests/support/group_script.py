"""A script of group requests: errors and happy paths of each API in each version, against any broker.

`run_group_script` yields each step's name and the broker's answer as plain data. What differs from run to run (member
ids, addresses, topic ids) is replaced by names, and lists whose order means nothing are sorted. Messages of errors
are everybody's own.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import create_topics
from streamkit.log.protocol.messages.delete_groups import DeleteGroupsRequest
from streamkit.log.protocol.messages.describe_groups import DescribeGroupsRequest
from streamkit.log.protocol.messages.find_coordinator import FindCoordinatorRequest
from streamkit.log.protocol.messages.heartbeat import HeartbeatRequest
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from streamkit.log.protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
from streamkit.log.protocol.messages.list_groups import ListGroupsRequest
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from streamkit.log.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from streamkit.log.protocol.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from streamkit.log.protocol.wire import fields_of

Step = tuple[str, Any]
TOPIC = "group-script"
OTHER = "group-script-other"
SUBSCRIPTION = b"\0\0\0\0\0\1\0\x0cgroup-script\xff\xff\xff\xff"
PREFIX = "script-"

_SKIPPED = {"throttle_time_ms", "host", "port"}
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_READY = {
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.NOT_COORDINATOR,
}


def run_group_script(bootstrap: str) -> Iterator[Step]:
    """Each step's name and the broker's answer, comparable."""
    with WireClient(bootstrap, timeout=30) as client, WireClient(bootstrap, timeout=30) as other:
        script = GroupScript(client, other)
        script.prepare()
        for part in (
            script.coordinators,
            script.lives,
            script.join_errors,
            script.member_errors,
            script.rebalance,
            script.static_members,
            script.offsets,
            script.offset_errors,
            script.groups,
        ):
            yield from part()


def fitting(message: Any, version: int) -> Any:
    """The message with only those fields set that its version has."""
    values = {}
    for field in fields_of(type(message)):
        if field.versions.low <= version <= field.versions.high:
            value = getattr(message, field.name)
            if isinstance(value, list):
                value = [fitting(each, version) if field.struct else each for each in value]
            values[field.name] = value
    return type(message)(**values)


class GroupScript:
    def __init__(self, client: WireClient, other: WireClient) -> None:
        self.client = client
        self.other = other
        self.names: dict[str, str] = {}
        self.topic_id = uuid.UUID(int=0)

    def prepare(self) -> None:
        topics = [
            create_topics.CreatableTopic(name=name, num_partitions=2, replication_factor=1)
            for name in (TOPIC, OTHER)
        ]
        self.client.ask(create_topics.CreateTopicsRequest(topics=topics, timeout_ms=5000), 5)
        metadata = MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)])
        self.topic_id = self.client.ask(metadata, 12).topics[0].topic_id
        self.names[str(self.topic_id)] = "<topic id>"
        self.ready("")

    def ready(self, group: str) -> None:
        """Wait until every group has its coordinator: Apache Kafka makes the topic when it is first asked."""
        for number in range(8):
            request = OffsetFetchRequest(group_id=f"{group}{number}", topics=None)
            while self.client.ask(fitting(request, 3), 3).error_code in _NOT_READY:
                find = FindCoordinatorRequest(key=f"{group}{number}")
                self.client.ask(fitting(find, 1), 1)
                time.sleep(0.1)

    def ask(self, request: Any, version: int, client: WireClient | None = None) -> Any:
        """The answer; asked again while the coordinator of the group isn't ready."""
        client = client or self.client
        request = fitting(request, version)
        answer = client.ask(request, version)
        while getattr(answer, "error_code", 0) in _NOT_READY:
            time.sleep(0.05)
            answer = client.ask(request, version)
        return answer

    def send(self, request: Any, version: int) -> None:
        """Ask on the other connection, without waiting for the answer."""
        self.other.send(fitting(request, version), version)

    def step(self, name: str, request: Any, version: int) -> Step:
        return f"{name} v{version}", self.plain(self.ask(request, version))

    def plain(self, value: Any) -> Any:
        """The message as dicts and lists, with names for what is random."""
        if isinstance(value, list):
            return sorted((self.plain(each) for each in value), key=repr)
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).hex()
        if isinstance(value, str | uuid.UUID):
            return self.name_of(str(value))
        if value is None or isinstance(value, int):
            return value
        skipped = _SKIPPED | ({"error_message"} if getattr(value, "error_code", 0) else set())
        return {
            field.name: self.plain(getattr(value, field.name))
            for field in fields_of(type(value))
            if field.name not in skipped
        }

    def name_of(self, text: str) -> str:
        if text not in self.names and _UUID.search(text):
            self.names[text] = _UUID.sub(f"<{len(self.names)}>", text)
        return self.names.get(text, text)

    # Members

    def join(self, group: str, member_id: str = "", **options: Any) -> JoinGroupRequest:
        names = options.pop("protocols", ("range",))
        return JoinGroupRequest(
            group_id=PREFIX + group if group else "",
            member_id=member_id,
            protocols=[
                JoinGroupRequestProtocol(name=name, metadata=SUBSCRIPTION) for name in names
            ],
            **{
                "session_timeout_ms": 10_000,
                "rebalance_timeout_ms": 10_000,
                "protocol_type": "consumer",
                **options,
            },
        )

    def sync(self, group: str, member_id: str, generation: int, **options: Any) -> Any:
        return SyncGroupRequest(
            group_id=PREFIX + group if group else "",
            member_id=member_id,
            generation_id=generation,
            assignments=[
                SyncGroupRequestAssignment(member_id=each, assignment=self.names[each].encode())
                for each in options.pop("members", ())
            ],
            **{"protocol_type": "consumer", "protocol_name": "range", **options},
        )

    def heartbeat(self, group: str, member_id: str, generation: int, **options: Any) -> Any:
        return HeartbeatRequest(
            group_id=PREFIX + group if group else "",
            member_id=member_id,
            generation_id=generation,
            **options,
        )

    def leave(self, group: str, *members: tuple[str, str | None]) -> LeaveGroupRequest:
        return LeaveGroupRequest(
            group_id=PREFIX + group if group else "",
            member_id=members[0][0],
            members=[MemberIdentity(member_id=m, group_instance_id=i) for m, i in members],
        )

    def member(self, group: str, name: str, version: int = 9) -> str:
        """A member id that the broker has given out, and will be called `name`."""
        member_id = self.ask(self.join(group), version).member_id
        self.names[member_id] = f"<{name}>"
        return str(member_id)

    def settle(self, group: str, name: str = "member") -> str:
        """A stable group of one member."""
        member_id = self.member(group, name)
        generation = self.ask(self.join(group, member_id), 9).generation_id
        self.ask(self.sync(group, member_id, generation, members=[member_id]), 5)
        return member_id

    # Parts

    def coordinators(self) -> Iterator[Step]:
        for version in range(7):
            request = FindCoordinatorRequest(key="g", coordinator_keys=["g", "h"])
            yield self.step("find", request, version)
        for key_type in (1, 2, 7):
            request = FindCoordinatorRequest(key="g", key_type=key_type, coordinator_keys=["g"])
            if key_type == 1:
                self.ask(request, 3)
                time.sleep(0.5)
            for version in (3, 4):
                yield self.step(f"find type {key_type}", request, version)
        yield self.step("find nothing", FindCoordinatorRequest(coordinator_keys=[]), 4)

    def lives(self) -> Iterator[Step]:
        """A member's whole life, in each version of JoinGroup."""
        for version in range(10):
            group = f"life-{version}"
            answer = self.ask(self.join(group), version)
            self.names[answer.member_id] = f"<{group}>"
            yield f"join v{version}", self.plain(answer)
            member_id = answer.member_id
            if version >= 4:
                yield self.step("join with the id", self.join(group, member_id), version)
            yield self.step("join again", self.join(group, member_id), version)
            early = self.describe(group)
            yield self.step("describe before sync", early, 5)
            yield self.step("heartbeat before sync", self.heartbeat(group, member_id, 1), 4)
            request = self.sync(group, member_id, 1, members=[member_id])
            yield self.step("sync", request, min(version, 5))
            yield self.step("sync again", request, min(version, 5))
            yield self.step("heartbeat", self.heartbeat(group, member_id, 1), min(version, 4))
            yield self.step("describe", self.describe(group), min(version, 6))
            yield f"state v{version}", self.listed(group)
            yield self.step("leave", self.leave(group, (member_id, None)), min(version, 5))
            yield self.step("describe when empty", self.describe(group), min(version, 6))

    def join_errors(self) -> Iterator[Step]:
        for name, request in {
            "no group": self.join(""),
            "short session": self.join("e", session_timeout_ms=1),
            "long session": self.join("e", session_timeout_ms=1_800_001),
            "unknown member": self.join("e", "nobody"),
            "no protocols": self.join("e2", protocols=()),
            "no type": self.join("e3", protocol_type=""),
            "empty instance": self.join("e-empty", group_instance_id=""),
            "long instance": self.join("e-long", group_instance_id="x" * 250),
            "illegal instance": self.join("e-illegal", group_instance_id="a/b"),
            "dots instance": self.join("e-dots", group_instance_id=".."),
        }.items():
            for version in (0, 5, 9):
                if version or request.group_instance_id is None:
                    yield self.step(f"join: {name}", request, max(version, 0))
        self.settle("e5")
        yield self.step("join: other protocols", self.join("e5", protocols=("x",)), 9)
        yield self.step("join: other type", self.join("e5", protocol_type="connect"), 9)
        yield self.step("join: unknown member of a group", self.join("e5", "nobody"), 9)
        instance = self.join("e5", "nobody", group_instance_id="none")
        yield self.step("join: unknown instance", instance, 9)

    def member_errors(self) -> Iterator[Step]:
        member_id = self.settle("m")
        cases: list[tuple[str, str, str, int, dict[str, str]]] = [
            ("no group", "", member_id, 1, {}),
            ("missing group", "missing", member_id, 1, {}),
            ("unknown member", "m", "nobody", 1, {}),
            ("empty member", "m", "", 1, {}),
            ("old generation", "m", member_id, 0, {}),
            ("new generation", "m", member_id, 2, {}),
            ("unknown instance", "m", member_id, 1, {"group_instance_id": "none"}),
        ]
        for name, group, member, generation, options in cases:
            yield self.step(
                f"heartbeat: {name}", self.heartbeat(group, member, generation, **options), 4
            )
            yield self.step(f"sync: {name}", self.sync(group, member, generation, **options), 5)
            commit = self.commit(group, member=member, generation=generation, **options)
            for version in (8, 9):
                yield self.step(f"commit: {name}", commit, version)
            leave = self.leave(group, (member, options.get("group_instance_id")))
            if name not in ("old generation", "new generation"):
                for version in (2, 3, 5):
                    if version > 2 or not options:
                        yield self.step(f"leave: {name}", leave, version)
        mismatches: tuple[dict[str, str | None], ...] = (
            {"protocol_type": "other"},
            {"protocol_name": "other"},
            {"protocol_type": None},
            {"protocol_name": None},
        )
        for mismatch in mismatches:
            yield self.step(f"sync: {mismatch}", self.sync("m", member_id, 1, **mismatch), 5)
        pending = self.member("m", "pending")
        yield self.step("heartbeat of a pending member", self.heartbeat("m", pending, 1), 4)
        yield self.step("sync of a pending member", self.sync("m", pending, 1), 5)
        instance = self.join("m", pending, group_instance_id="x")
        yield self.step("join of a pending member as static", instance, 9)
        yield self.step("leave of a pending member", self.leave("m", (pending, None)), 5)

    def rebalance(self) -> Iterator[Step]:
        first = self.settle("r", "first")
        second = self.member("r", "second")
        self.send(self.join("r", second), 9)
        time.sleep(0.2)
        yield "state while rebalancing", self.listed("r")
        yield self.step("describe while rebalancing", self.describe("r"), 6)
        yield self.step("heartbeat while rebalancing", self.heartbeat("r", first, 1), 4)
        yield self.step("sync while rebalancing", self.sync("r", first, 1), 5)
        commit = self.commit("r", member=first, generation=1)
        yield self.step("commit while rebalancing", commit, 8)
        yield self.step("first joins again", self.join("r", first), 9)
        yield "second joined", self.plain(self.other.receive())
        commit = self.commit("r", member=first, generation=2)
        yield self.step("commit before sync", commit, 8)
        self.send(self.sync("r", second, 2), 5)
        time.sleep(0.2)
        request = self.sync("r", first, 2, members=[first, second])
        yield self.step("first syncs", request, 5)
        yield "second synced", self.plain(self.other.receive())
        yield self.step("describe two", self.describe("r"), 6)
        yield self.step("follower joins again", self.join("r", second), 9)
        self.send(self.sync("r", second, 2), 5)
        yield "follower syncs again", self.plain(self.other.receive())
        yield self.step("first leaves", self.leave("r", (first, None)), 5)
        yield self.step("second is told", self.heartbeat("r", second, 2), 4)
        yield self.step("second joins again", self.join("r", second), 9)

    def static_members(self) -> Iterator[Step]:
        join = self.join("s", group_instance_id="one")
        answer = self.ask(join, 9)
        first = answer.member_id
        self.names[first] = "<static 1>"
        yield "static joins", self.plain(answer)
        request = self.sync("s", first, 1, group_instance_id="one", members=[first])
        yield self.step("static syncs", request, 5)
        for version in (5, 8, 9):
            answer = self.ask(join, version)
            self.names[answer.member_id] = f"<static again {version}>"
            yield f"static restarts v{version}", self.plain(answer)
            last = answer.member_id
        request = self.sync("s", last, 1, group_instance_id="one")
        yield self.step("static syncs after a restart", request, 5)
        old = {"group_instance_id": "one"}
        yield self.step("fenced join", self.join("s", first, group_instance_id="one"), 9)
        yield self.step("fenced heartbeat", self.heartbeat("s", first, 1, **old), 4)
        yield self.step("fenced sync", self.sync("s", first, 1, **old), 5)
        commit = self.commit("s", member=first, generation=1, **old)
        yield self.step("fenced commit", commit, 8)
        yield self.step("fenced leave", self.leave("s", (first, "one")), 5)
        yield self.step("describe static", self.describe("s"), 5)
        leave = self.leave("s", ("", "none"), ("", "one"), ("", "one"))
        yield self.step("leave by instance", leave, 5)

    def commit(self, group: str, *, member: str = "", generation: int = -1, **options: Any) -> Any:
        topics = options.pop("topics", None) or [(TOPIC, self.topic_id, [(0, 5, "note")])]
        return OffsetCommitRequest(
            group_id=PREFIX + group if group else "",
            member_id=member,
            generation_id_or_member_epoch=generation,
            topics=[
                OffsetCommitRequestTopic(
                    name=name,
                    topic_id=topic_id,
                    partitions=[
                        OffsetCommitRequestPartition(
                            partition_index=index, committed_offset=offset, committed_metadata=text
                        )
                        for index, offset, text in partitions
                    ],
                )
                for name, topic_id, partitions in topics
            ],
            **options,
        )

    def fetch(self, group: str, topics: Any = "default", **options: Any) -> OffsetFetchRequest:
        if topics == "default":
            topics = [(TOPIC, self.topic_id, [0, 1, 9])]
        named = topics and [
            OffsetFetchRequestTopic(name=name, partition_indexes=partitions)
            for name, _, partitions in topics
        ]
        by_id = topics and [
            OffsetFetchRequestTopics(name=name, topic_id=topic_id, partition_indexes=partitions)
            for name, topic_id, partitions in topics
        ]
        group_id = PREFIX + group if group else ""
        groups = [OffsetFetchRequestGroup(group_id=group_id, topics=by_id, **options)]
        return OffsetFetchRequest(group_id=group_id, topics=named, groups=groups)

    def offsets(self) -> Iterator[Step]:
        for version in range(2, 11):
            yield self.step("commit", self.commit(f"o{version}"), version)
        for version in range(1, 11):
            yield self.step("fetch", self.fetch("o5"), version)
            yield self.step("fetch of a missing group", self.fetch("no-such"), version)
            if version >= 2:
                yield self.step("fetch all", self.fetch("o5", None), version)
        yield self.step("fetch by id of what was committed by name", self.fetch("o3"), 10)
        yield self.step("fetch of an empty list", self.fetch("o5", []), 8)
        yield self.step("fetch as a member", self.fetch("o5", member_id="m", member_epoch=3), 9)
        request = self.fetch("o5")
        request.require_stable = True
        yield self.step("fetch stable", request, 8)
        many = self.fetch("o5")
        many.groups += self.fetch("o6", None).groups + self.fetch("no-such").groups
        yield self.step("fetch of groups", many, 8)
        unknown = [("missing-topic", uuid.UUID(int=9), [0])]
        for version in (5, 8, 9, 10):
            yield self.step("fetch of a missing topic", self.fetch("o5", unknown), version)

    def offset_errors(self) -> Iterator[Step]:
        for name, topics in {
            "missing topic": [("missing-topic", uuid.UUID(int=9), [(0, 1, "")])],
            "missing partition": [(TOPIC, self.topic_id, [(0, 1, ""), (9, 1, "")])],
            "long metadata": [(TOPIC, self.topic_id, [(0, 1, "x" * 4097), (1, 1, "y" * 4096)])],
            "null metadata": [(TOPIC, self.topic_id, [(0, 1, None)])],
            "negative offset": [(TOPIC, self.topic_id, [(0, -1, "")])],
        }.items():
            for version in (2, 8, 10):
                request = self.commit("oe", topics=topics)
                yield self.step(f"commit: {name}", request, version)
        yield self.step("what was committed", self.fetch("oe", None), 8)
        yield self.step("commit to no group", self.commit(""), 8)
        yield self.step("fetch of no group", self.fetch("", None), 8)
        for version in (8, 9):
            yield self.step("commit of a lost member", self.commit("ox", generation=3), version)
            request = self.commit("ox", member="nobody")
            yield self.step("commit with a member id alone", request, version)
        self.settle("og")
        for version in (8, 9):
            yield self.step("commit of an outsider", self.commit("og"), version)
        retention = self.commit("ort", retention_time_ms=60_000)
        yield self.step("commit with a retention", retention, 2)
        yield self.step("fetch of it", self.fetch("ort"), 5)

    def groups(self) -> Iterator[Step]:
        self.settle("gs")
        self.ask(self.commit("ge"), 8)
        for version in range(7):
            yield self.step("describe simple", self.describe("ge"), version)
            yield self.step("describe missing", self.describe("missing"), version)
        request = self.describe("gs")
        request.include_authorized_operations = True
        for version in (3, 6):
            yield self.step("describe operations", request, version)
        request = self.describe("missing")
        request.include_authorized_operations = True
        for version in (3, 6):
            yield self.step("describe operations of nothing", request, version)
        yield self.step("describe the empty name", DescribeGroupsRequest(groups=[""]), 5)
        for states in ([], ["Stable"], ["stable", "EMPTY"], ["bogus"], ["Dead"]):
            yield f"list states {states}", self.listed("g", states=states)
        for types in ([], ["classic"], ["CLASSIC"], ["consumer"], ["bogus"]):
            yield f"list types {types}", self.listed("g", types=types)
        for version in range(6):
            answer = self.ask(ListGroupsRequest(), version)
            answer.groups = [g for g in answer.groups if g.group_id == f"{PREFIX}gs"]
            yield f"list v{version}", self.plain(answer)
        for name, group, topic in (
            ("subscribed", "gs", TOPIC),
            ("other topic", "gs", OTHER),
            ("missing topic", "gs", "missing-topic"),
            ("missing group", "missing", TOPIC),
            ("simple group", "ge", TOPIC),
            ("no group", "", TOPIC),
        ):
            deletion = OffsetDeleteRequest(
                group_id=PREFIX + group if group else "",
                topics=[
                    OffsetDeleteRequestTopic(
                        name=topic,
                        partitions=[
                            OffsetDeleteRequestPartition(partition_index=index) for index in (0, 9)
                        ],
                    )
                ],
            )
            yield self.step(f"offset delete: {name}", deletion, 0)
        yield self.step("offsets after that", self.fetch("ge", None), 8)
        for version in range(3):
            self.ask(self.commit(f"gd{version}"), 8)
            names = [f"{PREFIX}{each}" for each in (f"gd{version}", "gs", "missing")]
            removal = DeleteGroupsRequest(groups_names=[*names, ""])
            yield self.step("delete", removal, version)
            yield self.step("describe deleted", self.describe(f"gd{version}"), 6)

    def describe(self, group: str) -> DescribeGroupsRequest:
        return DescribeGroupsRequest(groups=[PREFIX + group])

    def listed(self, prefix: str, *, states: Any = (), types: Any = ()) -> Any:
        request = ListGroupsRequest(states_filter=list(states), types_filter=list(types))
        answer = self.ask(request, 5)
        answer.groups = [g for g in answer.groups if g.group_id.startswith(PREFIX + prefix)]
        return self.plain(answer)
