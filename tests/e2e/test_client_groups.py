"""Groups of our consumers against a live broker: the bundled one, and Apache Kafka (marked `kafka`)."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator

import confluent_kafka
import pytest
from kafka_broker import KafkaBroker

from streamkit.errors import BrokerError
from streamkit.log.client import (
    Admin,
    Assignor,
    CommitFailedError,
    Consumer,
    CooperativeStickyAssignor,
    NewTopic,
    Producer,
    RangeAssignor,
    RebalanceListener,
    RoundRobinAssignor,
    StickyAssignor,
)
from streamkit.model import EMPTY_HEADERS, TopicPartition
from streamkit.testing import EmbeddedBroker

_SETTINGS = {"group.min.session.timeout.ms": "1000"}
_numbers = itertools.count(1)
BASE_MS = 1_700_000_000_000


@pytest.fixture(
    scope="module", params=["streamkit", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "streamkit":
        with EmbeddedBroker(settings=_SETTINGS) as broker:
            yield broker.bootstrap
    else:
        with KafkaBroker(tmp_path_factory.mktemp("kafka"), _SETTINGS) as kafka:
            yield kafka.bootstrap


@pytest.fixture
def admin(bootstrap: str) -> Iterator[Admin]:
    with Admin(bootstrap) as admin:
        yield admin


@pytest.fixture
def topic(admin: Admin) -> str:
    """A new topic of six partitions."""
    name = f"group-topic-{next(_numbers)}"
    admin.create_topics([NewTopic(name, 6, configs={"retention.ms": "-1"})])
    return name


def fill(bootstrap: str, topic: str, numbers: range) -> None:
    with Producer(bootstrap) as producer:
        for i in numbers:
            if i % 50 == 0:
                producer.flush()  # batches of a few records, so that fetches end in between
            producer.append(topic, i % 6, b"%d" % i, b"v", BASE_MS, EMPTY_HEADERS)


class Recorder(RebalanceListener):
    """Writes down what it is told, and what it owns by that."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.owned: set[TopicPartition] = set()

    def on_assigned(self, partitions: list[TopicPartition]) -> None:
        self.events.append(("assigned", len(partitions)))
        assert not self.owned & set(partitions)
        self.owned |= set(partitions)

    def on_revoked(self, partitions: list[TopicPartition]) -> None:
        self.events.append(("revoked", len(partitions)))
        assert self.owned >= set(partitions)
        self.owned -= set(partitions)

    def on_lost(self, partitions: list[TopicPartition]) -> None:
        self.events.append(("lost", len(partitions)))
        self.owned -= set(partitions)


class Member:
    """A consumer that is polled by hand, what it read, and what its listener was told."""

    def __init__(
        self, bootstrap: str, topic: str | re.Pattern[str], group: str, **settings: object
    ) -> None:
        merged: dict[str, object] = {
            "group_id": group,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 100,
            "metadata_max_age_ms": 200,
            **settings,
        }
        self.consumer = Consumer(bootstrap, **merged)  # type: ignore[arg-type]  # settings of tests
        self.listener = Recorder()
        self.consumer.subscribe(
            [topic] if isinstance(topic, str) else topic, listener=self.listener
        )
        self.keys: list[bytes | None] = []

    def poll(self, timeout: float = 0.05) -> None:
        for batch in self.consumer.poll_batches(timeout):
            self.keys += batch.columns.keys

    @property
    def size(self) -> int:
        return len(self.consumer.assignment())


def poll_until_sizes(members: list[Member], sizes: list[int]) -> None:
    """Poll all in turn until the members hold these numbers of partitions, no two the same one."""
    while True:
        for member in members:
            member.poll()
        if sorted(m.size for m in members) == sizes:
            held = [tp for m in members for tp in m.consumer.assignment()]
            if len(held) == len(set(held)):
                return


ASSIGNORS: list[Assignor] = [
    RangeAssignor(),
    RoundRobinAssignor(),
    StickyAssignor(),
    CooperativeStickyAssignor(),
]


@pytest.mark.parametrize("assignor", ASSIGNORS, ids=lambda a: a.name)
def test_members_share_join_and_leave(bootstrap: str, topic: str, assignor: Assignor) -> None:
    fill(bootstrap, topic, range(600))
    group = f"g-{topic}"
    first = Member(bootstrap, topic, group, assignors=[assignor])
    poll_until_sizes([first], [6])
    second = Member(bootstrap, topic, group, assignors=[assignor])
    poll_until_sizes([first, second], [3, 3])
    third = Member(bootstrap, topic, group, assignors=[assignor])
    poll_until_sizes([first, second, third], [2, 2, 2])
    second.consumer.close()
    assert second.listener.owned == set()
    poll_until_sizes([first, third], [3, 3])
    for member in (first, third):
        assert member.listener.owned == member.consumer.assignment()
        member.consumer.close()


def test_cooperative_members_keep_what_does_not_move(bootstrap: str, topic: str) -> None:
    group = f"g-{topic}"
    first = Member(bootstrap, topic, group, assignors=[CooperativeStickyAssignor()])
    poll_until_sizes([first], [6])
    second = Member(bootstrap, topic, group, assignors=[CooperativeStickyAssignor()])
    poll_until_sizes([first, second], [3, 3])
    revoked = [count for what, count in first.listener.events if what == "revoked"]
    assert revoked == [3]
    for member in (first, second):
        member.consumer.close()


def test_every_record_is_read_once_across_a_clean_rebalance(bootstrap: str, topic: str) -> None:
    """Commits in on_revoked hand positions over exactly."""
    group = f"g-{topic}"
    fill(bootstrap, topic, range(1_500))
    first = Member(bootstrap, topic, group, enable_auto_commit=True, max_partition_fetch_bytes=500)
    while len(first.keys) < 500:
        first.poll()
    second = Member(bootstrap, topic, group, enable_auto_commit=True, max_partition_fetch_bytes=500)
    poll_until_sizes([first, second], [3, 3])
    fill(bootstrap, topic, range(1_500, 3_000))
    while len(first.keys) + len(second.keys) < 3_000:
        first.poll()
        second.poll()
    assert second.keys
    keys = first.keys + second.keys
    assert sorted(keys, key=lambda k: int(k or b"")) == [b"%d" % i for i in range(3_000)]
    for member in (first, second):
        member.consumer.close()


def test_group_resumes_where_it_committed(bootstrap: str, topic: str) -> None:
    group = f"g-{topic}"
    fill(bootstrap, topic, range(60))
    first = Member(bootstrap, topic, group)
    while len(first.keys) < 60:
        first.poll()
    first.consumer.commit()
    first.consumer.close()
    fill(bootstrap, topic, range(60, 90))
    second = Member(bootstrap, topic, group)
    while len(second.keys) < 30:
        second.poll()
    second.poll(0.2)
    assert sorted(int(k or b"") for k in second.keys) == list(range(60, 90))
    second.consumer.close()


def test_pattern_finds_topics_that_appear_later(bootstrap: str, admin: Admin) -> None:
    prefix = f"pattern-{next(_numbers)}"
    admin.create_topics([NewTopic(f"{prefix}-a", 2)])
    member = Member(bootstrap, re.compile(f"{prefix}-.*"), f"g-{prefix}")
    poll_until_sizes([member], [2])
    admin.create_topics([NewTopic(f"{prefix}-b", 3)])
    poll_until_sizes([member], [5])
    assert member.consumer.subscription() == {f"{prefix}-a", f"{prefix}-b"}
    member.consumer.close()


def test_topic_that_is_created_after_the_subscription_is_picked_up(
    bootstrap: str, admin: Admin
) -> None:
    name = f"late-{next(_numbers)}"
    member = Member(bootstrap, name, f"g-{name}")
    poll_until_sizes([member], [0])
    admin.create_topics([NewTopic(name, 2)])
    poll_until_sizes([member], [2])
    admin.create_partitions(name, 4)
    poll_until_sizes([member], [4])
    member.consumer.close()


def test_caller_that_stops_polling_loses_its_partitions(bootstrap: str, topic: str) -> None:
    group = f"g-{topic}"
    slow = Member(bootstrap, topic, group, max_poll_interval_ms=1_000)
    poll_until_sizes([slow], [6])
    other = Member(bootstrap, topic, group)
    deadline = time.monotonic() + 30
    while other.size < 6:
        assert time.monotonic() < deadline
        other.poll()
    with pytest.raises((CommitFailedError, BrokerError)):
        slow.consumer.commit(dict.fromkeys(other.consumer.assignment(), 0), timeout=2)
    poll_until_sizes([slow, other], [3, 3])
    assert ("lost", 6) in slow.listener.events
    for member in (slow, other):
        member.consumer.close()


def test_static_member_comes_back_without_a_rebalance(bootstrap: str, topic: str) -> None:
    group = f"g-{topic}"
    other = Member(bootstrap, topic, group, group_instance_id="other")
    static = Member(bootstrap, topic, group, group_instance_id="one")
    poll_until_sizes([other, static], [3, 3])
    held = static.consumer.assignment()
    events = len(other.listener.events)
    static.consumer.close()
    back = Member(bootstrap, topic, group, group_instance_id="one")
    while back.size < 3:
        back.poll()
        other.poll()
    assert back.consumer.assignment() == held
    assert len(other.listener.events) == events
    for member in (other, back):
        member.consumer.close()


def test_new_subscription_replaces_the_old_one(bootstrap: str, admin: Admin, topic: str) -> None:
    other = f"other-{next(_numbers)}"
    admin.create_topics([NewTopic(other, 2)])
    member = Member(bootstrap, topic, f"g-{topic}")
    poll_until_sizes([member], [6])
    member.consumer.subscribe([other], listener=member.listener)
    poll_until_sizes([member], [2])
    member.consumer.unsubscribe()
    assert member.consumer.assignment() == set()
    member.consumer.assign([TopicPartition(topic, 0)])
    member.consumer.close()


def test_assignor_that_raises_is_reported_to_the_caller(bootstrap: str, topic: str) -> None:
    class Broken(RangeAssignor):
        name = "broken"

        async def assign(self, cluster: object, subscriptions: object) -> dict[str, object]:  # type: ignore[override]
            raise LookupError("no plan")

    member = Member(bootstrap, topic, f"g-{topic}", assignors=[Broken()])
    with pytest.raises(Exception, match="no plan"):
        poll_until_sizes([member], [6])
    member.consumer.close()


def test_listener_that_raises_reaches_the_caller_and_the_group_goes_on(
    bootstrap: str, topic: str
) -> None:
    class Failing(Recorder):
        def on_assigned(self, partitions: list[TopicPartition]) -> None:
            super().on_assigned(partitions)
            if len(self.events) == 1:
                raise LookupError("not today")

    first = Member(bootstrap, topic, f"g-{topic}")
    first.listener = Failing()
    first.consumer.subscribe([topic], listener=first.listener)
    with pytest.raises(LookupError, match="not today"):
        poll_until_sizes([first], [6])
    second = Member(bootstrap, topic, f"g-{topic}")
    poll_until_sizes([first, second], [3, 3])
    for member in (first, second):
        member.consumer.close()


def test_member_whose_listener_raises_at_close_leaves_the_group_all_the_same(
    bootstrap: str, topic: str
) -> None:
    class Failing(Recorder):
        def on_revoked(self, partitions: list[TopicPartition]) -> None:
            raise LookupError("not today")

    first, second = (
        Member(bootstrap, topic, f"g-{topic}", session_timeout_ms=30_000) for _ in range(2)
    )
    poll_until_sizes([first, second], [3, 3])
    first.consumer.subscribe([topic], listener=Failing())
    began = time.monotonic()
    with pytest.raises(LookupError, match="not today"):
        first.consumer.close()
    poll_until_sizes([second], [6])
    assert time.monotonic() - began < 20  # not only after the session timeout
    second.consumer.close()


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_group_is_shared_with_librdkafka(bootstrap: str, topic: str, strategy: str) -> None:
    """Each of the two leads in turn, so both must understand the other's subscriptions."""
    group = f"g-{topic}"
    assignor = RangeAssignor() if strategy == "range" else CooperativeStickyAssignor()
    for ours_first in (True, False):
        theirs = confluent_kafka.Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{group}-{ours_first}",
                "partition.assignment.strategy": strategy,
                "session.timeout.ms": 6_000,
                "heartbeat.interval.ms": 100,
            }
        )
        members: list[Member] = []
        if ours_first:
            members.append(Member(bootstrap, topic, f"{group}-True", assignors=[assignor]))
            poll_until_sizes(members, [6])
        theirs.subscribe([topic])
        if not ours_first:
            while len(theirs.assignment()) < 6:
                theirs.poll(0.05)
            members.append(Member(bootstrap, topic, f"{group}-False", assignors=[assignor]))
        while not (members[0].size == 3 and len(theirs.assignment()) == 3):
            members[0].poll()
            theirs.poll(0.05)
        held = {(tp.topic, tp.partition) for tp in theirs.assignment()}
        assert not held & members[0].consumer.assignment()
        theirs.close()
        poll_until_sizes(members, [6])
        members[0].consumer.close()
