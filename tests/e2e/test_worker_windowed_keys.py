"""Windowed results of one key are in one partition, that of the key itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import streamkit as sk
from streamkit.log.client import Admin, Consumer, ConsumerRecord, NewTopic, Producer
from streamkit.log.client.partitioner import partition_for_key
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)

PARTITIONS = 5


def test_windows_of_a_key_are_in_the_partition_of_the_key(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 2), NewTopic("out", PARTITIONS)])
        keys = [f"key-{number}".encode() for number in range(8)]
        with Producer(broker.bootstrap) as producer:
            for number in range(200):
                producer.append("in", -1, keys[number % 8], b"v", number, ())
        builder = sk.StreamsBuilder(default_key=str, default_value=str)
        windows = builder.stream("in").group_by_key().windowed_by(sk.TumblingWindows(10))
        windows.count(store="counts").to_stream().to("out")
        settings = WorkerSettings("windows", broker.bootstrap, tmp_path, stop_at_end=True)
        Worker(builder.build(), settings).run()
        with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
            partitions = [TopicPartition("out", number) for number in range(PARTITIONS)]
            ends = consumer.end_offsets(partitions)
            consumer.assign(partitions)
            found: list[ConsumerRecord] = []
            while len(found) < sum(ends.values()):
                found += consumer.poll(0.5)
        assert len(found) == 200
        for record in found:
            assert record.key is not None
            assert record.partition == partition_for_key(record.key[:-8], PARTITIONS)
