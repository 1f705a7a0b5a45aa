"""The broker as a process: kill -9 under load, SIGTERM, clear messages, the default local broker."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import confluent_kafka
import pytest
from broker_lab import batch
from broker_process import BrokerProcess
from wire_client import WireClient

from streamkit.errors import NotReachableError
from streamkit.log.broker.local import address_file, default_data_dir, local_broker
from streamkit.log.broker.settings import BROKER_SETTINGS
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)


def read_all(bootstrap: str, topic: str) -> list[bytes]:
    """Every record of partition 0, read by an independent client."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"})
    partition = confluent_kafka.TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([partition])
    found: list[bytes] = []
    while len(found) < end:
        found += [
            each.value() or b""
            for each in consumer.consume(end - len(found), 5)
            if each.error() is None
        ]
    consumer.close()
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_acknowledged_records_survive_kill_9_under_load(tmp_path: Path, seed: int) -> None:
    """The producer is idempotent and goes on over the kill: each record is there once, in order."""
    acknowledged: list[bytes] = []
    failed: list[object] = []

    def delivered(error: object, message: confluent_kafka.Message) -> None:
        if error is None:
            acknowledged.append(message.value() or b"")
        else:
            failed.append(error)

    with BrokerProcess(tmp_path / "log") as broker:
        producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 1,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        count = 6000
        kill_at = 1000 * seed
        for number in range(count):
            producer.produce("t", value=b"%d" % number, on_delivery=delivered)
            producer.poll(0)
            if number == kill_at:
                while not acknowledged:
                    producer.poll(0.1)
                broker.kill()
                before = set(acknowledged)
                broker.start()
        assert producer.flush(30) == 0
        assert failed == []
        found = read_all(broker.bootstrap, "t")
    assert before <= set(found)
    assert found == [b"%d" % number for number in range(count)]


def test_topics_and_committed_offsets_survive_kill_9(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "log") as broker:
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        producer.produce("t", b"v")
        assert producer.flush(10) == 0
        settings = {"bootstrap.servers": broker.bootstrap, "group.id": "g", "log_level": 0}
        consumer = confluent_kafka.Consumer(settings)
        offset = confluent_kafka.TopicPartition("t", 0, 1)
        consumer.commit(offsets=[offset], asynchronous=False)
        broker.kill()
        broker.start()
        (found,) = consumer.committed([confluent_kafka.TopicPartition("t", 0)], timeout=20)
        assert found.offset == 1
        assert "t" in consumer.list_topics(timeout=10).topics
        consumer.close()


def test_sigterm_answers_what_is_in_hand_and_leaves_a_clean_folder(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with BrokerProcess(folder) as broker, WireClient(broker.bootstrap) as client:
        client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 4)
        partition = PartitionProduceData(index=0, records=batch(b"v"))
        topic = TopicProduceData(name="t", partition_data=[partition])
        client.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[topic]), 9)
        code, said = broker.terminate()
        assert code == 0
        assert "stopped" in said
        assert client.closed_by_broker()
    assert (folder / ".kafka_cleanshutdown").exists()
    assert not address_file(folder).exists()


def run_broker(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "streamkit", "broker", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


def test_port_in_use_is_one_clear_message(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "log") as broker:
        code, said = run_broker("--listen", broker.bootstrap, "--data-dir", str(tmp_path / "other"))
    assert code == 1
    assert said.count("\n") == 1
    assert broker.bootstrap in said
    assert "Address already in use" in said


def test_folder_in_use_is_one_clear_message(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with BrokerProcess(folder):
        code, said = run_broker("--listen", "127.0.0.1:0", "--data-dir", str(folder))
    assert code == 1
    assert said.count("\n") == 1
    assert str(folder) in said


def test_wrong_settings_are_one_clear_message(tmp_path: Path) -> None:
    properties = tmp_path / "server.properties"
    properties.write_text("num.partitions=0\n")
    code, said = run_broker("--data-dir", str(tmp_path / "log"), "--config", str(properties))
    assert code == 1
    assert "num.partitions" in said
    assert "at least 1" in said
    assert said.count("\n") == 1


def test_help_lists_every_setting() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streamkit", "broker", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    # Long names stand on a line of their own; each is a whole word.
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed >= set(BROKER_SETTINGS)


def test_metrics_are_served_beside_the_broker(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path, "--metrics", "127.0.0.1:0") as broker:
        assert broker.metrics.startswith("http://127.0.0.1:")
        with WireClient(broker.bootstrap) as client:
            client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 4)
        with urllib.request.urlopen(broker.metrics, timeout=10) as answer:
            found = answer.read().decode()
        assert broker.terminate()[0] == 0
    assert 'streamkit_request_seconds_count{api="METADATA"} 1.0' in found
    assert 'streamkit_topic_partitions{topic="t"} 1.0' in found


# The default broker of a data folder.


def test_of_starters_at_once_one_wins_and_the_others_join(tmp_path: Path) -> None:
    addresses: list[str] = []
    joined = threading.Barrier(3)

    def start() -> None:
        with local_broker(tmp_path, idle_exit_seconds=1) as address:
            addresses.append(address)
            joined.wait(30)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(addresses) == 3
    assert len(set(addresses)) == 1
    assert addresses[0].startswith("127.0.0.1:")


def test_address_of_a_killed_broker_does_not_lead_astray(tmp_path: Path) -> None:
    """Even if another broker has its port by now."""
    with BrokerProcess(tmp_path / "killed") as killed:
        killed.kill()
    with BrokerProcess(tmp_path / "other") as other:
        cluster_id = address_file(tmp_path / "killed").read_text().split()[0]
        address_file(tmp_path / "killed").write_text(f"{cluster_id} {other.bootstrap}\n")
        with local_broker(tmp_path / "killed", idle_exit_seconds=1) as address:
            assert address != other.bootstrap


def test_broker_after_a_killed_one_is_found_where_that_was(tmp_path: Path) -> None:
    """Or workers that were connected would knock at a dead address for ever."""
    with BrokerProcess(tmp_path) as killed:
        killed.kill()
    with local_broker(tmp_path, idle_exit_seconds=1) as address:
        assert address == killed.bootstrap


def test_running_broker_is_joined(tmp_path: Path) -> None:
    with (
        BrokerProcess(tmp_path) as broker,
        local_broker(tmp_path) as address,
    ):
        assert address == broker.bootstrap


def test_local_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(NotReachableError, match="can't use the data folder"), local_broker(blocked):
        pass


def test_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STREAMKIT_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / "streamkit" / "log"
    monkeypatch.setenv("STREAMKIT_DATA_DIR", "/elsewhere")
    assert default_data_dir() == Path("/elsewhere")


def test_json_log_tells_who_was_disconnected_and_why(tmp_path: Path) -> None:
    with (
        BrokerProcess(tmp_path, "--log-format", "json") as process,
        WireClient(process.bootstrap) as client,
    ):
        client.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
        assert client.closed_by_broker()
        host, port = client.socket.getsockname()
        _, said = process.terminate()
    lines = [json.loads(line) for line in said.splitlines()]
    (closed,) = [line for line in lines if line["level"] == "WARNING"]
    assert closed["peer"] == f"/{host}:{port}"
    assert "socket.request.max.bytes" in closed["reason"]
    assert any("listening on" in line["message"] for line in lines)
