"""Transactions of the Python clients, each as it does them, and of our own."""

from __future__ import annotations

import asyncio
import itertools
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

import aiokafka
import confluent_kafka as ck
import pytest

from streamkit.errors import BrokerError
from streamkit.log.client import (
    Admin,
    Consumer,
    ConsumerGroupMetadata,
    NewTopic,
    OffsetAndMetadata,
    Producer,
)
from streamkit.model import TopicPartition

with warnings.catch_warnings():
    # kafka-python reads its message schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka
    import kafka.errors
    import kafka.structs

TIMEOUT_S = 20.0


class Cluster(Protocol):
    """The broker to be judged, from the fixture in `conftest`."""

    @property
    def bootstrap(self) -> str: ...


class Writer(Protocol):
    """A transactional producer."""

    def init(self) -> None: ...

    def begin(self) -> None: ...

    def send(self, topic: str, partition: int, value: bytes) -> None:
        """Send, and wait for the answer."""
        ...

    def offset(self, group: str, topic: str, partition: int, offset: int) -> None: ...

    def end(self, *, commit: bool) -> None: ...

    def close(self) -> None: ...


class ConfluentWriter:
    refusals: tuple[type[Exception], ...] = (ck.KafkaException,)

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._bootstrap = bootstrap
        self._producer = ck.Producer(
            {"bootstrap.servers": bootstrap, "transactional.id": transactional_id, "linger.ms": 0}
        )

    def init(self) -> None:
        self._producer.init_transactions(TIMEOUT_S)

    def begin(self) -> None:
        self._producer.begin_transaction()

    def send(self, topic: str, partition: int, value: bytes) -> None:
        self._producer.produce(topic, value, partition=partition)
        self._producer.flush(TIMEOUT_S)

    def offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        consumer = ck.Consumer({"bootstrap.servers": self._bootstrap, "group.id": group})
        try:
            self._producer.send_offsets_to_transaction(
                [ck.TopicPartition(topic, partition, offset)],
                consumer.consumer_group_metadata(),
                TIMEOUT_S,
            )
        finally:
            consumer.close()

    def end(self, *, commit: bool) -> None:
        if commit:
            self._producer.commit_transaction(TIMEOUT_S)
        else:
            self._producer.abort_transaction(TIMEOUT_S)

    def close(self) -> None:
        self._producer.purge()


class AiokafkaWriter:
    refusals: tuple[type[Exception], ...] = (aiokafka.errors.KafkaError,)

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

        async def make() -> aiokafka.AIOKafkaProducer:
            return aiokafka.AIOKafkaProducer(
                bootstrap_servers=bootstrap, transactional_id=transactional_id
            )

        self._producer = self._run(make())

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(TIMEOUT_S)

    def init(self) -> None:
        self._run(self._producer.start())

    def begin(self) -> None:
        self._run(self._producer.begin_transaction())

    def send(self, topic: str, partition: int, value: bytes) -> None:
        self._run(self._producer.send_and_wait(topic, value, partition=partition))

    def offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        only = aiokafka.TopicPartition(topic, partition)
        self._run(self._producer.send_offsets_to_transaction({only: offset}, group))

    def end(self, *, commit: bool) -> None:
        producer = self._producer
        self._run(producer.commit_transaction() if commit else producer.abort_transaction())

    def close(self) -> None:
        self._run(self._producer.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class KafkaPythonWriter:
    refusals: tuple[type[Exception], ...] = (kafka.errors.KafkaError,)

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, transactional_id=transactional_id
        )

    def init(self) -> None:
        self._producer.init_transactions()

    def begin(self) -> None:
        self._producer.begin_transaction()

    def send(self, topic: str, partition: int, value: bytes) -> None:
        self._producer.send(topic, value, partition=partition).get(TIMEOUT_S)

    def offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        only = kafka.TopicPartition(topic, partition)
        committed = kafka.structs.OffsetAndMetadata(offset, "", -1)
        self._producer.send_offsets_to_transaction({only: committed}, group)

    def end(self, *, commit: bool) -> None:
        if commit:
            self._producer.commit_transaction()
        else:
            self._producer.abort_transaction()

    def close(self) -> None:
        self._producer.close(timeout=1)


class OwnWriter:
    refusals: tuple[type[Exception], ...] = (BrokerError,)

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._producer = Producer(bootstrap, transactional_id=transactional_id)

    def init(self) -> None:
        self._producer.init_transactions()

    def begin(self) -> None:
        self._producer.begin_transaction()

    def send(self, topic: str, partition: int, value: bytes) -> None:
        self._producer.send(topic, value, partition=partition).result(TIMEOUT_S)

    def offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        offsets = {TopicPartition(topic, partition): OffsetAndMetadata(offset)}
        self._producer.send_offsets_to_transaction(offsets, ConsumerGroupMetadata(group))

    def end(self, *, commit: bool) -> None:
        if commit:
            self._producer.commit_transaction()
        else:
            self._producer.abort_transaction()

    def close(self) -> None:
        self._producer.close()


def read_by_confluent(bootstrap: str, topic: str) -> list[bytes | None]:
    consumer = ck.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([ck.TopicPartition(topic, 0, ck.OFFSET_BEGINNING)])
    found: list[bytes | None] = []
    while (message := consumer.poll(TIMEOUT_S)) is not None and message.error() is None:
        found.append(message.value())
    consumer.close()
    return found


def read_by_kafka_python(bootstrap: str, topic: str) -> list[bytes | None]:
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", group_id=None
    )
    only = kafka.TopicPartition(topic, 0)
    consumer.assign([only])
    consumer.seek_to_beginning(only)
    (end,) = consumer.end_offsets([only]).values()
    found: list[bytes | None] = []
    while consumer.position(only) < end:
        for messages in consumer.poll(timeout_ms=100).values():
            found.extend(message.value for message in messages)
    consumer.close()
    return found


def read_by_aiokafka(bootstrap: str, topic: str) -> list[bytes | None]:
    async def read() -> list[bytes | None]:
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=bootstrap, isolation_level="read_committed"
        )
        await consumer.start()
        only = aiokafka.TopicPartition(topic, 0)
        consumer.assign([only])
        await consumer.seek_to_beginning(only)
        (end,) = (await consumer.end_offsets([only])).values()
        found: list[bytes | None] = []
        while await consumer.position(only) < end:
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                found.extend(message.value for message in messages)
        await consumer.stop()
        return found

    return asyncio.run(read())


def read_by_own(bootstrap: str, topic: str) -> list[bytes | None]:
    only = TopicPartition(topic, 0)
    with Consumer(
        bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign([only])
        end = consumer.end_offsets([only])[only]
        found: list[bytes | None] = []
        while consumer.position(only) < end:
            found.extend(record.value for record in consumer.poll(0.1))
    return found


WRITERS: dict[str, Callable[[str, str], Writer]] = {
    "confluent-kafka": ConfluentWriter,
    "aiokafka": AiokafkaWriter,
    "kafka-python": KafkaPythonWriter,
    "streamkit": OwnWriter,
}
READERS = [read_by_confluent, read_by_kafka_python, read_by_aiokafka, read_by_own]
_numbers = itertools.count(1)


@pytest.fixture
def topic(cluster: Cluster) -> str:
    """A new topic of one partition."""
    name = f"python-transactions-{next(_numbers)}"
    with Admin(cluster.bootstrap) as admin:
        admin.create_topics([NewTopic(name, 1)])
    return name


@pytest.fixture(params=list(WRITERS))
def new_writer(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Callable[[str], Any]]:
    """Makes transactional producers of one client, by transactional id."""
    made: list[Writer] = []

    def make(transactional_id: str) -> Writer:
        made.append(WRITERS[request.param](cluster.bootstrap, transactional_id))
        return made[-1]

    yield make
    for writer in made:
        writer.close()


def committed(bootstrap: str, group: str, topic: str) -> int:
    """The group's committed offset in partition 0, when no transaction is open."""
    consumer = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    (found,) = consumer.committed([ck.TopicPartition(topic, 0)], TIMEOUT_S)
    consumer.close()
    offset: int = found.offset
    return offset


def test_every_reader_sees_what_was_committed_and_nothing_else(
    cluster: Cluster, topic: str, new_writer: Callable[[str], Writer]
) -> None:
    writer = new_writer(topic)
    writer.init()
    for number in range(6):
        writer.begin()
        writer.send(topic, 0, b"%d" % number)
        writer.end(commit=number % 3 != 1)
    for read in READERS:
        assert read(cluster.bootstrap, topic) == [b"0", b"2", b"3", b"5"]


def test_offsets_are_committed_with_the_transaction(
    cluster: Cluster, topic: str, new_writer: Callable[[str], Writer]
) -> None:
    writer = new_writer(topic)
    writer.init()
    for offset, commit in ((1, True), (2, False)):
        writer.begin()
        writer.send(topic, 0, b"v")
        writer.offset(f"{topic}-group", topic, 0, offset)
        writer.end(commit=commit)
        assert committed(cluster.bootstrap, f"{topic}-group", topic) == 1


def test_older_producer_is_fenced(
    cluster: Cluster, topic: str, new_writer: Callable[[str], Any]
) -> None:
    older = new_writer(topic)
    older.init()
    older.begin()
    older.send(topic, 0, b"older")
    newer = new_writer(topic)
    newer.init()
    with pytest.raises(older.refusals):
        older.end(commit=True)
    newer.begin()
    newer.send(topic, 0, b"newer")
    newer.end(commit=True)
    assert read_by_confluent(cluster.bootstrap, topic) == [b"newer"]
