"""A script of requests of the consumer group protocol (KIP-848), against any broker; see `group_script`.

Members name themselves, so that assignors go through them in the same order on every broker. `SETTINGS` are what the
broker is to be started with. Apache Kafka's answers stand in `RECORDED`; to write them anew, run
`PYTHONPATH=. python tests/support/consumer_group_script.py`.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from group_script import PREFIX, TOPIC, GroupScript, Step
from kafka_broker import KafkaBroker
from wire_client import WireClient

from streamkit.log.protocol import encode_versioned
from streamkit.log.protocol.messages import create_partitions, create_topics
from streamkit.log.protocol.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from streamkit.log.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    TopicPartitions,
)
from streamkit.log.protocol.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
    ConsumerProtocolSubscription,
    ConsumerProtocolSubscriptionTopicPartition,
)
from streamkit.log.protocol.messages.delete_groups import DeleteGroupsRequest
from streamkit.log.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from streamkit.log.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from streamkit.log.protocol.messages.find_coordinator import FindCoordinatorRequest
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from streamkit.log.protocol.messages.init_producer_id import InitProducerIdRequest
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from streamkit.log.protocol.messages.list_config_resources import ListConfigResourcesRequest
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from streamkit.log.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)

SETTINGS: Mapping[str, str] = {
    "group.consumer.assignment.interval.ms": "0",
    "group.consumer.max.size": "3",
    "group.max.size": "4",
}
RECORDED = Path(__file__).parent.parent / "golden" / "consumer_group_answers.json.gz"
_GROWING, _DOOMED = "consumer-script-growing", "consumer-script-doomed"
_REBALANCE_MS = 60_000


def run_consumer_group_script(bootstrap: str) -> Iterator[Step]:
    """Each step's name and the broker's answer, comparable."""
    with WireClient(bootstrap, timeout=30) as client, WireClient(bootstrap, timeout=30) as other:
        script = _ConsumerScript(client, other)
        script.prepare()
        for part in (
            script.refusals,
            script.life,
            script.epochs,
            script.two_members,
            script.revocations,
            script.lost_answers,
            script.changed_subscriptions,
            script.static_members,
            script.assignors,
            script.offsets_of_members,
            script.offsets_in_transactions,
            script.patterns,
            script.full_group,
            script.upgrade,
            script.classic_life,
            script.downgrade,
            script.static_migration,
            script.empty_groups,
            script.refused_upgrades,
            script.topics_change,
            script.settings,
        ):
            yield from part()


class _ConsumerScript(GroupScript):
    def prepare(self) -> None:
        super().prepare()
        self.topic_ids = {TOPIC: self.topic_id}
        for name, partitions in ((_GROWING, 1), (_DOOMED, 2)):
            self.create(name, partitions)
        self.other_topic = "group-script-other"
        self.learn(self.other_topic)

    def create(self, name: str, partitions: int) -> None:
        topic = create_topics.CreatableTopic(
            name=name, num_partitions=partitions, replication_factor=1
        )
        self.client.ask(create_topics.CreateTopicsRequest(topics=[topic], timeout_ms=5000), 5)
        self.learn(name)

    def learn(self, name: str) -> None:
        metadata = MetadataRequest(topics=[MetadataRequestTopic(name=name)])
        topic_id = self.client.ask(metadata, 12).topics[0].topic_id
        self.topic_ids[name] = topic_id
        self.names[str(topic_id)] = f"<id of {name}>"

    # Requests

    def beat(
        self,
        group: str,
        member: str,
        epoch: int,
        *,
        topics: Any = None,
        owned: Any = None,
        version: int = 1,
        **options: Any,
    ) -> Any:
        """A heartbeat; with epoch 0 a full one, unless `options` say otherwise."""
        if epoch == 0:
            options.setdefault("rebalance_timeout_ms", _REBALANCE_MS)
            owned = {} if owned is None else owned
            if topics is None and options.get("subscribed_topic_regex") is None:
                topics = [TOPIC]
        return ConsumerGroupHeartbeatRequest(
            group_id=PREFIX + group if group else "",
            member_id=member,
            member_epoch=epoch,
            subscribed_topic_names=topics or (None if topics is None else []),
            topic_partitions=None
            if owned in (None, False)
            else [
                TopicPartitions(topic_id=self.topic_ids[name], partitions=list(partitions))
                for name, partitions in owned.items()
            ],
            **options,
        )

    def beats(self, name: str, *args: Any, version: int = 1, **options: Any) -> Step:
        return self.step(name, self.beat(*args, **options), version)

    def described(self, group: str, version: int = 1) -> Step:
        return f"describe {group} v{version}", self.plain(
            self.ask(ConsumerGroupDescribeRequest(group_ids=[PREFIX + group]), version)
        )

    def settled(self, group: str, member: str = "one", **options: Any) -> int:
        """A group of one member with all partitions; its epoch."""
        answer = self.ask(self.beat(group, member, 0, **options), 1)
        assert answer.error_code == 0, answer
        return int(answer.member_epoch)

    def classic_join(
        self,
        group: str,
        member: str = "",
        *,
        owned: Any = None,
        topics: Any = (TOPIC,),
        **options: Any,
    ) -> JoinGroupRequest:
        names = options.pop("protocols", ("cooperative-sticky",))
        subscription = ConsumerProtocolSubscription(
            topics=list(topics),
            owned_partitions=[
                ConsumerProtocolSubscriptionTopicPartition(topic=name, partitions=list(partitions))
                for name, partitions in (owned or {}).items()
            ],
        )
        return JoinGroupRequest(
            group_id=PREFIX + group,
            member_id=member,
            protocols=[
                JoinGroupRequestProtocol(name=name, metadata=encode_versioned(subscription, 3))
                for name in names
            ],
            **{
                "session_timeout_ms": 45_000,
                "rebalance_timeout_ms": _REBALANCE_MS,
                "protocol_type": "consumer",
                **options,
            },
        )

    def classic_sync(self, group: str, member: str, generation: int, **options: Any) -> Any:
        return self.sync(
            group, member, generation, **{"protocol_name": "cooperative-sticky", **options}
        )

    def classic_group(self, group: str, assigned: bytes = b"", **options: Any) -> str:
        """A stable classic group of one member, by the name `<old>`; its member id."""
        answer = self.ask(self.classic_join(group, **options), 9)
        member_id = answer.member_id
        self.names[member_id] = "<old>"
        if answer.error_code:
            answer = self.ask(self.classic_join(group, member_id, **options), 9)
        name = options.get("protocols", ("cooperative-sticky",))[0]
        request = self.sync(group, member_id, answer.generation_id, protocol_name=name)
        request.assignments = [
            type(self.sync("x", "", 0, members=[member_id]).assignments[0])(
                member_id=member_id, assignment=assigned or _assignment(TOPIC, 0, 1)
            )
        ]
        self.ask(request, 5)
        return str(member_id)

    # Parts

    def refusals(self) -> Iterator[Step]:
        for name, request in {
            "no member id": self.beat("e", "", 0),
            "no group": self.beat("", "m", 0),
            "empty instance": self.beat("e", "m", 0, instance_id=""),
            "empty rack": self.beat("e", "m", 0, rack_id=" "),
            "no timeout": self.beat("e", "m", 0, rebalance_timeout_ms=-1),
            "owns when joining": self.beat("e", "m", 0, owned={TOPIC: [0]}),
            "says nothing of what it owns": self.beat("e", "m", 0, owned=False),
            "epoch -3": self.beat("e", "m", -3),
            "leaves for a while without an instance": self.beat("e", "m", -2),
            "unknown assignor": self.beat("e", "m", 0, server_assignor="sticky"),
            "group isn't there": self.beat("e", "m", 1),
            "leaves a group that isn't there": self.beat("e", "m", -1),
            "leaves without an id": self.beat("e", "", -1),
            "goes on without an id": self.beat("e", "", 4),
            "wrong pattern": self.beat("e", "m", 0, subscribed_topic_regex="(", topics=[]),
        }.items():
            for version in (0, 1):
                if version == 0 and (name == "no member id" or request.subscribed_topic_regex):
                    continue
                yield self.step(name, request, version)
        made = self.ask(self.beat("made", "", 0), 0)
        self.names[made.member_id] = "<made>"
        yield "a member id is made", self.plain(made)
        nothing = self.beat("e", "m", 0)
        nothing.subscribed_topic_names = None
        yield self.step("subscribes to nothing", nothing, 1)
        groups = ConsumerGroupDescribeRequest(group_ids=["", PREFIX + "missing"])
        for version in (0, 1):
            yield self.step("describe what isn't there", groups, version)

    def life(self) -> Iterator[Step]:
        for version in (0, 1):
            group = f"life{version}"
            yield self.beats("join", group, "one", 0, version=version)
            yield self.described(group, version)
            yield f"list {group}", self.listed(group)
            yield f"list {group} by type", self.listed(group, types=["Consumer"])
            yield f"list {group} by other type", self.listed(group, types=["classic"])
            yield f"list {group} by state", self.listed(group, states=["stable"])
            yield self.step("describe as classic", self.describe(group), 5)
            yield self.step("describe as classic", self.describe(group), 6)
            yield self.beats("heartbeat", group, "one", 2, version=version)
            yield self.beats(
                "full heartbeat",
                group,
                "one",
                2,
                topics=[TOPIC],
                owned={TOPIC: [0, 1]},
                rebalance_timeout_ms=_REBALANCE_MS,
            )
            yield self.beats("says what it owns", group, "one", 2, owned={TOPIC: [0, 1]})
            yield self.beats("new rack", group, "one", 2, rack_id="r")
            yield self.beats("joins again", group, "one", 0, version=version)
            yield self.described(group)
            yield self.step(
                "delete with a member", DeleteGroupsRequest(groups_names=[PREFIX + group]), 2
            )
            yield self.beats("leave", group, "one", -1, version=version)
            yield self.beats("leave again", group, "one", -1, version=version)
            yield self.described(group)
            yield f"list empty {group}", self.listed(group)
            yield self.beats("comes back", group, "one", 0)
            yield self.beats("leaves", group, "one", -1)
            yield self.step("delete", DeleteGroupsRequest(groups_names=[PREFIX + group]), 2)
            yield self.described(group)
        request = ConsumerGroupDescribeRequest(
            group_ids=[PREFIX + "life0"], include_authorized_operations=True
        )
        self.settled("life0")
        yield self.step("describe operations", request, 1)

    def epochs(self) -> Iterator[Step]:
        epoch = self.settled("ep")
        yield self.beats("greater epoch", "ep", "one", epoch + 1)
        yield self.beats("smaller epoch", "ep", "one", epoch - 1)
        yield self.beats("unknown member", "ep", "two", epoch)
        yield self.beats("unknown instance", "ep", "one", epoch, instance_id="i")
        yield self.beats("leaves with an instance", "ep", "one", -1, instance_id="i")

    def two_members(self) -> Iterator[Step]:
        self.settled("two")
        yield self.beats("second joins", "two", "second", 0)
        yield self.described("two")
        yield "list two", self.listed("two")
        yield self.beats("first is told", "two", "one", 2)
        yield self.described("two")
        yield self.beats("second waits", "two", "second", 3)
        yield self.beats("first hasn't", "two", "one", 2, owned={TOPIC: [0, 1]})
        yield self.beats("first has let go", "two", "one", 2, owned={TOPIC: [0]})
        yield self.beats("or the other", "two", "one", 2, owned={TOPIC: [1]})
        yield self.described("two")
        yield self.beats("second gets it", "two", "second", 3)
        yield self.described("two")
        yield self.beats("second leaves", "two", "second", -1)
        yield self.described("two")
        yield self.beats("first gets all", "two", "one", 3)
        yield self.described("two")

    def revocations(self) -> Iterator[Step]:
        """Targets change while a member is still giving up partitions."""
        self.settled("rev")
        self.ask(self.beat("rev", "b", 0), 1)
        yield self.beats("is told to revoke", "rev", "one", 2)
        yield self.beats("third joins meanwhile", "rev", "c", 0)
        yield self.described("rev")
        yield self.beats("still revokes", "rev", "one", 2)
        yield self.beats("has revoked all", "rev", "one", 2, owned={})
        yield self.described("rev")
        yield self.beats("b goes on", "rev", "b", 3)
        yield self.beats("c goes on", "rev", "c", 4)
        yield self.described("rev")
        yield self.beats("b leaves", "rev", "b", -1)
        yield self.beats("one goes on", "rev", "one", 4)
        yield self.beats("c gets more", "rev", "c", 4)
        yield self.described("rev")

    def lost_answers(self) -> Iterator[Step]:
        self.settled("lost")
        self.ask(self.beat("lost", "b", 0), 1)
        self.ask(self.beat("lost", "one", 2), 1)
        answer = self.ask(self.beat("lost", "one", 2, owned={}), 1)
        yield "one has revoked", self.plain(answer)
        yield self.beats("b gets its part", "lost", "b", 3)
        yield self.beats("with the old epoch, owning nothing", "lost", "one", 2, owned={})
        yield self.beats("with the old epoch", "lost", "one", 2)
        yield self.beats("with the old epoch, owning all", "lost", "one", 2, owned={TOPIC: [0, 1]})
        yield self.described("lost")

    def changed_subscriptions(self) -> Iterator[Step]:
        epoch = self.settled("sub")
        yield self.beats("both topics", "sub", "one", epoch, topics=[TOPIC, self.other_topic])
        yield self.described("sub")
        owned = {TOPIC: [0, 1], self.other_topic: [0, 1]}
        yield self.beats("one topic", "sub", "one", 3, topics=[self.other_topic], owned=owned)
        yield self.described("sub")
        yield self.beats("let go", "sub", "one", 3, owned={self.other_topic: [0, 1]})
        yield self.beats("no topic", "sub", "one", 4, topics=[])
        yield self.described("sub")
        yield self.beats("let go of all", "sub", "one", 4, owned={})
        yield self.beats("a missing topic", "sub", "one", 5, topics=["not-there"])
        yield self.described("sub")
        yield self.beats("another reads the same", "sub", "b", 0, topics=["not-there"])
        yield self.beats("a topic, owning nothing", "sub", "one", 6, topics=[TOPIC], owned={})
        yield self.described("sub")

    def static_members(self) -> Iterator[Step]:
        yield self.beats("static join", "st", "one", 0, instance_id="i")
        yield self.beats("static goes on", "st", "one", 2, instance_id="i")
        yield self.beats("without the instance", "st", "one", 2)
        yield self.beats("instance is taken", "st", "b", 0, instance_id="i")
        yield self.beats("other member's instance", "st", "b", 2, instance_id="i")
        yield self.beats("leave by another", "st", "b", -1, instance_id="i")
        yield self.beats("leave for a while by another", "st", "b", -2, instance_id="i")
        yield self.beats("unknown instance leaves", "st", "one", -2, instance_id="j")
        yield self.beats("leave for a while", "st", "one", -2, instance_id="i")
        yield self.described("st")
        yield self.beats("goes on though", "st", "one", 2, instance_id="i")
        yield self.beats("comes back", "st", "c", 0, instance_id="i")
        yield self.described("st")
        yield self.beats("old one is fenced", "st", "one", 2, instance_id="i")
        yield self.beats("old one is unknown", "st", "one", 2)
        yield self.beats("second", "st", "d", 0, instance_id="j")
        yield self.beats("first is told", "st", "c", 2, instance_id="i")
        yield self.beats("leaves while revoking", "st", "c", -2, instance_id="i")
        yield self.described("st")
        yield self.beats("second gets it", "st", "d", 3, instance_id="j")
        yield self.beats("first is back", "st", "e", 0, instance_id="i", topics=[self.other_topic])
        yield self.described("st")
        yield self.beats("first leaves for good", "st", "e", -1, instance_id="i")
        yield self.described("st")
        yield self.step("classic leave by instance", self.leave("st", ("", "j")), 5)
        yield self.described("st")

    def assignors(self) -> Iterator[Step]:
        both = [TOPIC, self.other_topic]
        for name in ("range", "uniform"):
            group = f"as-{name}"
            options: dict[str, Any] = {"topics": both, "server_assignor": name}
            yield self.beats("join", group, "one", 0, **options)
            self.ask(self.beat(group, "b", 0, **options), 1)
            yield self.beats("reads one topic", group, "c", 0, topics=[TOPIC], server_assignor=name)
            described = self.described(group)
            if name == "uniform":
                # The order of topics decides, and that is the order of their random ids.
                described[1]["groups"][0]["members"] = len(described[1]["groups"][0]["members"])
            yield described
        yield self.beats("asks for another", "as-range", "b", 3, server_assignor="uniform")
        yield self.beats(
            "so does the next", "as-range", "c", 0, topics=[TOPIC], server_assignor="uniform"
        )
        group = self.described("as-range")[1]["groups"][0]
        yield "assignor", (group["assignor_name"], group["group_epoch"], group["assignment_epoch"])

    def offsets_of_members(self) -> Iterator[Step]:
        self.settled("of")
        for version in range(6, 11):
            yield self.step("commit", self.commit("of", member="one", generation=2), version)
        for name, member, epoch in (
            ("older epoch", "one", 1),
            ("newer epoch", "one", 3),
            ("unknown member", "two", 2),
            ("outsider", "", -1),
            ("member without epoch", "one", -1),
        ):
            for version in (8, 9, 10):
                commit = self.commit("of", member=member, generation=epoch)
                yield self.step(f"commit: {name}", commit, version)
        long = self.commit(
            "of", member="one", generation=1, topics=[(TOPIC, self.topic_id, [(0, 5, "x" * 5000)])]
        )
        yield self.step("old epoch and long metadata", long, 9)
        for name, options in {
            "nobody": {},
            "member": {"member_id": "one", "member_epoch": 2},
            "stale member": {"member_id": "one", "member_epoch": 1},
            "newer member": {"member_id": "one", "member_epoch": 7},
            "unknown": {"member_id": "two", "member_epoch": 2},
            "empty id": {"member_id": "", "member_epoch": -1},
        }.items():
            for version in (8, 9, 10):
                if version > 8 or not options:
                    yield self.step(f"fetch: {name}", self.fetch("of", **options), version)
        yield self.step(
            "fetch all: stale", self.fetch("of", None, member_id="one", member_epoch=1), 9
        )
        self.ask(self.beat("of", "b", 0), 1)
        self.ask(self.beat("of", "one", 2), 1)
        for partition in (0, 1):
            both = self.commit(
                "of",
                member="one",
                generation=2,
                topics=[(TOPIC, self.topic_id, [(partition, 7, "")])],
            )
            yield self.step("commit of what is revoked", both, 9)
        self.ask(self.beat("of", "one", 2, owned={}), 1)
        yield self.described("of")
        for partition in (0, 1):
            for member, epoch in (("one", 2), ("one", 3), ("b", 3), ("b", 2)):
                commit = self.commit(
                    "of",
                    member=member,
                    generation=epoch,
                    topics=[(TOPIC, self.topic_id, [(partition, 8, "")])],
                )
                yield self.step(f"commit {partition} of {member} at {epoch}", commit, 9)
        for topic in (TOPIC, self.other_topic):
            deletion = OffsetDeleteRequest(
                group_id=PREFIX + "of",
                topics=[
                    OffsetDeleteRequestTopic(
                        name=topic, partitions=[OffsetDeleteRequestPartition(partition_index=0)]
                    )
                ],
            )
            yield self.step(f"delete offsets of {topic}", deletion, 0)
        for member in ("one", "b"):
            self.ask(self.beat("of", member, -1), 1)
        yield self.step("commit to the empty group", self.commit("of"), 8)
        yield self.step("member commits to the empty group", self.commit("of", member="x"), 9)
        stale = self.commit("of", member="x", generation=4)
        yield self.step("member with an epoch commits to it", stale, 9)
        yield self.step("fetch of the empty group", self.fetch("of"), 9)
        yield self.step("delete", DeleteGroupsRequest(groups_names=[PREFIX + "of"]), 2)
        yield self.step("fetch of nothing", self.fetch("of"), 9)

    def offsets_in_transactions(self) -> Iterator[Step]:
        self.settled("tx")
        key = f"consumer-script-{uuid.uuid4()}"
        request = InitProducerIdRequest(transactional_id=key, transaction_timeout_ms=60_000)
        self.client.ask(FindCoordinatorRequest(key=key, key_type=1), 3)
        producer = self.client.ask(request, 4)
        while producer.error_code:
            time.sleep(0.1)
            self.client.ask(FindCoordinatorRequest(key=key, key_type=1), 3)
            producer = self.client.ask(request, 4)
        for name, member, epoch in (
            ("member", "one", 2),
            ("older epoch", "one", 1),
            ("newer epoch", "one", 3),
            ("unknown member", "two", 2),
            ("no member", "", -1),
        ):
            commit = TxnOffsetCommitRequest(
                transactional_id=key,
                group_id=PREFIX + "tx",
                producer_id=producer.producer_id,
                producer_epoch=producer.producer_epoch,
                generation_id=epoch,
                member_id=member,
                topics=[
                    TxnOffsetCommitRequestTopic(
                        name=TOPIC,
                        partitions=[
                            TxnOffsetCommitRequestPartition(partition_index=0, committed_offset=3)
                        ],
                    )
                ],
            )
            answer = self.ask(commit, 5)
            while answer.topics[0].partitions[0].error_code in (15, 14, 16, 51):
                time.sleep(0.1)
                answer = self.ask(commit, 5)
            yield f"commit in a transaction: {name}", self.plain(answer)

    def patterns(self) -> Iterator[Step]:
        options: dict[str, Any] = {"subscribed_topic_regex": "group-script.*"}
        answer = self.ask(self.beat("re", "one", 0, topics=[], **options), 1)
        yield "join with a pattern", (answer.error_code, answer.member_epoch > 0)
        yield self.until_epoch("re", "one", 4)
        yield self.described("re")
        yield self.beats("invalid", "re", "one", 3, subscribed_topic_regex="[a")
        yield self.beats("look-ahead", "re", "one", 3, subscribed_topic_regex="(?!x).*")
        yield self.beats("names instead", "re", "one", 3, subscribed_topic_regex="", topics=[TOPIC])
        yield self.described("re")
        yield self.beats("let go", "re", "one", 3, owned={TOPIC: [0, 1]})
        yield self.described("re")

    def until_epoch(self, group: str, member: str, owned: int) -> Step:
        """The answer that gives the member `owned` partitions: patterns are matched in the background."""
        answer, epoch, deadline = None, 0, time.monotonic() + 20
        described = self.ask(ConsumerGroupDescribeRequest(group_ids=[PREFIX + group]), 1)
        epoch = described.groups[0].members[0].member_epoch
        while time.monotonic() < deadline:
            answer = self.ask(self.beat(group, member, epoch), 1)
            epoch = answer.member_epoch
            parts = answer.assignment.topic_partitions if answer.assignment is not None else []
            if sum(len(each.partitions) for each in parts) == owned:
                break
            time.sleep(0.05)
        return "with a pattern", self.plain(answer)

    def full_group(self) -> Iterator[Step]:
        for member in ("one", "b", "c"):
            self.ask(self.beat("full", member, 0), 1)
        yield self.beats("fourth member", "full", "d", 0)
        yield self.beats("unknown member of a full group", "full", "d", 3)
        yield self.beats("member of it", "full", "one", 0)
        yield self.step("classic member", self.classic_join("full", group_instance_id="x"), 9)

    def upgrade(self) -> Iterator[Step]:
        old = self.classic_group("up")
        yield self.step("describe before", self.describe("up"), 5)
        yield self.beats("first of the new protocol", "up", "new", 0)
        yield self.described("up")
        yield "list upgraded", self.listed("up")
        yield self.step("describe as classic", self.describe("up"), 6)
        yield self.step("old one is told", self.heartbeat("up", old, 1), 4)
        yield self.step("commit before it joins", self.commit("up", member=old, generation=1), 8)
        yield self.step("sync before it joins", self.classic_sync("up", old, 1), 5)
        yield self.step("joins again", self.classic_join("up", old, owned={TOPIC: [0, 1]}), 9)
        yield self.described("up")
        yield self.step("heartbeat while revoking", self.heartbeat("up", old, 1), 4)
        yield self.step("sync while revoking", self.classic_sync("up", old, 1), 5)
        yield self.beats("new one waits", "up", "new", 2)
        for kept in (0, 1):
            request = self.classic_join("up", old, owned={TOPIC: [kept]})
            yield self.step(f"joins with {kept}", request, 9)
        yield self.step("wrong generation", self.heartbeat("up", old, 1), 4)
        yield self.step("heartbeat", self.heartbeat("up", old, 2), 4)
        yield self.step("sync", self.classic_sync("up", old, 2), 5)
        yield self.step("sync with an old generation", self.classic_sync("up", old, 1), 5)
        other = self.classic_sync("up", old, 2, protocol_name="range")
        yield self.step("sync with another protocol", other, 5)
        other = self.classic_sync("up", old, 2, protocol_type="connect")
        yield self.step("sync with another type", other, 5)
        yield self.beats("new one gets its part", "up", "new", 2)
        yield self.described("up")
        yield self.step("old one leaves", self.leave("up", (old, None)), 5)
        yield self.described("up")
        yield self.beats("new one gets all", "up", "new", 2)

    def classic_life(self) -> Iterator[Step]:
        """A classic member comes to a consumer group."""
        self.settled("cl")
        for version in range(10):
            answer = self.ask(self.classic_join("cl", protocols=("range",)), version)
            self.names[answer.member_id] = f"<v{version}>"
            yield f"join v{version}", self.plain(answer)
            member_id = answer.member_id
            if version >= 4:
                again = self.classic_join("cl", member_id, protocols=("range",))
                answer = self.ask(again, version)
                yield f"join again v{version}", self.plain(answer)
            generation = answer.generation_id
            request = self.sync("cl", member_id, generation)
            yield self.step("sync", request, min(version, 5))
            yield self.step(
                "heartbeat", self.heartbeat("cl", member_id, generation), min(version, 4)
            )
            yield self.described("cl")
            yield self.step("leave", self.leave("cl", (member_id, None)), min(version, 5))
        yield self.step("no protocols", self.classic_join("cl", protocols=()), 9)
        yield self.step("other type", self.classic_join("cl", protocol_type="connect"), 9)
        yield self.step("unknown static", self.classic_join("cl", "x", group_instance_id="i"), 9)
        yield self.step("heartbeat of nobody", self.heartbeat("cl", "nobody", 1), 4)
        yield self.step("heartbeat of the other protocol", self.heartbeat("cl", "one", 2), 4)
        yield self.step("sync of the other protocol", self.sync("cl", "one", 2), 5)
        yield self.step("leave of nobody", self.leave("cl", ("nobody", None)), 5)
        yield self.step("leave of nobody", self.leave("cl", ("nobody", None)), 2)

    def downgrade(self) -> Iterator[Step]:
        old = self.classic_group("down")
        epoch = self.ask(self.beat("down", "new", 0), 1).member_epoch
        self.ask(self.classic_join("down", old, owned={TOPIC: [0, 1]}), 9)
        joined = self.ask(self.classic_join("down", old, owned={TOPIC: [0]}), 9)
        self.ask(self.classic_sync("down", old, joined.generation_id), 5)
        self.ask(self.beat("down", "new", epoch), 1)
        yield self.beats("the last of the new protocol leaves", "down", "new", -1)
        yield "list downgraded", self.listed("down")
        yield self.described("down")
        yield self.step("describe as classic", self.describe("down"), 5)
        yield self.step("old one is told", self.heartbeat("down", old, joined.generation_id), 4)
        yield self.beats("the other is gone", "down", "new", epoch)
        answer = self.ask(self.classic_join("down", old), 9)
        yield "old one joins", self.plain(answer)
        yield self.step(
            "sync", self.classic_sync("down", old, answer.generation_id, members=[old]), 5
        )
        yield self.step("describe when stable", self.describe("down"), 5)

    def static_migration(self) -> Iterator[Step]:
        """A static member comes back with the other protocol: up, and down again."""
        self.classic_group("sm", group_instance_id="i")
        yield self.beats("comes back new", "sm", "new", 0, instance_id="i")
        yield self.described("sm")
        yield self.beats("goes on", "sm", "new", 2, instance_id="i")
        answer = self.ask(self.classic_join("sm", group_instance_id="i"), 9)
        self.names[answer.member_id] = "<back>"
        yield "comes back old", self.plain(answer)
        yield self.step("describe as classic", self.describe("sm"), 5)
        yield "list", self.listed("sm")
        generation = answer.generation_id
        member_id = answer.member_id
        sync = self.classic_sync("sm", member_id, generation, group_instance_id="i")
        yield self.step("sync", sync, 5)
        beat = self.heartbeat("sm", member_id, generation, group_instance_id="i")
        yield self.step("heartbeat", beat, 4)

    def empty_groups(self) -> Iterator[Step]:
        old = self.classic_group("eg")
        self.ask(self.leave("eg", (old, None)), 5)
        yield self.beats("joins an empty classic group", "eg", "new", 0)
        yield self.described("eg")
        self.ask(self.beat("eg", "new", -1), 1)
        self.ask(self.commit("eg"), 8)
        yield self.step("nobody's join", self.classic_join("eg", "nobody"), 9)
        yield "list", self.listed("eg")
        self.classic_group("eg")
        yield "list classic", self.listed("eg")
        yield self.step("describe", self.describe("eg"), 5)
        yield self.step("offsets stay", self.fetch("eg"), 8)
        self.ask(self.commit("simple"), 8)
        yield self.beats("joins a group of offsets", "simple", "new", 0)
        yield self.step("offsets stay", self.fetch("simple"), 8)
        yield self.described("simple")

    def refused_upgrades(self) -> Iterator[Step]:
        self.classic_group("ru1", protocol_type="connect")
        yield self.beats("no consumers", "ru1", "new", 0)
        self.classic_group("ru2", assigned=_assignment(TOPIC, 0, user_data=b"x"))
        yield self.beats("data of an assignor", "ru2", "new", 0)
        yield "list", self.listed("ru")
        yield self.beats("classic group, not joining", "ru1", "new", 3)
        yield self.beats("leaves a classic group", "ru1", "new", -1)

    def topics_change(self) -> Iterator[Step]:
        self.settled("tc", topics=[_GROWING, _DOOMED, "consumer-script-late"])
        yield self.described("tc")
        more = create_partitions.CreatePartitionsTopic(name=_GROWING, count=3, assignments=None)
        self.client.ask(
            create_partitions.CreatePartitionsRequest(topics=[more], timeout_ms=5000), 3
        )
        yield self.until_owns("tc", "one", 5)
        doomed = DeleteTopicsRequest(
            topics=[DeleteTopicState(name=_DOOMED)], topic_names=[_DOOMED], timeout_ms=5000
        )
        self.client.ask(doomed, 6)
        yield self.until_owns("tc", "one", 3)
        self.create("consumer-script-late", 2)
        yield self.until_owns("tc", "one", 5)
        yield self.described("tc")

    def settings(self) -> Iterator[Step]:
        """Settings of groups; those of share and streams groups are left out."""
        session, heartbeat = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
        yield self.group_settings("gs")
        yield self.group_settings("")
        set_, delete, append = 0, 1, 2
        changes: tuple[tuple[str, tuple[tuple[str, int, str | None], ...]], ...] = (
            ("gs", ((session, set_, "50000"),)),
            ("gs", ((session, set_, "5000"),)),
            ("gs", ((session, set_, "5000000"),)),
            ("gs", ((session, set_, "soon"),)),
            ("gs", (("no.such", set_, "1"),)),
            ("", ((session, set_, "50000"),)),
            ("gs", ((heartbeat, append, "9000"),)),
            ("gs", ((heartbeat, set_, None),)),
            ("gs", ((heartbeat, set_, "9000"), (session, delete, None))),
        )
        for group, values in changes:
            request = IncrementalAlterConfigsRequest(
                resources=[
                    AlterConfigsResource(
                        resource_type=32,
                        resource_name=PREFIX + group if group else "",
                        configs=[
                            AlterableConfig(name=name, config_operation=operation, value=value)
                            for name, operation, value in values
                        ],
                    )
                ]
            )
            yield self.step(f"set {group} {values}", request, 1)
            time.sleep(0.2)  # Apache Kafka takes settings over in the background.
            yield self.group_settings("gs")
        for types in ([32], [99]):
            resources = ListConfigResourcesRequest(resource_types=types)
            yield self.step(f"list resources {types}", resources, 1)
        yield self.beats("hears of the interval", "gs", "one", 0)

    def group_settings(self, group: str) -> Step:
        request = DescribeConfigsRequest(
            resources=[
                DescribeConfigsResource(
                    resource_type=32,
                    resource_name=PREFIX + group if group else "",
                    configuration_keys=None,
                )
            ],
            include_synonyms=True,
        )
        answer = self.ask(request, 4)
        configs = answer.results[0].configs
        answer.results[0].configs = [each for each in configs if each.name.startswith("consumer.")]
        return f"settings of {group}", self.plain(answer)

    def until_owns(self, group: str, member: str, partitions: int) -> Step:
        """The answer that gives the member so many partitions."""
        described = self.ask(ConsumerGroupDescribeRequest(group_ids=[PREFIX + group]), 1)
        found = described.groups[0].members[0]
        epoch = found.member_epoch
        deadline = time.monotonic() + 20
        answer: Any = None
        names = {str(topic_id): name for name, topic_id in self.topic_ids.items()}
        owned: Any = None
        while time.monotonic() < deadline:
            answer = self.ask(self.beat(group, member, epoch, owned=owned), 1)
            epoch = answer.member_epoch
            if answer.assignment is not None:
                owned = {
                    names[str(each.topic_id)]: each.partitions
                    for each in answer.assignment.topic_partitions
                }
                if sum(map(len, owned.values())) == partitions:
                    answer = self.ask(self.beat(group, member, epoch, owned=owned), 1)
                    break
            time.sleep(0.05)
        return f"{group} owns {partitions}", self.plain(answer)


def _assignment(topic: str, *partitions: int, user_data: bytes | None = None) -> bytes:
    assigned = ConsumerProtocolAssignmentTopicPartition(topic=topic, partitions=list(partitions))
    return encode_versioned(
        ConsumerProtocolAssignment(assigned_partitions=[assigned], user_data=user_data), 3
    )


def recorded_answers() -> list[Step]:
    """What Apache Kafka answers to the script."""
    return [(name, answer) for name, answer in json.loads(gzip.decompress(RECORDED.read_bytes()))]


def main() -> None:
    """Record Apache Kafka's answers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaBroker(Path(folder) / "kafka", SETTINGS) as kafka,
    ):
        answers = list(run_consumer_group_script(kafka.bootstrap))
    RECORDED.write_bytes(gzip.compress(json.dumps(answers).encode(), mtime=0))


if __name__ == "__main__":
    main()
