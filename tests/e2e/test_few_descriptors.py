"""A broker whose process may have few files open: logs make room, connections wait, nothing fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker_lab import batch, fetch_request
from wire_client import WireClient

from streamkit.log.broker.descriptors import shares_of_descriptors
from streamkit.log.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

LIMIT = 128
PARTITIONS = 200
CONNECTIONS = 150


def start(folder: Path) -> Iterator[str]:
    """A broker with a hard limit, so that it can't raise it."""
    command = (sys.executable, "-m", "streamkit", "broker", "--listen", "127.0.0.1:0")
    with subprocess.Popen(
        ["sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh", *command, "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


def produce_to_all(client: WireClient) -> None:
    for index in range(PARTITIONS):
        data = PartitionProduceData(index=index, records=batch(b"x"))
        topics = [TopicProduceData(name="t", partition_data=[data])]
        request = ProduceRequest(acks=-1, timeout_ms=1000, topic_data=topics)
        assert client.ask(request, 9).responses[0].partition_responses[0].error_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the broker runs on Linux and macOS")
def test_partitions_and_connections_beyond_the_descriptors(tmp_path: Path) -> None:
    for bootstrap in start(tmp_path):
        with WireClient(bootstrap, timeout=20) as client, ExitStack() as others:
            topic = CreatableTopic(name="t", num_partitions=PARTITIONS, replication_factor=1)
            client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=9000), 5)
            produce_to_all(client)
            for _ in range(CONNECTIONS):
                others.enter_context(WireClient(bootstrap, timeout=20))
            produce_to_all(client)
        with WireClient(bootstrap, timeout=20) as client:
            produce_to_all(client)
    for bootstrap in start(tmp_path):  # killed: all logs are recovered
        with WireClient(bootstrap, timeout=20) as client:
            offsets = [(index, 0) for index in range(PARTITIONS)]
            answer = client.ask(fetch_request("t", offsets, max_wait_ms=0), 11)
            ends = {each.high_watermark for each in answer.responses[0].partitions}
            assert ends == {3}


def test_shares_leave_something_for_everybody() -> None:
    for limit in (64, 256, 1024, 1 << 20):
        log_files, connections = shares_of_descriptors(limit)
        assert 8 <= log_files <= 512
        assert connections >= 8
        assert limit < 100 or log_files + connections < limit
    assert shares_of_descriptors().connections > 0
