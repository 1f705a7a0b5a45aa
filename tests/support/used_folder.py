"""Data folders of a broker that was used: everything that it keeps in its own topics was written once at least.

| folder | how it came about |
| --- | --- |
| `used_folder` | groups of both protocols, offsets, settings, features, transactions; killed and stopped inside this process |
| `compacted_folder` | its internal topics compacted while they were written, then `kill -9` |
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from broker_process import BrokerProcess
from client_drivers import Confluent, Message, wait_until
from consumer_group_script import SETTINGS, run_consumer_group_script
from wire_client import WireClient

from streamkit.log.client import (
    Admin,
    ConsumerGroupMetadata,
    NewTopic,
    OffsetAndMetadata,
    Producer,
)
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from streamkit.log.protocol.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from streamkit.model import TopicPartition
from streamkit.testing import EmbeddedBroker

__all__ = ["TOPIC", "compacted_folder", "used_folder"]

TOPIC = "records"
_TOPIC_CONFIG, _BROKER_CONFIG = 2, 4
_EXPIRED = timedelta(days=8)
"""Longer than offsets of empty groups and transactional ids are remembered by default."""

_COMPACTING = {
    "log.cleaner.backoff.ms": "100",
    "log.cleaner.min.cleanable.ratio": "0.001",
    "log.index.interval.bytes": "500",
    "log.roll.ms": "300",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
}


def used_folder(folder: Path) -> None:
    """Use a broker on the folder, and stop it."""
    settings = {
        **SETTINGS,
        "group.min.session.timeout.ms": "1000",
        "log.index.interval.bytes": "500",
        "transaction.state.log.num.partitions": "2",
    }
    with EmbeddedBroker(data_dir=folder, settings=settings) as broker:
        for _ in run_consumer_group_script(broker.bootstrap):
            pass
        _change_metadata(broker.bootstrap)
        _transactions(broker.bootstrap)
        _classic_group(broker.bootstrap)
        broker.advance_clock(_EXPIRED)
        broker.kill()
        broker.start()
        _transactions(broker.bootstrap)
        left_open = Confluent(broker.bootstrap).transaction("left-open")
        left_open.send(TOPIC, [b"open"])
        broker.stop(keep_data=True)
        left_open.close()


def compacted_folder(folder: Path) -> None:
    """Write into the internal topics until the cleaner has been there, and kill the broker."""
    arguments = [
        word for name, value in _COMPACTING.items() for word in ("--set", f"{name}={value}")
    ]
    with BrokerProcess(folder, *arguments) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic(TOPIC, 2)])

            def commit() -> None:
                for number in range(20):
                    place = {TopicPartition(TOPIC, 0): OffsetAndMetadata(number)}
                    admin.alter_group_offsets(f"group-{number % 3}", place)
                admin.delete_groups(["group-2"])

            _write_until_compacted(folder / "__consumer_offsets-0", commit)
            _write_until_compacted(
                folder / "__transaction_state-0", lambda: _transactions(broker.bootstrap)
            )
            commit()
        # The cleaner comes to rest: where it changes files for others, Kafka's tool complains with reason.
        time.sleep(1)
        broker.kill()


def _write_until_compacted(folder: Path, write: Callable[[], None]) -> None:
    """Write to a partition until a cleaned segment takes the place of what it was made of."""
    deadline = time.monotonic() + 60
    before = 0
    while (size := sum(path.stat().st_size for path in folder.glob("*.log"))) >= before:
        assert time.monotonic() < deadline, f"{folder} is never compacted"
        before = size
        write()
        time.sleep(0.4)


def _change_metadata(bootstrap: str) -> None:
    """Topics come, grow, go and come again; settings of a topic, of the node and of all; levels of features."""
    with Admin(bootstrap) as admin, WireClient(bootstrap) as client:
        admin.create_topics([NewTopic(TOPIC, 1, configs={"retention.ms": "-1"})])
        admin.create_partitions(TOPIC, 3)
        for _ in range(2):
            admin.create_topics([NewTopic("passing", 2)])
            admin.delete_topics(["passing"])
        for kind, name, setting, value in (
            (_TOPIC_CONFIG, TOPIC, "segment.bytes", "1048576"),
            (_BROKER_CONFIG, "", "log.segment.delete.delay.ms", "55000"),
            (_BROKER_CONFIG, "1", "log.segment.delete.delay.ms", "45000"),
        ):
            for operation in (0, 1):
                config = AlterableConfig(
                    name=setting, config_operation=operation, value=None if operation else value
                )
                resource = AlterConfigsResource(
                    resource_type=kind, resource_name=name, configs=[config]
                )
                changed = client.ask(IncrementalAlterConfigsRequest(resources=[resource]), 1)
                assert [one.error_code for one in changed.responses] == [0]
        for level, way in ((1, 2), (2, 1)):
            update = FeatureUpdateKey(
                feature="transaction.version", max_version_level=level, upgrade_type=way
            )
            assert client.ask(UpdateFeaturesRequest(feature_updates=[update]), 2).error_code == 0


def _transactions(bootstrap: str) -> None:
    """Committed and aborted, with offsets."""
    with Producer(bootstrap, transactional_id="transactional") as producer:
        producer.init_transactions()
        for commit in (True, False, True):
            producer.begin_transaction()
            producer.send(TOPIC, b"v", partition=0).result(20)
            offsets = {TopicPartition(TOPIC, 0): OffsetAndMetadata(1)}
            producer.send_offsets_to_transaction(offsets, ConsumerGroupMetadata("in-transactions"))
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()


def _classic_group(bootstrap: str) -> None:
    """A member of librdkafka's, which commits and leaves."""
    driver = Confluent(bootstrap)
    driver.produce(TOPIC, [Message(b"v")])
    member = driver.member("classic", TOPIC)
    wait_until(lambda: bool(member.poll()), "a record")
    member.commit()
    member.close()
