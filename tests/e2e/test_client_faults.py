"""Faults inside the client: nothing ends in silence. The caller gets an error, and the client goes on where it can."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamkit.errors import ClosedError, ProtocolError, StreamkitError
from streamkit.log.client import (
    Admin,
    Consumer,
    NetworkThread,
    NewTopic,
    Producer,
    cluster_client,
    fetcher,
    member,
)
from streamkit.log.protocol.messages import HeartbeatRequest
from streamkit.model import TopicPartition
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)

_numbers = itertools.count(1)

each_error = pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("a bug"),
        pytest.param(ProtocolError("a damaged answer"), marks=pytest.mark.slow),
    ],
)


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as broker:
        yield broker.bootstrap


@pytest.fixture
def topic(bootstrap: str) -> str:
    """A topic with one record in its one partition."""
    name = f"faults-{next(_numbers)}"
    with Admin(bootstrap) as admin:
        admin.create_topics([NewTopic(name, 1)])
    with Producer(bootstrap) as producer:
        producer.send(name, b"first", partition=0).result(10)
    return name


@pytest.fixture
def network() -> Iterator[NetworkThread]:
    """A network thread that may end."""
    thread = NetworkThread("faulty")
    yield thread
    thread.close()


def first_records(consumer: Consumer) -> tuple[list[bytes | None], list[StreamkitError]]:
    """Poll until something comes, whatever is raised meanwhile."""
    errors: list[StreamkitError] = []
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            records = consumer.poll(0.1)
        except StreamkitError as error:
            errors.append(error)
            continue
        if records:
            return [record.value for record in records], errors
    raise AssertionError(f"nothing comes any more; raised: {errors}")


def fails_once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception
) -> list[int]:
    """The first call raises; returns a list that grows with each call."""
    real: Callable[..., Any] = getattr(owner, name)
    calls: list[int] = []

    def failing(*args: Any, **named: Any) -> Any:
        calls.append(len(calls))
        if len(calls) == 1:
            raise error
        return real(*args, **named)

    monkeypatch.setattr(owner, name, failing)
    return calls


@each_error
@pytest.mark.parametrize("name", ["_resolve_once", "_fetch_once", "_request"])
def test_fault_while_fetching_is_raised_and_fetching_goes_on(
    bootstrap: str, topic: str, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_once(monkeypatch, fetcher.Fetcher, name, error)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        records, errors = first_records(consumer)
    assert records == [b"first"]
    assert any(str(error) in str(raised) for raised in errors)


@each_error
def test_fault_while_the_leader_is_looked_for_is_raised_and_fetching_goes_on(
    bootstrap: str, topic: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Consumer(bootstrap) as consumer:
        fails_once(monkeypatch, cluster_client.ClusterClient, "refresh", error)
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        records, errors = first_records(consumer)
    assert records == [b"first"]
    assert any(str(error) in str(raised) for raised in errors)


@each_error
def test_fault_in_the_heartbeat_is_raised_and_the_member_joins_again(
    bootstrap: str, topic: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without heartbeats the group would give the partitions to others, and the member would not know."""
    real = cluster_client.ClusterClient.call_coordinator
    beats: list[int] = []

    async def failing(self: Any, key: str, request: Any, **named: Any) -> Any:
        if isinstance(request, HeartbeatRequest):
            beats.append(len(beats))
            if len(beats) == 1:
                raise error
        return await real(self, key, request, **named)

    monkeypatch.setattr(cluster_client.ClusterClient, "call_coordinator", failing)
    with Consumer(
        bootstrap, group_id=topic, auto_offset_reset="earliest", session_timeout_ms=600
    ) as consumer:
        consumer.subscribe([topic])
        assert first_records(consumer)[0] == [b"first"]
        errors: list[StreamkitError] = []
        deadline = time.monotonic() + 20
        while len(beats) < 5 and time.monotonic() < deadline:
            try:
                consumer.poll(0.05)
            except StreamkitError as raised:
                errors.append(raised)
        assert any(str(error) in str(raised) for raised in errors)
        assert consumer.assignment() == {TopicPartition(topic, 0)}
        assert len(beats) >= 5


def test_refusal_that_ends_a_membership_is_raised_by_every_poll(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that goes on after the first error shall not take the silence for an empty topic."""
    fails_once(monkeypatch, member.GroupMember, "_send_join", ProtocolError("never heard of"))
    with Consumer(bootstrap, group_id=topic) as consumer:
        consumer.subscribe([topic])
        raised = 0
        deadline = time.monotonic() + 20
        while raised < 3 and time.monotonic() < deadline:
            try:
                consumer.poll(0.05)
            except ProtocolError:
                raised += 1
        assert raised == 3
        consumer.unsubscribe()
        consumer.subscribe([topic])
        while not consumer.assignment():
            consumer.poll(0.05)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_end_of_the_network_thread_is_raised_by_whatever_is_called(
    bootstrap: str, topic: str, network: NetworkThread
) -> None:
    consumer = Consumer(bootstrap, network=network, auto_offset_reset="earliest")
    producer = Producer(bootstrap, network=network)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    assert first_records(consumer)[0] == [b"first"]
    producer.send(topic, b"second", partition=0).result(10)

    def ending() -> None:
        raise SystemExit(3)

    network.call_soon(ending)
    with pytest.raises(ClosedError, match=r"SystemExit\(3\)"):
        first_records_or_raise(consumer)
    with pytest.raises(ClosedError, match="network thread has ended"):
        consumer.end_offsets([partition])
    with pytest.raises(ClosedError, match="network thread has ended"):
        producer.flush()
    assert NetworkThread.shared() is not network


def first_records_or_raise(consumer: Consumer) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        consumer.poll(0.1)


@pytest.mark.parametrize("ending_by", [SystemExit, KeyboardInterrupt])
def test_call_that_waits_while_the_network_thread_ends_is_told(
    network: NetworkThread, ending_by: type[BaseException]
) -> None:
    def ending() -> None:
        raise ending_by

    waiting = network.submit(asyncio.sleep(600))
    network.call_soon(ending)
    with pytest.raises(ClosedError, match=ending_by.__name__):
        network.wait(waiting)
    with pytest.raises(ClosedError, match=ending_by.__name__):
        network.run(asyncio.sleep(0))
