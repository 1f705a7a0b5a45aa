"""kill -9 of a worker: whatever the moment, no input is lost and the final table is right.

Each run kills when a seeded share of the input is committed, with lag above zero and committed offsets above
zero, both asserted.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka_broker import KafkaBroker

from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.log.protocol import decode_versioned
from streamkit.log.protocol.messages import ConsumerProtocolAssignment
from streamkit.model import TopicPartition
from streamkit.runtime.user_data import decode_assignment
from streamkit.testing import EmbeddedBroker

APP = Path(__file__).parent / "apps" / "seen_ids.py"
GROUP = "seen-ids"
RECORDS = 4_000
KEYS = 60
PARTITIONS = 4
BROKER_SETTINGS = {"group.min.session.timeout.ms": "500"}

pytestmark = pytest.mark.timeout(150)

each_seed = pytest.mark.parametrize(
    ("bootstrap", "seed"),
    [
        ("bundled", 1),
        *(pytest.param("bundled", seed, marks=pytest.mark.slow) for seed in (2, 3, 4, 5)),
        pytest.param("apache kafka", 6, marks=pytest.mark.kafka),
    ],
    indirect=["bootstrap"],
)


@pytest.fixture
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A broker with the inputs in it."""
    cluster: EmbeddedBroker | KafkaBroker
    if request.param == "bundled":
        cluster = EmbeddedBroker(settings=BROKER_SETTINGS)
    else:
        cluster = KafkaBroker(tmp_path_factory.mktemp("kafka"), BROKER_SETTINGS)
    with cluster as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("inputs", PARTITIONS), NewTopic("outputs", PARTITIONS)])
        with Producer(broker.bootstrap) as producer:
            for number in range(RECORDS):
                key = f"key-{number % KEYS}".encode()
                producer.append("inputs", -1, key, number.to_bytes(8, "big"), number, ())
            producer.flush()
        yield broker.bootstrap


@contextmanager
def worker(bootstrap: str, state: Path, *, slow: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamkit", "worker", str(APP), "--bootstrap", bootstrap),
            *("--state-dir", str(state), "--stop-at-end", "--session-timeout-ms", "1500"),
        ],
        env={**os.environ, "SEEN_PAUSE": "0.0006" if slow else "0"},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_commits(admin: Admin, process: subprocess.Popen[bytes], at_least: int) -> int:
    """How many inputs are committed, once they are enough."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1].decode())
        committed = sum(offset.offset for offset in admin.group_offsets(GROUP).values())
        if committed >= at_least:
            return committed
        time.sleep(0.01)
    group = admin.describe_groups([GROUP])[GROUP]
    raise AssertionError(f"{committed} inputs are committed, not {at_least}; the group: {group}")


def wait_for_members(bootstrap: str, count: int) -> None:
    """Each of `count` workers has tasks."""
    deadline = time.monotonic() + 30
    with Admin(bootstrap) as admin:
        while time.monotonic() < deadline:
            group = admin.describe_groups([GROUP])[GROUP]
            tasks = [decode_assigned_tasks(member.assignment) for member in group.members]
            if group.state == "Stable" and len(tasks) == count and all(tasks):
                return
            time.sleep(0.01)
    raise AssertionError("the workers do not share the tasks")


def decode_assigned_tasks(assignment: bytes) -> int:
    """How many tasks Kafka's ConsumerProtocol envelope holds in its user data."""
    if not assignment:
        return 0
    decoded = decode_versioned(ConsumerProtocolAssignment, assignment)
    return len(decode_assignment(decoded.user_data)[0])


def kill_in_the_middle(bootstrap: str, process: subprocess.Popen[bytes], seed: int) -> None:
    share = random.Random(seed).uniform(0.05, 0.6)
    with Admin(bootstrap) as admin:
        committed = wait_for_commits(admin, process, max(1, int(share * RECORDS)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert committed > 0
        assert committed < RECORDS, "lag is zero: the kill came too late"


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()


def table(bootstrap: str, topic: str) -> dict[str, list[int]]:
    """The last value of each key."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    rows: dict[str, list[int]] = {}
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for record in consumer.poll(0.2):
                assert record.key is not None
                assert record.value is not None
                rows[record.key.decode()] = json.loads(record.value)
    return rows


def expected() -> dict[str, list[int]]:
    return {f"key-{number}": list(range(number, RECORDS, KEYS)) for number in range(KEYS)}


def assert_tables_are_right(bootstrap: str) -> None:
    assert table(bootstrap, "outputs") == expected()
    assert table(bootstrap, f"{GROUP}-seen-changelog") == expected()


@each_seed
def test_killed_worker_goes_on_with_its_state_folder(
    bootstrap: str, tmp_path: Path, seed: int
) -> None:
    with worker(bootstrap, tmp_path, slow=True) as first:
        kill_in_the_middle(bootstrap, first, seed)
    with worker(bootstrap, tmp_path) as second:
        finish(second)
    assert_tables_are_right(bootstrap)


@each_seed
def test_killed_worker_without_its_folder_restores_from_the_changelog(
    bootstrap: str, tmp_path: Path, seed: int
) -> None:
    with worker(bootstrap, tmp_path, slow=True) as first:
        kill_in_the_middle(bootstrap, first, seed)
    shutil.rmtree(tmp_path / GROUP)
    with worker(bootstrap, tmp_path) as second:
        finish(second)
    assert_tables_are_right(bootstrap)


@each_seed
def test_survivor_takes_over_the_tasks_of_a_killed_worker(
    bootstrap: str, tmp_path: Path, seed: int
) -> None:
    """The two workers share nothing but the log: each has a folder of its own."""
    with (
        worker(bootstrap, tmp_path / "one", slow=True) as first,
        worker(bootstrap, tmp_path / "two", slow=True) as survivor,
    ):
        wait_for_members(bootstrap, 2)
        kill_in_the_middle(bootstrap, first, seed)
        finish(survivor)
    assert_tables_are_right(bootstrap)
