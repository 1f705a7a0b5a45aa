"""`/metrics`: what is counted, and the HTTP around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire_client import WireClient

from streamkit.log.broker.metrics_endpoint import MetricsEndpoint
from streamkit.log.broker.request_metrics import LATENCY_BOUNDS, RequestMetrics
from streamkit.log.broker.server import AddressInUseError, BrokerServer
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.protocol import ApiKey, BatchBuilder
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@contextlib.asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[BrokerServer, str]]:
    """A broker, and the address of its metrics."""
    endpoint = MetricsEndpoint("127.0.0.1", 0)
    settings = BrokerSettings(listeners="127.0.0.1:0", log_dirs=str(folder))
    server = BrokerServer(settings, metrics=endpoint.requests)
    await server.start()
    url = await endpoint.start(server)
    try:
        yield server, url.removeprefix("http://").removesuffix("/metrics")
    finally:
        await endpoint.stop()
        await server.stop()


async def http(address: str, request: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode() + b"\r\nHost: x\r\n\r\n")
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head, body


async def scrape(address: str) -> Samples:
    head, body = await http(address, "GET /metrics HTTP/1.1")
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def use(bootstrap: str) -> None:
    """Write two records to t-0, one without an answer, and commit offset 1 of group g."""
    with WireClient(bootstrap) as client:
        client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 4)
        for acks in (0, 1):
            batch = BatchBuilder()
            batch.append(0, None, b"value")
            data = [PartitionProduceData(index=0, records=batch.build())]
            topics = [TopicProduceData(name="t", partition_data=data)]
            client.send(ProduceRequest(acks=acks, timeout_ms=1000, topic_data=topics), 9)
        client._sent.pop(0)  # acks=0: there is no answer
        client.receive()
        partitions = [OffsetCommitRequestPartition(partition_index=0, committed_offset=1)]
        commit = OffsetCommitRequest(
            group_id="g", topics=[OffsetCommitRequestTopic(name="t", partitions=partitions)]
        )
        answer = client.ask(commit, 5)
        assert answer.topics[0].partitions[0].error_code == 0


def test_metrics_tell_what_the_broker_has_done(tmp_path: Path) -> None:
    async def scenario() -> Samples:
        async with watched(tmp_path) as (server, address):
            await asyncio.to_thread(use, server.address)
            return await scrape(address)

    found = asyncio.run(scenario())
    assert found["streamkit_request_seconds_count", (("api", "PRODUCE"),)] == 2
    assert found["streamkit_request_seconds_count", (("api", "METADATA"),)] == 1
    assert found["streamkit_request_seconds_sum", (("api", "PRODUCE"),)] > 0
    assert found["streamkit_received_bytes_total", (("api", "PRODUCE"),)] > 140
    assert found["streamkit_sent_bytes_total", (("api", "PRODUCE"),)] > 0
    assert found["streamkit_topic_partitions", (("topic", "t"),)] == 1
    assert found["streamkit_log_size_bytes", (("topic", "t"),)] > 100
    assert found["streamkit_log_end_offset", (("partition", "0"), ("topic", "t"))] == 2
    assert found["streamkit_groups", (("state", "Empty"),)] == 1
    assert found["streamkit_group_members", (("group", "g"),)] == 0
    lag = (("group", "g"), ("partition", "0"), ("topic", "t"))
    assert found["streamkit_group_lag", lag] == 1
    assert ("streamkit_connections", ()) in found


def test_other_paths_are_not_found(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[str, str]]:
        async with watched(tmp_path) as (_, address):
            lines = ("GET / HTTP/1.1", "POST /metrics HTTP/1.1", "HEAD /metrics HTTP/1.1", "x")
            return [await http(address, line) for line in lines]

    root, post, head, garbage = asyncio.run(scenario())
    assert root == (root[0], "see /metrics\n")
    assert [each[0][:12] for each in (root, post, head, garbage)] == [
        "HTTP/1.1 404",
        "HTTP/1.1 404",
        "HTTP/1.1 200",
        "HTTP/1.1 404",
    ]
    assert head[1] == ""


def test_address_that_is_taken_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watched(tmp_path) as (server, address):
            other = MetricsEndpoint("127.0.0.1", int(address.rpartition(":")[2]))
            with pytest.raises(AddressInUseError, match="--metrics"):
                await other.start(server)

    asyncio.run(scenario())


def test_latencies_fall_into_their_buckets() -> None:
    now = 10.0
    metrics = RequestMetrics(timer=lambda: now)
    metrics.answered(ApiKey.FETCH, 10.0, 5, 0)
    metrics.answered(ApiKey.FETCH, 9.9999, 5, 7)
    metrics.answered(ApiKey.FETCH, 9.0, 5, 7)
    metrics.answered(ApiKey.FETCH, -90.0, 5, 7)
    found = metrics.apis[ApiKey.FETCH]
    assert (found.bytes_in, found.bytes_out) == (20, 21)
    assert found.buckets[LATENCY_BOUNDS.index(1.0)] == 1
    assert found.buckets[-1] == 1
    assert sum(found.buckets) == 4
