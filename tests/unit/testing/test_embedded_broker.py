"""EmbeddedBroker: ready fast, real to any client, gone without a trace."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from wire_client import WireClient

from streamkit.errors import ClosedError, ConfigError, LockedError
from streamkit.log.broker.server import AddressInUseError
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.testing import EmbeddedBroker


def make_topic(bootstrap: str, name: str) -> int:
    with WireClient(bootstrap) as client:
        answer = client.ask(MetadataRequest(topics=[MetadataRequestTopic(name=name)]), 4)
        return len(answer.topics[0].partitions)


def topics(bootstrap: str) -> set[str]:
    with WireClient(bootstrap) as client:
        return {each.name for each in client.ask(MetadataRequest(topics=None), 4).topics}


def test_confluent_kafka_produces_and_consumes() -> None:
    with EmbeddedBroker() as broker:
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap})
        for number in range(100):
            producer.produce("numbers", value=str(number))
        assert producer.flush(10) == 0
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": broker.bootstrap, "group.id": "g"}
        )
        consumer.assign([confluent_kafka.TopicPartition("numbers", 0, 0)])
        seen = [each.value() for each in consumer.consume(100, 10)]
        consumer.close()
    assert seen == [str(number).encode() for number in range(100)]


def test_temporary_folder_is_removed() -> None:
    with EmbeddedBroker() as broker:
        folder = broker.data_dir
        assert (folder / "meta.properties").exists()
    assert not folder.exists()


def test_given_folder_keeps_its_topics(tmp_path: Path) -> None:
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        make_topic(broker.bootstrap, "kept")
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        assert topics(broker.bootstrap) == {"kept"}


def test_it_can_be_stopped_and_started_again(tmp_path: Path) -> None:
    broker = EmbeddedBroker(data_dir=tmp_path).start()
    make_topic(broker.bootstrap, "kept")
    broker.stop()
    broker.stop()
    with pytest.raises(ClosedError):
        _ = broker.bootstrap
    with broker:
        assert topics(broker.bootstrap) == {"kept"}


def test_settings_hold() -> None:
    with EmbeddedBroker(settings={"num.partitions": "3"}) as broker:
        assert make_topic(broker.bootstrap, "t") == 3
    with pytest.raises(ConfigError, match=r"num\.partitions"):
        EmbeddedBroker(settings={"num.partitions": "none"})


def test_failure_to_start_is_raised_where_it_was_started(tmp_path: Path) -> None:
    others = set(threading.enumerate())
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        port = int(broker.bootstrap.rpartition(":")[2])
        with pytest.raises(LockedError):
            EmbeddedBroker(data_dir=tmp_path).start()
        with pytest.raises(AddressInUseError, match=f"127.0.0.1:{port}"):
            EmbeddedBroker(port=port).start()
    left = set(threading.enumerate()) - others
    assert not [thread for thread in left if thread.name == "embedded-broker"]


def test_two_brokers_live_side_by_side() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        make_topic(one.bootstrap, "t")
        assert topics(other.bootstrap) == set()


def test_settings_may_be_numbers_and_booleans() -> None:
    settings = {"num.partitions": 3, "auto.create.topics.enable": False, "log.retention.hours": "5"}
    with EmbeddedBroker(settings=settings) as broker:
        found = broker.server.broker.settings
        assert found.num_partitions == 3
        assert not found.auto_create_topics_enable
        assert found.log_retention_hours == 5
    wrong: Any = {"num.partitions": []}
    with pytest.raises(ConfigError, match=r"num\.partitions=\[\]"):
        EmbeddedBroker(settings=wrong)


def test_address_is_known_while_the_broker_is_killed() -> None:
    """So that a client can be made that waits for it."""
    with EmbeddedBroker() as broker:
        address = broker.bootstrap
        broker.kill()
        assert broker.bootstrap == address
        broker.start()
        assert broker.bootstrap == address
    with pytest.raises(ClosedError):
        _ = broker.bootstrap
