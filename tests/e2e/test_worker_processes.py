"""`streamkit worker --workers N`: processes under a supervisor, from the shell and from a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.testing import EmbeddedBroker

APP = Path(__file__).parent / "apps" / "seen_ids.py"
RECORDS = 3_000
KEYS = 50
PARTITIONS = 4

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def bootstrap() -> Iterator[str]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("inputs", PARTITIONS), NewTopic("outputs", PARTITIONS)])
        with Producer(broker.bootstrap) as producer:
            for number in range(RECORDS):
                key = f"key-{number % KEYS}".encode()
                producer.append("inputs", -1, key, number.to_bytes(8, "big"), number, ())
            producer.flush()
        yield broker.bootstrap


def table(bootstrap: str, topic: str = "outputs") -> dict[str, list[int]]:
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    rows: dict[str, list[int]] = {}
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for record in consumer.poll(0.2):
                rows[(record.key or b"").decode()] = json.loads(record.value or b"null")
    return rows


def expected() -> dict[str, list[int]]:
    return {f"key-{number}": list(range(number, RECORDS, KEYS)) for number in range(KEYS)}


def workers_of(supervisor: int) -> list[int]:
    """Process ids of the supervisor's workers."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(supervisor)], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in listed.stdout.split()]


def wait_for_commits(bootstrap: str, process: subprocess.Popen[str], at_least: int) -> None:
    deadline = time.monotonic() + 30
    with Admin(bootstrap) as admin:
        while sum(o.offset for o in admin.group_offsets("seen-ids").values()) < at_least:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "nothing is committed"
            time.sleep(0.01)


def start(
    bootstrap: str, folder: Path, *options: str, pause: str = "0.0005"
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "streamkit", "worker", str(APP), "--bootstrap", bootstrap),
            *("--state-dir", str(folder), "--session-timeout-ms", "1500", *options),
        ],
        env={**os.environ, "SEEN_PAUSE": pause},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_worker_is_replaced_and_nothing_is_lost(bootstrap: str, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.json"
    process = start(
        *(bootstrap, tmp_path, "--workers", "2", "--stop-at-end", "--metrics-json", str(metrics))
    )
    try:
        wait_for_commits(bootstrap, process, RECORDS // 10)
        first, _second = workers_of(process.pid)
        os.kill(first, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "ended with signal SIGKILL; starting it again" in said
    assert table(bootstrap) == expected()
    summary = json.loads(metrics.read_text())
    assert summary["restarts"] == 1
    assert summary["dropped"] == 0
    assert summary["processed"] > 0


def test_sigterm_drains_all_workers(bootstrap: str, tmp_path: Path) -> None:
    process = start(bootstrap, tmp_path, "--workers", "2")
    try:
        wait_for_commits(bootstrap, process, RECORDS // 10)
        process.terminate()
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "done:" in said
    with Admin(bootstrap) as admin:
        assert admin.describe_groups(["seen-ids"])["seen-ids"].members == ()
    rest = start(bootstrap, tmp_path, "--stop-at-end", pause="0")
    _, said = rest.communicate(timeout=60)
    assert rest.returncode == 0, said
    assert table(bootstrap) == expected()


def test_error_of_one_worker_ends_all_and_is_told_once_more_by_none(
    bootstrap: str, tmp_path: Path
) -> None:
    with Producer(bootstrap) as producer:
        producer.append("inputs", 2, b"key-1", b"no number", 1, ())
        producer.flush()
    process = start(bootstrap, tmp_path, "--workers", "2", pause="0")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("can't decode a record") == 1
    assert "Traceback" not in said


def test_app_defined_in_main_runs_in_several_processes(bootstrap: str, tmp_path: Path) -> None:
    """It crosses by cloudpickle: the workers can't import `__main__`."""
    program = tmp_path / "program.py"
    text = f"""
        from dataclasses import dataclass

        import streamkit as sk
        from streamkit.cli.worker import run_app

        @dataclass
        class Reading:
            number: int

        app = sk.App("main-app", commit_interval_ms=100)
        inputs = app.topic("inputs", key=str, value=int)

        def double(value: int) -> int:
            return 2 * value

        @app.stream(inputs)
        def copy(stream):
            readings = stream.map_values(Reading, value=Reading)
            numbers = readings.map_values(lambda reading: reading.number, value=int)
            numbers.map_values(double, value=int).to("outputs", key=str, value=int)

        if __name__ == "__main__":
            run_app(app, bootstrap={bootstrap!r}, workers=2, state_dir={str(tmp_path)!r},
                    stop_at_end=True, quiet=True)
    """
    program.write_text(textwrap.dedent(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    with Admin(bootstrap) as admin:
        ends = admin.list_offsets([TopicPartition("outputs", number) for number in range(4)])
    assert sum(end.offset for end in ends.values() if end) == RECORDS


def scrape(url: str) -> dict[str, float]:
    """Sums over all labels, by name."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("streamkit_worker_")
            sums[name] = sums.get(name, 0) + sample.value
    return sums


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_of_all_workers_are_served_while_they_run(
    bootstrap: str, tmp_path: Path, workers: str
) -> None:
    options = ("--workers", workers, "--metrics", "127.0.0.1:0")
    process = start(bootstrap, tmp_path, *options, pause="0")
    try:
        assert process.stderr is not None
        url = ""
        while not url:
            line = process.stderr.readline()
            assert line, "no address of the metrics"
            url = line.removeprefix("metrics on ").strip() if "metrics on " in line else ""
        deadline = time.monotonic() + 40
        found: dict[str, float] = {}
        wanted = {"processed_records_total": RECORDS, "lag_records": 0, "tasks": PARTITIONS}
        while (
            any(found.get(name) != value for name, value in wanted.items())
            or found["store_entries"] < KEYS
        ):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
            found = scrape(url)
        assert found["sent_records_total"] >= RECORDS
        assert found["commits_total"] > 0
        assert found["commit_seconds_max"] > 0
        assert found["memory_bytes"] > 10_000_000
        assert found["cpu_seconds_total"] > 0
        assert found.get("dropped_records_total", 0) == 0
        process.terminate()
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
    finally:
        process.kill()


def test_workers_end_when_their_supervisor_was_killed(bootstrap: str, tmp_path: Path) -> None:
    """Nobody watches over them any more, and who starts the application again would have twice as many."""
    process = start(bootstrap, tmp_path, "--workers", "2")
    try:
        wait_for_commits(bootstrap, process, RECORDS // 10)
        workers = workers_of(process.pid)
        assert len(workers) == 2
        process.kill()
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline, "they go on"
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()
    with Admin(bootstrap) as admin:
        assert admin.describe_groups(["seen-ids"])["seen-ids"].members == ()
