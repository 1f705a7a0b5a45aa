"""A worker whose group has members that are no workers: it waits for them to leave, or refuses and breaks nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit.dsl import StreamsBuilder
from streamkit.errors import StreamkitError
from streamkit.log.client import Admin, Consumer, NewTopic
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

GROUP = "copies"


@pytest.fixture
def bootstrap() -> Iterator[str]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "100"}) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 1), NewTopic("out", 1)])
        yield broker.bootstrap


def stranger(bootstrap: str) -> Consumer:
    """A plain consumer, in the group."""
    consumer = Consumer(bootstrap, group_id=GROUP, client_id="someone-else")
    consumer.subscribe(["in"])
    while not consumer.assignment():
        consumer.poll(0.05)
    return consumer


def worker(bootstrap: str, folder: Path, session_timeout_ms: int) -> Worker:
    builder = StreamsBuilder(default_key=str, default_value=str)
    builder.stream("in").to("out")
    settings = WorkerSettings(GROUP, bootstrap, folder, session_timeout_ms=session_timeout_ms)
    return Worker(builder.build(), settings)


def wait_for_state(running: Worker, state: str) -> None:
    deadline = time.monotonic() + 20
    while running.status.state != state:
        assert time.monotonic() < deadline, running.status
        running.join(0.01)


def test_worker_refuses_to_join_strangers_and_names_them(bootstrap: str, tmp_path: Path) -> None:
    with stranger(bootstrap) as other:
        refused = worker(bootstrap, tmp_path, 200)
        refused.start()
        while not refused._ended.is_set():
            other.poll(0.05)
        with pytest.raises(
            StreamkitError, match=r"no streamkit workers .someone-else at"
        ) as caught:
            refused.join()
        assert "protocol 'range'" in str(caught.value)
        assert "another id" in str(caught.value)
        other.poll(0.05)
        assert other.assignment(), "the others keep what they have"


def test_worker_waits_until_strangers_have_left(bootstrap: str, tmp_path: Path) -> None:
    other = stranger(bootstrap)
    waiting = worker(bootstrap, tmp_path, 20_000)
    waiting.start()
    wait_for_state(waiting, "waiting for the group")
    other.close()
    wait_for_state(waiting, "running")
    waiting.stop()
    assert waiting.join(20)
