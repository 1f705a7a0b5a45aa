"""Commits that the group refuses, or that come from a member which the group has dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamkit.dsl import StreamsBuilder
from streamkit.errors import BrokerError
from streamkit.log.client import Admin, CommitFailedError, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

GROUP = "sums"
IN, OUT = TopicPartition("in", 0), TopicPartition("out", 0)
RECORDS = 20


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "100"}) as running:
        with Admin(running.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 1), NewTopic("out", 1)])
        yield running


@pytest.fixture
def admin(broker: EmbeddedBroker) -> Iterator[Admin]:
    with Admin(broker.bootstrap) as running:
        yield running


@pytest.fixture
def worker(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Worker]:
    builder = StreamsBuilder(default_key=str, default_value=str)
    counts = builder.stream("in").group_by_key().count(store="counts")
    counts.map_values(str, value=str).to_stream().to("out")
    settings = WorkerSettings(
        GROUP,
        broker.bootstrap,
        tmp_path,
        commit_interval_ms=50,
        linger_ms=0,
        session_timeout_ms=600,
    )
    running = Worker(builder.build(), settings)
    running.start()
    yield running
    running.stop()
    running.join(20)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def give(broker: EmbeddedBroker, count: int = RECORDS) -> None:
    with Producer(broker.bootstrap, linger_ms=0) as producer:
        for number in range(count):
            producer.append("in", 0, b"k", b"%d" % number, number, ())


def committed(admin: Admin) -> int:
    found = admin.group_offsets(GROUP).get(IN)
    return -1 if found is None else found.offset


def outputs(broker: EmbeddedBroker) -> list[bytes | None]:
    with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([OUT])
        end = consumer.end_offsets([OUT])[OUT]
        found = []
        while consumer.position(OUT) < end:
            found += [record.value for record in consumer.poll(0.2)]
    return found


EXPECTED = [b"%d" % number for number in range(1, RECORDS + 1)]


@pytest.mark.parametrize(
    "code", ["REBALANCE_IN_PROGRESS", "NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS"]
)
def test_refused_commit_is_tried_again_although_nothing_new_came(
    broker: EmbeddedBroker, admin: Admin, worker: Worker, code: str
) -> None:
    wait_for(lambda: worker.status.state == "running")
    refusing = broker.faults.error("OffsetCommit", code, times=3)
    give(broker)
    refusing.wait_for_hits(3)
    wait_for(lambda: committed(admin) == RECORDS)
    assert outputs(broker) == EXPECTED


def test_worker_that_stops_while_its_group_rebalances_commits_first(
    broker: EmbeddedBroker, admin: Admin, worker: Worker
) -> None:
    """Workers of one application are often stopped together, and the first to leave starts a rebalance."""
    wait_for(lambda: worker.status.state == "running")
    with broker.faults.error("OffsetCommit", "REBALANCE_IN_PROGRESS") as refusing:
        give(broker)
        refusing.wait_for_hits(2)
        worker.stop()
        refusing.wait_for_hits(refusing.hits + 3)
    assert worker.join(20)
    assert committed(admin) == RECORDS


def test_commit_whose_answer_is_lost_is_made_once_more(
    broker: EmbeddedBroker, admin: Admin, worker: Worker
) -> None:
    wait_for(lambda: worker.status.state == "running")
    lost = broker.faults.lose_reply("OffsetCommit", times=1)
    give(broker)
    lost.wait_for_hits()
    wait_for(lambda: committed(admin) == RECORDS and worker.status.commits > 0)
    give(broker, 1)
    wait_for(lambda: committed(admin) == RECORDS + 1)
    assert outputs(broker) == [*EXPECTED, b"%d" % (RECORDS + 1)]


def test_worker_that_was_dropped_by_its_group_comes_back_and_commits(
    broker: EmbeddedBroker, admin: Admin, worker: Worker
) -> None:
    wait_for(lambda: worker.status.state == "running")
    give(broker, 5)
    wait_for(lambda: committed(admin) == 5)
    with broker.faults.drop("Heartbeat") as silence:
        silence.wait_for_hits()
        wait_for(lambda: admin.describe_groups([GROUP])[GROUP].state == "Empty")
    give(broker, RECORDS - 5)
    wait_for(lambda: committed(admin) == RECORDS)
    assert outputs(broker) == EXPECTED


def test_consumer_that_was_dropped_can_not_commit_to_its_empty_group(
    broker: EmbeddedBroker, admin: Admin
) -> None:
    """Without a member id it would pass for a consumer without a group, and turn back what others committed."""
    with Consumer(broker.bootstrap, group_id=GROUP, session_timeout_ms=600) as consumer:
        consumer.subscribe(["in"])
        wait_for(lambda: consumer.poll(0.05) or consumer.assignment())
        with broker.faults.drop("Heartbeat") as silence:
            silence.wait_for_hits()
            wait_for(lambda: admin.describe_groups([GROUP])[GROUP].state == "Empty")
        admin.alter_group_offsets(GROUP, {IN: 50})
        wait_for(lambda: consumer.group_metadata().generation_id < 0)
        with pytest.raises(CommitFailedError):
            consumer.commit({IN: 10})
        assert committed(admin) == 50


def test_updates_that_a_cache_can_not_send_are_not_committed(tmp_path: Path) -> None:
    """The commit that sends them fails as their topic isn't there: the next one must not pass for that of their input."""
    with EmbeddedBroker(settings={"auto.create.topics.enable": "false"}) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 1)])
        give(broker)
        builder = StreamsBuilder(default_key=str, default_value=str)
        counts = builder.stream("in").group_by_key().count(store="counts")
        counts.to_stream().to("missing")
        settings = WorkerSettings(
            GROUP,
            broker.bootstrap,
            tmp_path,
            commit_interval_ms=50,
            linger_ms=0,
            statestore_cache_max_bytes=1 << 20,
        )
        worker = Worker(builder.build(), settings)
        worker.start()
        with pytest.raises(BrokerError, match="topic missing does not exist"):
            worker.join(20)
        with Admin(broker.bootstrap) as admin:
            assert committed(admin) == -1
