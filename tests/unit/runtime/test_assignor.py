"""What the leader of a group does between JoinGroup and SyncGroup."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamkit as sk
from streamkit.errors import BrokerError, ProtocolError
from streamkit.log.client import Assignment, NewTopic, Subscription
from streamkit.model import TaskId, TopicPartition
from streamkit.runtime.assignment import MemberState
from streamkit.runtime.assignor import StreamkitAssignor
from streamkit.runtime.user_data import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from streamkit.topology.plan import TopologyPlan, plan


class Cluster:
    """Topics by name, and what was created."""

    def __init__(self, **topics: int) -> None:
        self.topics = dict(topics)
        self.created: list[NewTopic] = []

    def partition_count(self, topic: str) -> int | None:
        return self.topics.get(topic)

    async def refresh(self, topics: Collection[str]) -> None:
        pass

    async def create_topics(self, topics: Sequence[NewTopic]) -> None:
        self.created += topics
        self.topics.update({topic.name: topic.partitions for topic in topics})


def planned() -> TopologyPlan:
    """Sub-topology 0 reads `lines`, 1 counts what 0 repartitions."""
    builder = sk.StreamsBuilder()
    builder.stream("lines", key=str, value=str).group_by(lambda _, word: word, key=str).count(
        store="words"
    )
    return plan(builder.build(), "app")


def assign(cluster: Cluster, members: dict[str, MemberState]) -> dict[str, Assignment]:
    assignor = StreamkitAssignor(planned(), lambda: MemberState("h"))
    subscriptions = {
        member: Subscription(("lines", "app-words-repartition"), (), encode_subscription(state))
        for member, state in members.items()
    }
    return dict(asyncio.run(assignor.assign(cluster, subscriptions)))


def tasks_of(assignment: Assignment) -> tuple[TaskId, ...]:
    tasks, error = decode_assignment(assignment.user_data)
    assert not error
    return tasks


def test_internal_topics_are_created_as_wide_as_their_source() -> None:
    cluster = Cluster(lines=3)
    assign(cluster, {"a": MemberState("h")})
    created = {topic.name: topic for topic in cluster.created}
    assert {name: topic.partitions for name, topic in created.items()} == {
        "app-words-repartition": 3,
        "app-words-changelog": 3,
    }
    assert created["app-words-changelog"].configs["cleanup.policy"] == "compact"
    assert created["app-words-repartition"].configs["cleanup.policy"] == "delete"


def test_existing_internal_topics_are_left_alone() -> None:
    cluster = Cluster(**{"lines": 3, "app-words-repartition": 3, "app-words-changelog": 3})
    assign(cluster, {"a": MemberState("h")})
    assert cluster.created == []


def test_tasks_come_with_their_partitions() -> None:
    assigned = assign(Cluster(lines=2), {"a": MemberState("h")})["a"]
    assert tasks_of(assigned) == (TaskId(0, 0), TaskId(0, 1), TaskId(1, 0), TaskId(1, 1))
    assert set(assigned.partitions) == {
        TopicPartition(topic, number)
        for topic in ("lines", "app-words-repartition")
        for number in (0, 1)
    }


def test_task_that_moves_is_withheld_until_its_owner_gave_it_up() -> None:
    everything = frozenset(TaskId(sub, partition) for sub in (0, 1) for partition in (0, 1))
    first = assign(Cluster(lines=2), {"old": MemberState("h", everything), "new": MemberState("h")})
    kept = set(tasks_of(first["old"]))
    assert len(kept) == 2
    assert tasks_of(first["new"]) == ()
    assert first["new"].partitions == ()
    second = assign(
        Cluster(lines=2), {"old": MemberState("h", frozenset(kept)), "new": MemberState("h")}
    )
    assert set(tasks_of(second["old"])) == kept
    assert set(tasks_of(second["new"])) == everything - kept


def test_of_two_that_claim_a_task_the_younger_generation_has_it() -> None:
    claim = encode_subscription(MemberState("h", frozenset([TaskId(0, 0)])))
    assignor = StreamkitAssignor(planned(), lambda: MemberState("h"))
    assigned = asyncio.run(
        assignor.assign(
            Cluster(lines=1),
            {
                "zombie": Subscription(("lines",), (), claim, generation_id=3),
                "heir": Subscription(("lines",), (), claim, generation_id=4),
            },
        )
    )
    assert TaskId(0, 0) in tasks_of(assigned["heir"])


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (Cluster(), "'lines'"),
        (Cluster(**{"lines": 2, "app-words-changelog": 5}), "has 5 partitions, but 2 are needed"),
    ],
    ids=["missing source", "changelog of another width"],
)
def test_what_cannot_run_is_told_to_every_member(cluster: Cluster, reason: str) -> None:
    for assigned in assign(cluster, {"a": MemberState("h"), "b": MemberState("h")}).values():
        assert assigned.partitions == ()
        tasks, error = decode_assignment(assigned.user_data)
        assert tasks == ()
        assert reason in error


def test_refused_topic_is_told_to_every_member() -> None:
    class Refusing(Cluster):
        async def create_topics(self, topics: Sequence[NewTopic]) -> None:
            raise BrokerError("not allowed to create topics", code=29)

    assigned = assign(Refusing(lines=1), {"a": MemberState("h")})["a"]
    assert "not allowed" in decode_assignment(assigned.user_data)[1]


TASKS = st.builds(TaskId, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))


@given(st.text(max_size=50), st.frozensets(TASKS), st.dictionaries(TASKS, st.integers(0, 2**62)))
def test_subscription_round_trip(
    host: str, owned: frozenset[TaskId], stored: dict[TaskId, int]
) -> None:
    state = MemberState(host, owned, stored)
    assert decode_subscription(encode_subscription(state)) == state


@given(st.frozensets(TASKS), st.text(max_size=50))
def test_assignment_round_trip(active: frozenset[TaskId], error: str) -> None:
    assert decode_assignment(encode_assignment(active, error)) == (tuple(sorted(active)), error)


@given(st.binary(max_size=60).map(lambda data: b"\x00\x01" + data))
def test_damaged_bytes_are_a_protocol_error_or_read(data: bytes) -> None:
    for decode in (decode_subscription, decode_assignment):
        try:
            decode(data)
        except ProtocolError:
            continue


def test_other_version_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match="version 2"):
        decode_subscription(b"\x00\x02")
    with pytest.raises(ProtocolError):
        decode_assignment(None)
