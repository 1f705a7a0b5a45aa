"""Shocks at random moments while two workers run: kills, processes that stand still, a broker that is killed.

Whatever comes, the workers finish by themselves, no input is lost and the final table is right. The seeds in
`STREAMKIT_SHOCK_SEEDS` ("3-30") run beside those that always do.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_process import BrokerProcess

from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition

APP = Path(__file__).parent / "apps" / "seen_ids.py"
RECORDS = 6_000
KEYS = 60
PARTITIONS = 4
SHOCKS = 4

pytestmark = pytest.mark.timeout(150)


def seeds() -> list[int]:
    first, _, last = os.environ.get("STREAMKIT_SHOCK_SEEDS", "").partition("-")
    return list(range(int(first), int(last or first) + 1)) if first else []


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker with the inputs in it, whose port stays the same."""
    with (
        (tmp_path / "broker.txt").open("w") as errors,
        BrokerProcess(
            tmp_path / "log", "--set", "group.min.session.timeout.ms=500", errors=errors
        ) as running,
    ):
        with Admin(running.bootstrap) as admin:
            admin.create_topics([NewTopic("inputs", PARTITIONS), NewTopic("outputs", PARTITIONS)])
        with Producer(running.bootstrap) as producer:
            for number in range(RECORDS):
                key = f"key-{number % KEYS}".encode()
                producer.append("inputs", -1, key, number.to_bytes(8, "big"), number, ())
            producer.flush()
        yield running


class Workers:
    """Two workers under a supervisor."""

    def __init__(self, broker: BrokerProcess, folder: Path) -> None:
        self.said = folder / "workers.txt"
        with self.said.open("w") as errors:
            self.supervisor = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamkit", "worker", str(APP), "--workers", "2"),
                    *("--bootstrap", broker.bootstrap, "--state-dir", str(folder / "state")),
                    *("--session-timeout-ms", "1500", "--stop-at-end", "--quiet"),
                ],
                env={**os.environ, "SEEN_PAUSE": "0.001"},
                stderr=errors,
            )

    def pids(self) -> list[int]:
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.supervisor.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in listed.stdout.split()]

    def wait_for_commits(self, bootstrap: str) -> None:
        deadline = time.monotonic() + 60
        with Admin(bootstrap) as admin:
            while sum(each.offset for each in admin.group_offsets("seen-ids").values()) == 0:
                assert self.supervisor.poll() is None, self.said.read_text()
                assert time.monotonic() < deadline, "nothing is committed"
                time.sleep(0.02)

    def finish(self) -> None:
        assert self.supervisor.wait(100) == 0, self.said.read_text()


def shock(kind: str, workers: Workers, broker: BrokerProcess, dice: random.Random) -> None:
    pids = workers.pids()
    if kind == "broker":
        broker.kill()
        time.sleep(dice.uniform(0, 1.0))
        broker.start()
    elif pids and kind == "kill":
        os.kill(dice.choice(pids), signal.SIGKILL)
    elif pids:
        # Longer than the session timeout: the group gives its tasks to the other one meanwhile.
        pid = dice.choice(pids)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(dice.uniform(1.5, 3.0))
        os.kill(pid, signal.SIGCONT)


def table(bootstrap: str, topic: str) -> dict[str, list[int]]:
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    rows: dict[str, list[int]] = {}
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for record in consumer.poll(0.2):
                rows[(record.key or b"").decode()] = json.loads(record.value or b"null")
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, *seeds()])
def test_workers_finish_after_any_shocks(broker: BrokerProcess, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    kinds = ["broker", "kill", "stop"]
    dice.shuffle(kinds)
    workers = Workers(broker, tmp_path)
    try:
        workers.wait_for_commits(broker.bootstrap)
        for number in range(SHOCKS):
            time.sleep(dice.uniform(0, 1.0))
            if workers.supervisor.poll() is None:
                kind = kinds[number] if number < len(kinds) else dice.choice(kinds)
                shock(kind, workers, broker, dice)
        workers.finish()
    finally:
        for pid in workers.pids():
            os.kill(pid, signal.SIGCONT)
        workers.supervisor.kill()
        workers.supervisor.wait()
    expected = {f"key-{number}": list(range(number, RECORDS, KEYS)) for number in range(KEYS)}
    assert table(broker.bootstrap, "outputs") == expected
    assert table(broker.bootstrap, "seen-ids-seen-changelog") == expected
