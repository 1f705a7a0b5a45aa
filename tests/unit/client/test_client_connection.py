"""One connection: versions, frames, timeouts, and peers that misbehave."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_broker import CLOSE, ScriptedBroker, key_of

from streamkit.errors import NotReachableError, ProtocolError
from streamkit.log.client.connection import Connection, negotiate
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.settings import ClientSettings
from streamkit.log.protocol import VersionRange
from streamkit.log.protocol.messages import (
    ApiVersionsRequest,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    MetadataRequest,
)


@pytest.fixture(params=["fastest", "asyncio"])
def network(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NetworkThread]:
    if request.param == "asyncio":
        monkeypatch.setattr("streamkit.log.client.network._new_loop", asyncio.new_event_loop)
    thread = NetworkThread("test-network")
    yield thread
    thread.close()


def settings(port: int, **changes: Any) -> ClientSettings:
    return ClientSettings((("127.0.0.1", port),), "test", **changes)


async def talk(port: int, *requests: object, **changes: Any) -> list[Any]:
    connection = await Connection.open("127.0.0.1", port, settings(port, **changes))
    try:
        futures = [connection.send(request) for request in requests]
        return [await future for future in futures]
    finally:
        connection.close()


def test_answers_come_in_the_order_of_the_requests(network: NetworkThread) -> None:
    def heartbeat(request: HeartbeatRequest, version: int) -> HeartbeatResponse:
        return HeartbeatResponse(throttle_time_ms=request.generation_id)

    with ScriptedBroker({HeartbeatRequest: heartbeat}) as broker:
        requests = [HeartbeatRequest(generation_id=i) for i in range(20)]
        answers = network.run(talk(broker.port, *requests))
    assert [a.throttle_time_ms for a in answers] == list(range(20))


def test_highest_version_of_both_sides_is_used(network: NetworkThread) -> None:
    with ScriptedBroker(versions={key_of(MetadataRequest): 9}) as broker:
        network.run(talk(broker.port, MetadataRequest(topics=[])))
    assert broker.requests[-1][1] == 9


def test_refused_api_versions_is_asked_again_with_what_the_broker_offers(
    network: NetworkThread,
) -> None:
    def answer(request: ApiVersionsRequest, version: int) -> object:
        return broker.api_versions(35 if version > 2 else 0)

    with ScriptedBroker(
        {ApiVersionsRequest: answer}, versions={key_of(ApiVersionsRequest): 2}
    ) as broker:
        network.run(talk(broker.port, MetadataRequest(topics=[])))
    assert [version for request, version in broker.requests][:2] == [4, 2]


def test_api_that_the_broker_does_not_serve_is_a_clear_error() -> None:
    with pytest.raises(ProtocolError, match="h:1 does not serve Fetch"):
        negotiate("Fetch", VersionRange(4, 18), None, "h:1")
    with pytest.raises(ProtocolError, match=r"0 to 3.*4 to 18"):
        negotiate("Fetch", VersionRange(4, 18), VersionRange(0, 3), "h:1")
    assert negotiate("Fetch", VersionRange(4, 18), VersionRange(0, 12), "h:1") == 12


def test_late_answer_closes_the_connection(network: NetworkThread) -> None:
    with (
        ScriptedBroker({HeartbeatRequest: lambda request, version: None}) as broker,
        pytest.raises(NotReachableError, match="no answer in time"),
    ):
        network.run(talk(broker.port, HeartbeatRequest(), request_timeout_ms=50))


def test_hang_up_fails_all_that_is_under_way(network: NetworkThread) -> None:
    async def two() -> list[BaseException | None]:
        connection = await Connection.open("127.0.0.1", broker.port, settings(broker.port))
        futures = [connection.send(HeartbeatRequest()) for _ in range(2)]
        for future in futures:
            with pytest.raises(NotReachableError, match="closed by the broker"):
                await future
        assert not connection.is_open
        with pytest.raises(NotReachableError):
            connection.send(HeartbeatRequest())
        return [f.exception() for f in futures]

    with ScriptedBroker({HeartbeatRequest: lambda request, version: CLOSE}) as broker:
        assert len(network.run(two())) == 2


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack(">i", -1),
        struct.pack(">i", 2_000_000_000),
        struct.pack(">ii", 4, 12345),
        struct.pack(">ii", 5, 2) + b"\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["negative length", "huge length", "foreign correlation id", "cut off", "http"],
)
def test_bytes_that_are_no_answer_are_a_protocol_error(
    network: NetworkThread, answer: bytes
) -> None:
    with (
        ScriptedBroker({HeartbeatRequest: lambda request, version: answer}) as broker,
        pytest.raises((ProtocolError, NotReachableError)),
    ):
        network.run(talk(broker.port, HeartbeatRequest(), request_timeout_ms=500))


def test_nobody_listens(network: NetworkThread) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(NotReachableError, match=rf"127\.0\.0\.1:{port}: connection refused"):
            network.run(talk(port))


def test_large_answers_arrive_whole(network: NetworkThread) -> None:
    """Larger than the buffer that small answers are cut from."""
    topics = {f"{'t' * 200}-{i}": 3 for i in range(2_000)}
    with ScriptedBroker(topics=topics) as broker:
        requests = [MetadataRequest(topics=None)] * 3
        answers = network.run(talk(broker.port, *requests))
    for answer in answers:
        assert {t.name for t in answer.topics} == set(topics)


def test_blocking_call_on_the_network_thread_is_refused(network: NetworkThread) -> None:
    async def nested() -> None:
        network.run(talk(1))

    with pytest.raises(RuntimeError, match="network thread"):
        network.run(nested())


def test_forgotten_request_does_no_harm(network: NetworkThread) -> None:
    """A caller that gave up: its answer is dropped, the next one is not mixed up with it."""

    async def cancelled() -> int:
        connection = await Connection.open("127.0.0.1", broker.port, settings(broker.port))
        connection.send(FindCoordinatorRequest(key="x", key_type=0), 3).cancel()
        answer = await connection.request(HeartbeatRequest(generation_id=3))
        connection.close()
        return int(answer.throttle_time_ms)

    def heartbeat(request: HeartbeatRequest, version: int) -> HeartbeatResponse:
        return HeartbeatResponse(throttle_time_ms=request.generation_id)

    with ScriptedBroker(
        {
            HeartbeatRequest: heartbeat,
            FindCoordinatorRequest: lambda request, version: FindCoordinatorResponse(),
        }
    ) as broker:
        assert network.run(cancelled()) == 3


def test_request_with_a_short_timeout_does_not_wait_for_one_with_a_long(
    network: NetworkThread,
) -> None:
    """A join may take minutes; a heartbeat that follows it on the same connection may not."""

    def heartbeat(request: HeartbeatRequest, version: int) -> HeartbeatResponse | None:
        return HeartbeatResponse() if request.generation_id == 1 else None

    async def ask(port: int) -> None:
        connection = await Connection.open("127.0.0.1", port, settings(port))
        try:
            await connection.request(HeartbeatRequest(generation_id=1), timeout_ms=60_000)
            await connection.request(HeartbeatRequest(generation_id=2), timeout_ms=20)
        finally:
            connection.close()

    with (
        ScriptedBroker({HeartbeatRequest: heartbeat}) as broker,
        pytest.raises(NotReachableError, match="no answer in time"),
    ):
        network.run(ask(broker.port), timeout=10)
