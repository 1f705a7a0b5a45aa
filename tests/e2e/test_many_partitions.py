"""1,000 connections and 10,000 partitions on one broker: bounded memory and descriptors, a quick start."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker_lab import batch
from broker_process import BrokerProcess
from wire_client import WireClient

from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest
from streamkit.log.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from streamkit.log.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from streamkit.log.protocol.messages.metadata import MetadataRequest
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

TOPICS = 10
PARTITIONS = 1_000
CONNECTIONS = 1_000
MOST_MEMORY = 1_000_000_000
MOST_LOG_FILES = 600

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what it measures is Linux's"),
]


def resident_bytes(process: BrokerProcess) -> int:
    assert process.process is not None
    statm = Path(f"/proc/{process.process.pid}/statm").read_text()
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(process: BrokerProcess) -> int:
    assert process.process is not None
    return len(list(Path(f"/proc/{process.process.pid}/fd").iterdir()))


def create(client: WireClient) -> None:
    for number in range(TOPICS):
        topic = CreatableTopic(name=f"t{number}", num_partitions=PARTITIONS, replication_factor=1)
        answer = client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=60_000), 5)
        assert answer.topics[0].error_code == 0


def produce_to_all(client: WireClient) -> None:
    data = batch(b"x" * 100)
    for number in range(TOPICS):
        partitions = [PartitionProduceData(index=at, records=data) for at in range(PARTITIONS)]
        topics = [TopicProduceData(name=f"t{number}", partition_data=partitions)]
        answer = client.ask(ProduceRequest(acks=-1, timeout_ms=60_000, topic_data=topics), 9)
        assert not any(each.error_code for each in answer.responses[0].partition_responses)


def end_offsets(client: WireClient) -> set[int]:
    partitions = [
        ListOffsetsPartition(partition_index=at, timestamp=-1) for at in range(PARTITIONS)
    ]
    topics = [ListOffsetsTopic(name=f"t{at}", partitions=partitions) for at in range(TOPICS)]
    answer = client.ask(ListOffsetsRequest(replica_id=-1, topics=topics), 5)
    found = [each for topic in answer.topics for each in topic.partitions]
    assert not any(each.error_code for each in found)
    assert len(found) == TOPICS * PARTITIONS
    return {each.offset for each in found}


def known_partitions(client: WireClient) -> int:
    answer = client.ask(MetadataRequest(topics=None), 9)
    return sum(len(topic.partitions) for topic in answer.topics)


def test_many_connections_and_partitions_take_little(tmp_path: Path) -> None:
    with ExitStack() as stack:
        process = stack.enter_context(BrokerProcess(tmp_path / "data"))
        client = stack.enter_context(WireClient(process.bootstrap, timeout=60))
        create(client)
        idle = [
            stack.enter_context(WireClient(process.bootstrap, timeout=60))
            for _ in range(CONNECTIONS)
        ]
        for each in idle:
            assert each.ask(ApiVersionsRequest(), 0).api_keys
        produce_to_all(client)
        produce_to_all(client)
        assert known_partitions(client) == TOPICS * PARTITIONS
        assert end_offsets(client) == {2}
        assert resident_bytes(process) < MOST_MEMORY
        assert descriptors(process) < CONNECTIONS + MOST_LOG_FILES
        for each in idle:
            assert each.ask(ApiVersionsRequest(), 0).api_keys
        process.kill()
        process.start()
        with WireClient(process.bootstrap, timeout=60) as again:
            assert known_partitions(again) == TOPICS * PARTITIONS
            assert end_offsets(again) == {2}
            produce_to_all(again)
            assert end_offsets(again) == {3}
        assert resident_bytes(process) < MOST_MEMORY
        assert descriptors(process) < MOST_LOG_FILES
