"""Groups of the consumer protocol (KIP-848) as librdkafka forms them, and both protocols in one group.

Sessions and heartbeats are short here, so that tests are.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stubs
    AdminClient,
    NewTopic,
)
from kafka_broker import KafkaBroker

from streamkit.testing import EmbeddedBroker

SETTINGS = {
    "group.consumer.heartbeat.interval.ms": "100",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.session.timeout.ms": "2000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.assignment.interval.ms": "0",
}
ALL = {0, 1, 2, 3}
CLASSIC = {"partition_assignment_strategy": "range"}
pytestmark = pytest.mark.scenario("consumer_protocol", client="confluent-kafka")
_TIMEOUT_S = 30
_MEMBER = Path(__file__).parents[1] / "support" / "consumer_protocol_member.py"
_numbers = itertools.count(1)


@pytest.fixture(
    scope="module",
    params=[
        "streamkit",
        pytest.param("kafka", marks=pytest.mark.kafka),
    ],
)
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "streamkit":
        with EmbeddedBroker(settings=SETTINGS) as broker:
            yield broker.bootstrap
    else:
        with KafkaBroker(tmp_path_factory.mktemp("kafka"), SETTINGS) as kafka:
            yield kafka.bootstrap


class Group:
    """Members of one group over a topic of four partitions, and what they have read.

    Attributes:
        read: by partition, the offsets that were read, in order.
    """

    def __init__(self, bootstrap: str, topic: str, group: str) -> None:
        self.bootstrap, self.topic, self.group = bootstrap, topic, group
        self.members: list[Consumer] = []
        self.read: dict[int, list[int]] = {partition: [] for partition in ALL}
        self._producer = Producer({"bootstrap.servers": bootstrap})

    def add(
        self, protocol: str = "consumer", *, topics: Sequence[str] = (), **settings: str
    ) -> Consumer:
        member = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.group,
                "group.protocol": protocol,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": True,
                "auto.commit.interval.ms": 100,
                **({"heartbeat.interval.ms": 100} if protocol == "classic" else {}),
                **{name.replace("_", "."): value for name, value in settings.items()},
            }
        )
        member.subscribe(list(topics) or [self.topic])
        self.members.append(member)
        return member

    def close(self, member: Consumer) -> None:
        self.members.remove(member)
        member.close()

    def produce(self, count: int) -> None:
        for partition in ALL:
            for _ in range(count):
                self._producer.produce(self.topic, b"v", partition=partition)
        assert self._producer.flush(_TIMEOUT_S) == 0

    def poll(self) -> None:
        for member in self.members:
            for message in member.consume(100, 0.02):
                assert message.error() is None
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                assert offset is not None
                self.read[partition].append(offset)

    def shares(self) -> list[set[int]]:
        return [partitions_of(member) for member in self.members]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.shares()}"
            self.poll()

    def balanced(self) -> bool:
        sizes = [len(share) for share in self.shares()]
        return (
            set().union(*self.shares()) == ALL
            and sum(sizes) == len(ALL)
            and max(sizes) - min(sizes) <= 1
        )

    def read_all(self, count: int) -> bool:
        return all(set(offsets) == set(range(count)) for offsets in self.read.values())


def partitions_of(member: Consumer) -> set[int]:
    return {each.partition for each in member.assignment()}


@pytest.fixture
def topic(bootstrap: str) -> str:
    name = f"consumer-protocol-{next(_numbers)}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, 4, 1)]).values():
        future.result()
    return name


@pytest.fixture
def group(bootstrap: str, topic: str) -> Iterator[Group]:
    group = Group(bootstrap, topic, f"group-of-{topic}")
    yield group
    for member in group.members:
        member.close()


def test_members_share_and_take_over(group: Group) -> None:
    group.produce(10)
    first = group.add()
    group.wait_for(lambda: group.read_all(10), "the first reads everything")
    second = group.add()
    group.wait_for(group.balanced, "two members share")
    third = group.add()
    group.wait_for(group.balanced, "three members share")
    group.produce(10)
    group.wait_for(lambda: group.read_all(20), "they read everything")
    assert all(offsets == list(range(20)) for offsets in group.read.values()), "nothing twice"
    group.close(second)
    group.wait_for(group.balanced, "two are left")
    group.close(third)
    group.wait_for(lambda: partitions_of(first) == ALL, "one is left")


def test_a_killed_member_is_replaced(group: Group) -> None:
    arguments = (group.bootstrap, group.group, group.topic)
    process = subprocess.Popen(
        [sys.executable, str(_MEMBER), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "0 1 2 3":
            assert process.poll() is None
        survivor = group.add()
        group.wait_for(lambda: len(partitions_of(survivor)) == 2, "they share")
        process.kill()
        group.wait_for(lambda: partitions_of(survivor) == ALL, "its session ends")


def test_static_member_comes_back_to_its_partitions(group: Group) -> None:
    static = group.add(group_instance_id="one")
    other = group.add()
    group.wait_for(group.balanced, "they share")
    before = partitions_of(other)
    group.close(static)
    back = group.add(group_instance_id="one")
    group.wait_for(lambda: bool(partitions_of(back)), "it is back")
    assert partitions_of(other) == before
    assert partitions_of(back) == ALL - before


def test_commits_are_read_by_the_next_member(group: Group) -> None:
    group.produce(5)
    first = group.add()
    group.wait_for(lambda: group.read_all(5), "all are read")
    first.commit(asynchronous=False)
    group.close(first)
    group.produce(5)
    second = group.add()
    group.wait_for(lambda: group.read_all(10), "the rest is read")
    assert all(offsets == list(range(10)) for offsets in group.read.values()), "nothing twice"
    committed = second.committed([TopicPartition(group.topic, 0)], timeout=_TIMEOUT_S)
    assert committed[0].offset >= 5


def test_pattern_takes_the_topics_that_match(group: Group, request: pytest.FixtureRequest) -> None:
    if "kafka" in request.node.name:
        pytest.skip("takes Apache Kafka ten seconds; the Java consumers' test has it")
    member = group.add(topics=[f"^{group.topic[:-1]}{group.topic[-1]}$"])
    group.wait_for(lambda: partitions_of(member) == ALL, "the pattern is matched")


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_assignor_of_the_members_choice(group: Group, assignor: str) -> None:
    for _ in range(2):
        group.add(group_remote_assignor=assignor)
    group.wait_for(group.balanced, "they share")
    admin = AdminClient({"bootstrap.servers": group.bootstrap})
    described = admin.describe_consumer_groups([group.group])[group.group].result()
    assert described.partition_assignor == assignor
    assert described.state.name == "STABLE"
    assert described.type.name == "CONSUMER"
    if assignor == "range":
        assert sorted(map(sorted, group.shares())) == [[0, 1], [2, 3]]


def test_group_rolls_to_the_new_protocol_and_back(group: Group) -> None:
    """Members are replaced one by one; everything is read.

    With range: librdkafka's cooperative-sticky puts data of its own into assignments, and then neither broker
    takes the group over.
    """
    total = 0
    group.add("classic", **CLASSIC)
    group.add("classic", **CLASSIC)
    group.wait_for(group.balanced, "classic members share")
    admin = AdminClient({"bootstrap.servers": group.bootstrap})
    kinds = []
    for protocol in ("consumer", "consumer", "classic", "classic"):
        total += 5
        group.produce(5)
        group.add(protocol, **CLASSIC if protocol == "classic" else {})
        group.wait_for(group.balanced, f"{protocol} member joins")
        group.close(group.members[0])
        group.wait_for(group.balanced, "the oldest member leaves")
        group.wait_for(lambda: group.read_all(total), "everything is read")  # noqa: B023 - waited for
        kinds.append(admin.describe_consumer_groups([group.group])[group.group].result().type.name)
    assert kinds == ["CONSUMER", "CONSUMER", "CONSUMER", "CLASSIC"]
