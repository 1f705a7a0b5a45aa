"""Faults inside a worker's threads end it with an error, and soon: never a worker that lives and does nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import StreamkitError
from streamkit.log.client import Admin, NetworkThread, NewTopic, Producer
from streamkit.runtime import restore, task_manager
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as running:
        with Admin(running.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 1), NewTopic("out", 1)])
        with Producer(running.bootstrap) as producer:
            producer.send("in", b"value", key=b"key").result(10)
        yield running


def started(broker: EmbeddedBroker, folder: Path, network: NetworkThread | None = None) -> Worker:
    builder = sk.StreamsBuilder()
    counts = builder.stream("in", key=str, value=str).group_by_key().count(store="counts")
    counts.to_stream().to("out", key=str, value=int)
    settings = WorkerSettings(
        *("faulty", broker.bootstrap, folder), commit_interval_ms=50, session_timeout_ms=1_000
    )
    worker = Worker(builder.build(), settings, network=network)
    worker.start()
    return worker


def failing(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("where", ["_begin", "_step"])
def test_fault_of_the_restore_thread_ends_the_worker(
    broker: EmbeddedBroker, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = started(broker, tmp_path / "one")
    while worker.status.processed == 0:
        assert not worker.join(0.02)
    worker.stop()
    assert worker.join(20)
    monkeypatch.setattr(restore.RestoreThread, where, failing)
    worker = started(broker, tmp_path / "two")
    with pytest.raises(StreamkitError, match="can't be restored: ZeroDivisionError"):
        worker.join(20)
    assert worker.status.state == "failed"


def test_fault_of_the_processing_thread_ends_the_worker_and_leaves_the_group(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_manager.TaskManager, "process", failing)
    worker = started(broker, tmp_path)
    with pytest.raises(ZeroDivisionError):
        worker.join(20)
    assert worker.status.state == "failed"
    with Admin(broker.bootstrap) as admin:
        assert admin.describe_groups(["faulty"])["faulty"].members == ()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_end_of_the_network_thread_ends_the_worker(broker: EmbeddedBroker, tmp_path: Path) -> None:
    network = NetworkThread("faulty")
    worker = started(broker, tmp_path, network)
    while worker.status.processed == 0:
        assert not worker.join(0.02)

    def end() -> None:
        raise SystemExit(4)

    began = time.monotonic()
    network.call_soon(end)
    with pytest.raises(StreamkitError, match=r"network thread has ended by SystemExit\(4\)"):
        worker.join(20)
    assert time.monotonic() - began < 15
    network.close()
