"""The broker's sockets: order, limits, garbage, slow readers; one bad client disturbs no other."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from broker_lab import batch, fetch_request, values
from wire_client import WireClient

from streamkit.clock import ManualClock
from streamkit.log.broker.connection import ClientConnection
from streamkit.log.protocol import ErrorCode, decode_response, encode_request
from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest
from streamkit.log.protocol.messages.fetch import FetchResponse
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.testing import EmbeddedBroker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"socket.request.max.bytes": str(4 << 20)}) as running:
        yield running


@pytest.fixture
def client(broker: EmbeddedBroker) -> Iterator[WireClient]:
    with WireClient(broker.bootstrap) as connected:
        yield connected


def create(client: WireClient, name: str) -> None:
    answer = client.ask(MetadataRequest(topics=[MetadataRequestTopic(name=name)]), 4)
    assert answer.topics[0].error_code == 0


def produce_request(topic: str, data: bytes, acks: int = -1) -> ProduceRequest:
    partition = PartitionProduceData(index=0, records=data)
    return ProduceRequest(
        acks=acks,
        timeout_ms=1000,
        topic_data=[TopicProduceData(name=topic, partition_data=[partition])],
    )


def undisturbed(client: WireClient) -> bool:
    """Whether the client still gets answers."""
    return bool(client.ask(ApiVersionsRequest(), 0).api_keys)


def test_pipelined_requests_are_answered_in_order(client: WireClient) -> None:
    """A fetch that waits holds up what comes after it, as in Apache Kafka."""
    create(client, "t")
    client.send(fetch_request("t", [(0, 0)], max_wait_ms=200), 12)
    for number in range(50):
        client.send(produce_request("t", batch(b"%d" % number)), 9)
    client.send(fetch_request("t", [(0, 0)]), 12)
    assert not client.receive().responses[0].partitions[0].records
    offsets = [client.receive().responses[0].partition_responses[0].base_offset for _ in range(50)]
    assert offsets == list(range(50))
    assert len(values(client.receive().responses[0].partitions[0].records)) == 50


def test_requests_may_arrive_in_any_pieces(client: WireClient) -> None:
    frames = b"".join(encode_request(MetadataRequest(topics=[]), 4, n, "x") for n in range(3))
    for position in range(0, len(frames), 7):
        client.send_bytes(frames[position : position + 7])
    for number in range(3):
        frame = client.receive_frame()
        assert frame is not None
        assert decode_response(3, 4, frame)[0] == number


def test_client_with_many_requests_at_once_lets_others_have_their_turn(
    broker: EmbeddedBroker, client: WireClient
) -> None:
    """Its requests are taken up a few at a time, also when all of them have arrived."""
    count = 3000
    with WireClient(broker.bootstrap) as greedy:
        frame = encode_request(ApiVersionsRequest(), 0, 1, "greedy")
        greedy.send_bytes(frame * count)
        assert undisturbed(client)
        turns = on_loop(
            broker, lambda: sum(each._next_turn is not None for each in connections(broker))
        )
        assert turns <= 1
        for _ in range(count):
            assert greedy.receive_frame() is not None


def test_acks_0_is_not_answered(client: WireClient) -> None:
    create(client, "t")
    client.send_bytes(encode_request(produce_request("t", batch(b"a"), acks=0), 9, 77, "x"))
    answer = client.ask(fetch_request("t", [(0, 0)]), 12)
    assert values(answer.responses[0].partitions[0].records) == [b"a"]


def test_large_batches_go_in_and_out_whole(broker: EmbeddedBroker, client: WireClient) -> None:
    create(client, "t")
    sent = [bytes([n]) * 900_000 for n in range(8)]
    for value in sent:
        assert client.ask(produce_request("t", batch(value)), 9).responses
    request = fetch_request("t", [(0, 0)], max_bytes=50 << 20, partition_max_bytes=50 << 20)
    assert values(client.ask(request, 12).responses[0].partitions[0].records) == sent


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "negative length": struct.pack(">i", -5),
    "request above the limit": struct.pack(">i", (4 << 20) + 1),
    "empty frame": struct.pack(">i", 0),
    "unknown API": struct.pack(">ihhih", 10, 999, 0, 1, -1),
    "unknown version": struct.pack(">ihhih", 10, 3, 99, 1, -1),
    "damaged body": struct.pack(">ihhihi", 14, 3, 4, 1, -1, 2**31 - 1),
    "client id beyond the end": struct.pack(">ihhih", 10, 3, 4, 1, 500),
}


@pytest.mark.parametrize("what", sorted(GARBAGE))
def test_garbage_closes_the_connection_with_one_line_in_the_log(
    broker: EmbeddedBroker, client: WireClient, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    with WireClient(broker.bootstrap) as bad, caplog.at_level(logging.WARNING):
        bad_address = bad.socket.getsockname()
        bad.send_bytes(GARBAGE[what])
        assert bad.closed_by_broker()
    lines = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(lines) == 1
    ip, port = bad_address
    assert f"/{ip}:{port}: " in lines[0].getMessage()
    assert lines[0].exc_info is None
    assert undisturbed(client)


def test_requests_before_the_garbage_are_answered(client: WireClient) -> None:
    client.send_bytes(encode_request(ApiVersionsRequest(), 0, 1, "x") + GARBAGE["http"])
    assert client.receive_frame() is not None
    assert client.receive_frame() is None


def test_too_new_apiversions_is_answered_in_version_0(client: WireClient) -> None:
    client.send_bytes(struct.pack(">ihhih", 11, 18, 9, 42, -1) + b"\0")
    frame = client.receive_frame()
    assert frame is not None
    correlation, answer = decode_response(18, 0, frame)
    assert (correlation, answer.error_code) == (42, ErrorCode.UNSUPPORTED_VERSION)
    assert answer.api_keys
    assert undisturbed(client)


def test_announced_length_allocates_nothing(broker: EmbeddedBroker) -> None:
    """Buffers grow with the bytes that come: twofold, from 64 KiB on."""
    with WireClient(broker.bootstrap) as lying:
        assert undisturbed(lying)
        lying.send_bytes(struct.pack(">i", 4 << 20) + b"x" * 100)
        size = on_loop(broker, lambda: max(len(each._buffer) for each in connections(broker)))
        assert size <= 64 << 10


def test_slow_reader_is_not_read_from_and_holds_one_answer_at_most(
    broker: EmbeddedBroker, client: WireClient
) -> None:
    """Its requests wait in its socket; another client is served all the while."""
    create(client, "t")
    for _ in range(4):
        client.ask(produce_request("t", batch(b"x" * 900_000)), 9)
    with WireClient(broker.bootstrap, receive_buffer=4096) as slow:
        request = fetch_request("t", [(0, 0)], max_bytes=8 << 20, partition_max_bytes=8 << 20)
        count = 50
        frame = encode_request(request, 12, 1, "slow")
        slow.send_bytes(frame * count)
        for _ in range(5):
            assert undisturbed(client)
        held = on_loop(
            broker,
            lambda: max(
                each._transport.get_write_buffer_size()
                for each in connections(broker)
                if each._transport is not None
            ),
        )
        assert held < 2 * 4 * 900_000, "one answer, and what was below the high-water mark"
        for _ in range(count):
            answer = slow.receive_frame()
            assert answer is not None
            assert len(answer) > 4 * 900_000


def test_client_that_goes_away_while_it_waits_leaves_nothing(
    broker: EmbeddedBroker, client: WireClient
) -> None:
    create(client, "t")
    with WireClient(broker.bootstrap) as waiting:
        waiting.send(fetch_request("t", [(0, 0)], max_wait_ms=60_000), 12)
        eventually(broker, lambda: len(broker.server.broker.waiters) == 1)
    eventually(broker, lambda: len(broker.server.broker.waiters) == 0)
    assert undisturbed(client)


def test_waiting_fetch_is_answered_when_the_broker_stops() -> None:
    with EmbeddedBroker() as broker, WireClient(broker.bootstrap) as client:
        create(client, "t")
        client.send(fetch_request("t", [(0, 0)], max_wait_ms=60_000), 12)
        eventually(broker, lambda: len(broker.server.broker.waiters) == 1)
        broker.stop()
        answer = client.receive()
        assert isinstance(answer, FetchResponse)
        assert client.closed_by_broker()


def test_idle_connections_are_closed_also_those_that_do_not_read() -> None:
    clock = ManualClock(0)
    with (
        EmbeddedBroker(settings={"connections.max.idle.ms": "1000"}, clock=clock) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        create(client, "t")
        clock.advance(2000)
        broker.loop.call_soon_threadsafe(broker.server._swept)
        assert client.closed_by_broker()
        with WireClient(broker.bootstrap, receive_buffer=4096) as stuck:
            for _ in range(8):
                stuck.ask(produce_request("t", batch(b"x" * 900_000, timestamp=0)), 9)
            request = fetch_request("t", [(0, 0)], max_bytes=8 << 20, partition_max_bytes=8 << 20)
            stuck.send(request, 12)
            eventually(broker, lambda: any(each.stuck for each in connections(broker)))
            clock.advance(2000)
            broker.loop.call_soon_threadsafe(broker.server._swept)
            eventually(broker, lambda: not connections(broker))


def test_who_comes_above_max_connections_waits_until_one_has_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in Apache Kafka with one listener: nobody is turned away."""
    with (
        EmbeddedBroker(settings={"max.connections": "2"}) as broker,
        WireClient(broker.bootstrap) as first,
        WireClient(broker.bootstrap) as second,
        caplog.at_level(logging.WARNING),
    ):
        assert undisturbed(first)
        assert undisturbed(second)
        with WireClient(broker.bootstrap) as third, WireClient(broker.bootstrap) as fourth:
            third.send(ApiVersionsRequest(), 0)
            fourth.send(ApiVersionsRequest(), 0)
            assert undisturbed(first)
            assert on_loop(broker, lambda: len(connections(broker))) == 2
            eventually(broker, lambda: "max.connections" in caplog.text)
            second.close()
            assert third.receive().api_keys
            third.close()
            assert fourth.receive().api_keys
            assert undisturbed(first)


def test_connections_above_the_limit_of_an_address_are_closed_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        EmbeddedBroker(settings={"max.connections.per.ip": "1"}) as broker,
        WireClient(broker.bootstrap) as first,
        caplog.at_level(logging.INFO, logger="streamkit.log.broker"),
    ):
        assert undisturbed(first)
        for _ in range(3):
            with WireClient(broker.bootstrap) as more:
                assert more.closed_by_broker()
        assert "/127.0.0.1: it has 1 already (max.connections.per.ip)" in caplog.text
        assert undisturbed(first)
        first.close()
        eventually(broker, lambda: not connections(broker))
        with WireClient(broker.bootstrap) as again:
            assert undisturbed(again)


def test_address_may_have_a_limit_of_its_own() -> None:
    settings = {"max.connections.per.ip": "1", "max.connections.per.ip.overrides": "127.0.0.1:2"}
    with (
        EmbeddedBroker(settings=settings) as broker,
        WireClient(broker.bootstrap) as first,
        WireClient(broker.bootstrap) as second,
        WireClient(broker.bootstrap) as third,
    ):
        assert undisturbed(first)
        assert undisturbed(second)
        assert third.closed_by_broker()


def set_limit(client: WireClient, name: str, value: str) -> None:
    """Change a setting of every broker while it runs."""
    config = AlterableConfig(name=name, config_operation=0, value=value)
    resource = AlterConfigsResource(resource_type=4, resource_name="", configs=[config])
    answer = client.ask(IncrementalAlterConfigsRequest(resources=[resource]), 1)
    assert answer.responses[0].error_code == 0


def is_let_in(broker: EmbeddedBroker) -> bool:
    with WireClient(broker.bootstrap) as comes:
        try:
            return undisturbed(comes)
        except (AssertionError, ConnectionError):
            return False


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("max.connections.per.ip", "1", "2"),
        ("max.connections.per.ip.overrides", "127.0.0.1:1", "127.0.0.1:2"),
    ],
)
def test_limit_of_an_address_can_be_changed_while_clients_are_connected(
    broker: EmbeddedBroker, client: WireClient, name: str, one: str, two: str
) -> None:
    """Who is connected stays; who has gone makes room once the broker has noticed."""
    assert is_let_in(broker)
    for limit, expected in ((one, False), (two, True), (one, False)):
        eventually(broker, lambda: len(connections(broker)) == 1)
        set_limit(client, name, limit)
        assert is_let_in(broker) is expected
        assert undisturbed(client)


def test_number_of_connections_can_be_changed_while_clients_are_connected(
    broker: EmbeddedBroker, client: WireClient, caplog: pytest.LogCaptureFixture
) -> None:
    def is_kept_waiting() -> bool:
        eventually(broker, lambda: "connections (max.connections)" in caplog.text)
        caplog.clear()
        return on_loop(broker, lambda: len(connections(broker))) == 1 and undisturbed(client)

    set_limit(client, "max.connections", "1")
    with WireClient(broker.bootstrap) as waiting:
        waiting.send(ApiVersionsRequest(), 0)
        assert is_kept_waiting()
        set_limit(client, "max.connections", "2")
        assert waiting.receive().api_keys
        set_limit(client, "max.connections", "1")
        assert undisturbed(waiting)
        with WireClient(broker.bootstrap) as later:
            later.send(ApiVersionsRequest(), 0)
            waiting.close()
            eventually(broker, lambda: len(connections(broker)) == 1)
            assert is_kept_waiting()
            set_limit(client, "max.connections", "2")
            assert later.receive().api_keys


def test_large_requests_share_a_bound_and_all_get_their_turn() -> None:
    """Ten producers send 3 MB each into 4 MB: who has no room isn't read from until others are done."""
    settings = {"queued.max.request.bytes": str(4 << 20), "socket.request.max.bytes": str(4 << 20)}
    with EmbeddedBroker(settings=settings) as broker, WireClient(broker.bootstrap) as watching:
        create(watching, "t")
        frames = [
            encode_request(produce_request("t", batch(b"x" * 3_000_000)), 9, number, "x")
            for number in range(10)
        ]
        clients = [WireClient(broker.bootstrap) for _ in frames]
        memory = broker.server.broker.memory

        def send(sender: WireClient, data: bytes) -> None:
            sender.send_bytes(data)

        halves = [
            threading.Thread(target=send, args=(each, frame[:2_000_000]))
            for each, frame in zip(clients, frames, strict=True)
        ]
        for thread in halves:
            thread.start()
        eventually(broker, lambda: memory.is_short)
        assert on_loop(broker, lambda: sum(len(each._buffer) for each in connections(broker))) < (
            8 << 20
        )
        assert on_loop(broker, lambda: memory.request_bytes) <= 4 << 20
        assert undisturbed(watching)
        rests = [
            threading.Thread(target=finish, args=(each, thread, frame[2_000_000:]))
            for each, thread, frame in zip(clients, halves, frames, strict=True)
        ]
        for thread in rests:
            thread.start()
        for each in clients:
            frame = each.receive_frame()
            assert frame is not None
        for thread in rests:
            thread.join()
        for each in clients:
            each.close()
        eventually(broker, lambda: memory.request_bytes == 0)


def finish(sender: WireClient, before: threading.Thread, data: bytes) -> None:
    before.join()
    sender.send_bytes(data)


def test_request_that_keeps_others_from_memory_and_does_not_go_on_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock(0)
    settings = {"queued.max.request.bytes": str(4 << 20), "socket.request.max.bytes": str(4 << 20)}
    with (
        EmbeddedBroker(settings=settings, clock=clock) as broker,
        WireClient(broker.bootstrap) as stalled,
        WireClient(broker.bootstrap) as waiting,
        caplog.at_level(logging.WARNING),
    ):
        create(waiting, "t")
        memory = broker.server.broker.memory
        stalled.send_bytes(struct.pack(">i", 3 << 20) + b"x" * 100_000)
        eventually(broker, lambda: memory.request_bytes > 0)
        sent = produce_request("t", batch(b"x" * 2_000_000, timestamp=0))
        sender = threading.Thread(target=waiting.send, args=(sent, 9))
        sender.start()
        eventually(broker, lambda: memory.is_short)
        clock.advance(29_000)
        broker.loop.call_soon_threadsafe(broker.server._swept)
        assert on_loop(broker, lambda: memory.is_short)
        clock.advance(2_000)
        broker.loop.call_soon_threadsafe(broker.server._swept)
        assert waiting.receive().responses, "refused for its size, but answered"
        sender.join()
        assert stalled.closed_by_broker()
        assert "others wait for memory" in caplog.text


def test_answers_that_nobody_takes_are_bounded_and_others_go_on() -> None:
    """Twenty clients ask for 7 MB each and read nothing: they hold 8 MB, and a batch each."""
    settings = {"queued.max.request.bytes": str(8 << 20), "socket.request.max.bytes": str(8 << 20)}
    with EmbeddedBroker(settings=settings) as broker, WireClient(broker.bootstrap) as client:
        create(client, "t")
        for _ in range(70):
            client.ask(produce_request("t", batch(b"x" * 100_000)), 9)
        request = fetch_request("t", [(0, 0)], max_bytes=8 << 20, partition_max_bytes=8 << 20)
        stuck = [WireClient(broker.bootstrap, receive_buffer=4096) for _ in range(20)]
        for each in stuck:
            for _ in range(60):
                each.send(request, 12)
        memory = broker.server.broker.memory
        eventually(broker, lambda: sum(each.stuck for each in connections(broker)) == 20)
        assert on_loop(broker, lambda: memory.answer_bytes) < (8 << 20) + (7 << 20) + 20 * 400_000
        answer = client.ask(request, 12)
        assert values(answer.responses[0].partitions[0].records)[0] == b"x" * 100_000
        for each in stuck:
            each.close()
        eventually(broker, lambda: memory.answer_bytes == 0)
        answer = client.ask(request, 12)
        assert len(values(answer.responses[0].partitions[0].records)) == 70


def test_bug_in_a_handler_is_answered_and_logged_with_its_traceback(
    broker: EmbeddedBroker,
    client: WireClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(type(broker.server.broker.metadata), "next_producer_id", bug)
    from streamkit.log.protocol.messages.init_producer_id import InitProducerIdRequest

    answer = client.ask(InitProducerIdRequest(transactional_id=None), 4)
    assert answer.error_code == ErrorCode.UNKNOWN_SERVER_ERROR
    (line,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert line.exc_info is not None
    assert "INIT_PRODUCER_ID" in line.getMessage()


# Looking into the broker, on its own thread.


def connections(broker: EmbeddedBroker) -> list[ClientConnection]:
    return list(broker.server._connections)


def on_loop(broker: EmbeddedBroker, look: Callable[[], int | bool]) -> int | bool:
    found: list[int | bool] = []
    done = threading.Event()

    def call() -> None:
        found.append(look())
        done.set()

    broker.loop.call_soon_threadsafe(call)
    assert done.wait(5)
    return found[0]


def eventually(broker: EmbeddedBroker, condition: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if on_loop(broker, condition):
            return
    raise AssertionError("it never came to that")
