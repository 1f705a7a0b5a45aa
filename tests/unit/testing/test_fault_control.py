"""Faults of an embedded broker, as a client on a socket sees them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from wire_client import WireClient

from streamkit.errors import ClosedError, ConfigError
from streamkit.log.protocol import BatchBuilder, ErrorCode
from streamkit.log.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
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
    with EmbeddedBroker() as broker:
        with WireClient(broker.bootstrap) as client:
            named = [MetadataRequestTopic(name="t"), MetadataRequestTopic(name="u")]
            client.ask(MetadataRequest(topics=named), 4)
        yield broker


@pytest.fixture
def client(broker: EmbeddedBroker) -> Iterator[WireClient]:
    with WireClient(broker.bootstrap) as client:
        yield client


def produce(topic: str = "t", acks: int = 1) -> ProduceRequest:
    batch = BatchBuilder()
    batch.append(int(time.time() * 1000), None, b"value")
    data = [PartitionProduceData(index=0, records=batch.build())]
    return ProduceRequest(
        acks=acks,
        timeout_ms=1000,
        topic_data=[TopicProduceData(name=topic, partition_data=data)],
    )


def code(client: WireClient, topic: str = "t") -> int:
    answer = client.ask(produce(topic), 9)
    found: int = answer.responses[0].partition_responses[0].error_code
    return found


def end_offset(bootstrap: str, topic: str = "t") -> int:
    asked = ListOffsetsTopic(
        name=topic, partitions=[ListOffsetsPartition(partition_index=0, timestamp=-1)]
    )
    with WireClient(bootstrap) as client:
        answer = client.ask(ListOffsetsRequest(topics=[asked]), 4)
    offset: int = answer.topics[0].partitions[0].offset
    return offset


def fetch(*partitions: int, session_id: int = 0, epoch: int = -1) -> FetchRequest:
    asked = [FetchPartition(partition=each, partition_max_bytes=1000) for each in partitions]
    topics = [FetchTopic(topic="t", partitions=asked)] if partitions else []
    return FetchRequest(max_bytes=1000, session_id=session_id, session_epoch=epoch, topics=topics)


def test_error_code_is_answered_and_nothing_done(
    broker: EmbeddedBroker, client: WireClient
) -> None:
    with broker.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER") as fault:
        assert code(client) == ErrorCode.NOT_LEADER_OR_FOLLOWER
        assert fault.hits == 1
    assert end_offset(broker.bootstrap) == 0
    assert code(client) == 0


def test_only_the_chosen_requests_are_hit(broker: EmbeddedBroker, client: WireClient) -> None:
    failing = ErrorCode.KAFKA_STORAGE_ERROR
    broker.faults.error("Produce", failing, topics="t", after=1, times=2)
    assert [code(client) for _ in range(4)] == [0, failing, failing, 0]
    broker.faults.error("Produce", failing, topics=["u"])
    assert (code(client, "t"), code(client, "u")) == (0, failing)
    broker.faults.clear()
    broker.faults.error("Produce", failing, client_id="another")
    assert code(client, "u") == 0
    broker.faults.error("Produce", failing, client_id="wire-client", duration=0)
    assert code(client, "u") == 0


def test_connection_is_dropped_and_nothing_done(broker: EmbeddedBroker, client: WireClient) -> None:
    broker.faults.drop(["Produce"], times=1)
    client.send(produce(), 9)
    assert client.closed_by_broker()
    assert end_offset(broker.bootstrap) == 0


@pytest.mark.parametrize("acks", [0, 1])
def test_lost_reply_leaves_the_work_done(
    broker: EmbeddedBroker, client: WireClient, acks: int
) -> None:
    fault = broker.faults.lose_reply("Produce", times=1)
    client.send(produce(acks=acks), 9)
    assert client.closed_by_broker()
    assert fault.hits == 1
    assert end_offset(broker.bootstrap) == 1


def test_delayed_request_is_served_later(broker: EmbeddedBroker, client: WireClient) -> None:
    """What the client sends meanwhile waits, and the records of the first request stay its own."""
    fault = broker.faults.delay("Produce", timedelta(milliseconds=50), times=1)
    client.send(produce("t"), 9)
    client.send(produce("u"), 9)
    fault.wait_for_hits()
    assert [client.receive().responses[0].name for _ in range(2)] == ["t", "u"]
    assert end_offset(broker.bootstrap, "t") == 1


def test_waiting_fetch_can_lose_its_reply(broker: EmbeddedBroker, client: WireClient) -> None:
    broker.faults.lose_reply("Fetch")
    request = fetch(0)
    request.max_wait_ms, request.min_bytes = 10, 1
    client.send(request, 12)
    assert client.closed_by_broker()


def test_fetch_of_a_session_is_refused_in_all_its_partitions(
    broker: EmbeddedBroker, client: WireClient
) -> None:
    """Though the request names none of them."""
    whole = client.ask(fetch(0, epoch=0), 12)
    assert whole.session_id != 0
    broker.faults.error("Fetch", "OFFSET_OUT_OF_RANGE", topics="t", times=1)
    answer = client.ask(fetch(session_id=whole.session_id, epoch=1), 12)
    (partition,) = answer.responses[0].partitions
    assert partition.error_code == ErrorCode.OFFSET_OUT_OF_RANGE
    assert (answer.error_code, answer.session_id) == (0, 0)


def test_metadata_is_refused_by_topic_and_still_lists_the_broker(
    broker: EmbeddedBroker, client: WireClient
) -> None:
    broker.faults.error("Metadata", "LEADER_NOT_AVAILABLE", topics="t")
    answer = client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 4)
    assert answer.topics[0].error_code == ErrorCode.LEADER_NOT_AVAILABLE
    assert len(answer.brokers) == 1
    assert client.ask(MetadataRequest(topics=[]), 4).topics == []


def test_star_spares_the_handshake(broker: EmbeddedBroker, client: WireClient) -> None:
    from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest

    broker.faults.drop("*")
    assert client.ask(ApiVersionsRequest(), 2).error_code == 0
    client.send(MetadataRequest(topics=[]), 4)
    assert client.closed_by_broker()


def test_wait_for_hits_tells_what_came(broker: EmbeddedBroker) -> None:
    fault = broker.faults.drop("Produce")
    with pytest.raises(TimeoutError, match="0 requests hit"):
        fault.wait_for_hits(timeout=0)


def test_bad_faults_are_refused(broker: EmbeddedBroker) -> None:
    faults = broker.faults
    with pytest.raises(ConfigError, match="did you mean PRODUCE"):
        faults.drop("Produc")
    with pytest.raises(ConfigError, match="unknown error code 'NOPE'"):
        faults.error("Produce", "NOPE")
    with pytest.raises(ConfigError, match="isn't served"):
        faults.drop("ControlledShutdown")
    with pytest.raises(ConfigError, match="after=-1"):
        faults.drop("Produce", after=-1)
    with pytest.raises(ConfigError, match="times=0"):
        faults.drop("Produce", times=0)
    with pytest.raises(ConfigError, match="by=-1"):
        faults.delay("Produce", -1)


def test_killed_broker_recovers_at_the_same_address(
    broker: EmbeddedBroker, client: WireClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert code(client) == 0
    address, folder = broker.bootstrap, broker.data_dir
    waiting = fetch(0)
    waiting.topics[0].partitions[0].fetch_offset = 1
    waiting.max_wait_ms, waiting.min_bytes = 60_000, 1
    client.send(waiting, 12)
    broker.kill()
    assert client.closed_by_broker()
    assert not (folder / ".kafka_cleanshutdown").exists()
    with pytest.raises(ClosedError):
        broker.kill()
    broker.start()
    assert (broker.bootstrap, broker.data_dir) == (address, folder)
    assert broker.server.broker.logs.recovered
    assert end_offset(broker.bootstrap) == 1
    assert not caplog.records


def test_killed_broker_leaves_no_folder_behind() -> None:
    others = set(threading.enumerate())
    with EmbeddedBroker() as broker:
        folder = broker.data_dir
        broker.kill()
        assert folder.exists()
    assert not folder.exists()
    left = set(threading.enumerate()) - others
    assert "embedded-broker" not in {thread.name for thread in left}


def test_restart_keeps_records_and_faults(broker: EmbeddedBroker, client: WireClient) -> None:
    assert code(client) == 0
    broker.faults.error("Produce", "KAFKA_STORAGE_ERROR")
    address = broker.bootstrap
    broker.restart()
    assert broker.bootstrap == address
    assert not broker.server.broker.logs.recovered
    with WireClient(broker.bootstrap) as again:
        assert code(again) == ErrorCode.KAFKA_STORAGE_ERROR
    assert end_offset(broker.bootstrap) == 1


def test_moved_clock_ends_retention_and_waiting(tmp_path: Path) -> None:
    settings = {"log.retention.hours": "1", "log.segment.delete.delay.ms": "0"}
    with EmbeddedBroker(data_dir=tmp_path, settings=settings) as broker:
        with WireClient(broker.bootstrap) as client:
            client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 4)
            assert code(client) == 0
            waiting = fetch(0)
            waiting.topics[0].partitions[0].fetch_offset = 1
            waiting.max_wait_ms, waiting.min_bytes = 600_000, 1
            client.send(waiting, 12)
            with WireClient(
                broker.bootstrap
            ) as other:  # it is served after the fetch began to wait
                other.ask(MetadataRequest(topics=[]), 4)
            broker.advance_clock(timedelta(hours=2))
            assert client.receive().responses[0].partitions[0].log_start_offset == 1
        broker.stop()
        broker.advance_clock(1)
