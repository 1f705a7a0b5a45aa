"""Our producer's transactions against a live broker, in both versions of their protocol.

Version 2 (KIP-890) is what the brokers agree on; version 1 is what the client falls back to with those that don't.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from kafka_broker import KafkaBroker

from streamkit.errors import BrokerError, ConfigError
from streamkit.log.client import (
    Admin,
    CommitFailedError,
    Consumer,
    ConsumerGroupMetadata,
    FencedError,
    NewTopic,
    OffsetAndMetadata,
    Producer,
)
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.protocol import ApiKey, ErrorCode
from streamkit.model import EMPTY_HEADERS, TopicPartition
from streamkit.testing import EmbeddedBroker

_SETTINGS = {"offsets.topic.num.partitions": "2", "transaction.state.log.num.partitions": "2"}
_numbers = itertools.count(1)


@pytest.fixture(
    scope="module", params=["streamkit", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "streamkit":
        with EmbeddedBroker(settings=_SETTINGS) as broker:
            yield broker.bootstrap
    else:
        with KafkaBroker(tmp_path_factory.mktemp("kafka"), _SETTINGS) as kafka:
            yield kafka.bootstrap


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    if request.param == 1:
        monkeypatch.setattr(ClusterClient, "feature", lambda cluster, name: 0)
    return int(request.param)


@pytest.fixture
def topic(bootstrap: str) -> str:
    """A new topic of two partitions."""
    return new_topic(bootstrap)


def new_topic(bootstrap: str) -> str:
    name = f"own-transactions-{next(_numbers)}"
    with Admin(bootstrap) as admin:
        admin.create_topics([NewTopic(name, 2)])
    return name


def committed_values(bootstrap: str, topic: str, partition: int = 0) -> list[bytes | None]:
    """All that a read_committed consumer gets of a partition, to its very end."""
    tp = TopicPartition(topic, partition)
    settings = {"auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    with Consumer(bootstrap, **settings) as consumer:  # type: ignore[arg-type]  # settings of tests
        consumer.assign([tp])
        with Consumer(bootstrap) as anyone:
            assert consumer.end_offsets([tp]) == anyone.end_offsets([tp])
        end = consumer.end_offsets([tp])[tp]
        values: list[bytes | None] = []
        while consumer.position(tp) < end:
            values += [v for b in consumer.poll_batches(0.1) for v in b.columns.values]
        return values


@pytest.mark.usefixtures("version")
def test_aborted_transactions_are_left_out(bootstrap: str, topic: str) -> None:
    tp = TopicPartition(topic, 0)
    with Producer(bootstrap, transactional_id=f"t-{topic}") as producer:
        producer.init_transactions()
        for round_number, commit in enumerate([True, False, True]):
            producer.begin_transaction()
            for i in range(10):
                value = b"%d-%d" % (round_number, i)
                producer.append(topic, 0, None, value, 1, EMPTY_HEADERS)
            producer.flush()
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
    with Consumer(
        bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        consumer.assign([tp])
        values: list[bytes | None] = []
        while len(values) < 20:
            values += [v for b in consumer.poll_batches(5.0) for v in b.columns.values]
        assert consumer.poll(0.3) == []
        # Past the last marker too.
        assert consumer.position(tp) == consumer.end_offsets([tp])[tp]
        assert consumer.fetch_lag(tp) == 0
    assert values == [b"%d-%d" % (r, i) for r in (0, 2) for i in range(10)]


@pytest.mark.usefixtures("version")
def test_offsets_belong_to_the_transaction_and_older_producers_are_fenced(
    bootstrap: str, topic: str
) -> None:
    tp = TopicPartition(topic, 0)
    with (
        Producer(bootstrap, transactional_id=f"t-{topic}") as old,
        Producer(bootstrap, transactional_id=f"t-{topic}") as new,
        Consumer(bootstrap, group_id=f"g-{topic}") as consumer,
    ):
        old.init_transactions()
        old.begin_transaction()
        old.send_offsets_to_transaction({tp: OffsetAndMetadata(7)}, consumer.group_metadata())
        old.commit_transaction()
        assert consumer.committed([tp]) == {tp: OffsetAndMetadata(7, "", -1)}
        old.begin_transaction()
        old.send_offsets_to_transaction({tp: OffsetAndMetadata(8)}, consumer.group_metadata())
        old.abort_transaction()
        assert consumer.committed([tp]) == {tp: OffsetAndMetadata(7, "", -1)}
        old.begin_transaction()
        old.send(topic, b"x", partition=0)
        old.flush()
        new.init_transactions()
        with pytest.raises(FencedError):
            old.commit_transaction()


@pytest.mark.usefixtures("version")
def test_transactions_in_which_nothing_happens_end_too(bootstrap: str, topic: str) -> None:
    with Producer(bootstrap, transactional_id=f"t-{topic}") as producer:
        producer.init_transactions()
        for _ in range(2):
            producer.begin_transaction()
            producer.commit_transaction()
            producer.begin_transaction()
            producer.abort_transaction()
            producer.begin_transaction()
            producer.send(topic, b"dropped", partition=0)
            producer.abort_transaction()
            producer.begin_transaction()
            producer.send(topic, b"kept", partition=0)
            producer.commit_transaction()
    assert committed_values(bootstrap, topic) == [b"kept", b"kept"]


def test_epoch_rises_with_each_transaction_of_version_2(
    bootstrap: str, topic: str, version: int
) -> None:
    """What is late from an ended transaction is refused by its epoch, so it can't end up in the next one."""
    epochs = []
    with Producer(bootstrap, transactional_id=f"t-{topic}") as producer:
        producer.init_transactions()
        for _ in range(3):
            producer.begin_transaction()
            producer.send(topic, b"v", partition=0).result(20)
            producer.commit_transaction()
            epochs.append(producer._sender.identity.producer_epoch)
    assert epochs == ([1, 2, 3] if version == 2 else [0, 0, 0])


def test_records_sent_while_a_transaction_ends_wait_for_the_next(version: int) -> None:
    """They must not go out under the epoch, or in the transaction, that is ending."""
    with EmbeddedBroker(settings=_SETTINGS) as broker:
        topic = new_topic(broker.bootstrap)
        with Producer(broker.bootstrap, transactional_id="t", linger_ms=0) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(topic, b"first", partition=0)
            producer.flush()
            slow = broker.faults.delay(ApiKey.END_TXN, timedelta(milliseconds=300))
            ending = producer._network.submit(producer._transactional().end(committed=True))
            slow.wait_for_hits()
            late = producer.send(topic, b"second", partition=0)
            ending.result(20)
            broker.faults.clear()
            producer.begin_transaction()
            assert late.result(20).offset == 2  # after the marker
            producer.abort_transaction()
        assert committed_values(broker.bootstrap, topic) == [b"first"]


_APIS = [
    ApiKey.PRODUCE,
    ApiKey.TXN_OFFSET_COMMIT,
    ApiKey.END_TXN,
    ApiKey.ADD_PARTITIONS_TO_TXN,
    ApiKey.ADD_OFFSETS_TO_TXN,
    ApiKey.INIT_PRODUCER_ID,
    ApiKey.FIND_COORDINATOR,
]


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("seed", range(2))
def test_each_transaction_counts_once_over_lost_replies_and_passing_errors(seed: int) -> None:
    """A repeated request changes nothing, whichever answer got lost."""
    generator = random.Random(seed)
    with EmbeddedBroker(settings=_SETTINGS) as broker:
        topic = new_topic(broker.bootstrap)
        tp = TopicPartition(topic, 0)
        wanted: list[bytes] = []
        at = 0
        with (
            Producer(broker.bootstrap, transactional_id="t", retry_backoff_ms=2) as producer,
            Consumer(broker.bootstrap, group_id="g") as consumer,
        ):
            producer.init_transactions()
            for number in range(25):
                for api in generator.sample(_APIS, 2):
                    if generator.random() < 0.5:
                        broker.faults.lose_reply(api, times=1)
                    else:
                        code = ErrorCode.NOT_COORDINATOR
                        if api is ApiKey.PRODUCE:
                            code = ErrorCode.NOT_ENOUGH_REPLICAS
                        elif api is ApiKey.FIND_COORDINATOR:
                            code = ErrorCode.COORDINATOR_NOT_AVAILABLE
                        broker.faults.error(api, code, times=1)
                values = [b"%d-%d" % (number, i) for i in range(generator.randint(0, 3))]
                commit = generator.random() < 0.6
                producer.begin_transaction()
                for value in values:
                    producer.send(topic, value, partition=0)
                if generator.random() < 0.5:
                    producer.flush()
                offsets = {tp: OffsetAndMetadata(number)}
                producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
                if commit:
                    producer.commit_transaction()
                    wanted += values
                    at = number
                else:
                    producer.abort_transaction()
            broker.faults.clear()
            assert consumer.committed([tp]) == {tp: OffsetAndMetadata(at, "", -1)}
        assert committed_values(broker.bootstrap, topic) == wanted


@pytest.mark.usefixtures("version")
def test_transaction_with_a_lost_record_can_only_be_aborted(bootstrap: str, topic: str) -> None:
    """Whether or not anybody looked at the record's future; else a commit would leave it out."""
    with Admin(bootstrap) as admin:
        small = f"small-{topic}"
        admin.create_topics([NewTopic(small, 1, configs={"max.message.bytes": "200"})])
    with Producer(bootstrap, transactional_id=f"t-{topic}") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"kept", partition=0)
        producer.send(small, b"x" * 1_000, partition=0)
        for _ in range(2):
            with pytest.raises(BrokerError, match="MESSAGE_TOO_LARGE"):
                producer.commit_transaction()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, b"again", partition=0)
        producer.commit_transaction()
    assert committed_values(bootstrap, topic) == [b"again"]


@pytest.mark.usefixtures("version")
def test_transaction_whose_offsets_were_refused_can_only_be_aborted(
    bootstrap: str, topic: str
) -> None:
    tp = TopicPartition(topic, 0)
    stranger = ConsumerGroupMetadata(f"g-{topic}", 7, "nobody")
    with Producer(bootstrap, transactional_id=f"t-{topic}") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"lost", partition=0)
        with pytest.raises(CommitFailedError):
            producer.send_offsets_to_transaction({tp: OffsetAndMetadata(7)}, stranger)
        with pytest.raises(CommitFailedError):
            producer.commit_transaction()
        with pytest.raises(ConfigError, match="open"):
            producer.init_transactions()
        producer.abort_transaction()
    assert committed_values(bootstrap, topic) == []


@pytest.mark.usefixtures("version")
def test_records_of_a_fenced_producer_say_so(bootstrap: str, topic: str) -> None:
    with (
        Producer(bootstrap, transactional_id=f"t-{topic}") as old,
        Producer(bootstrap, transactional_id=f"t-{topic}") as new,
    ):
        old.init_transactions()
        old.begin_transaction()
        old.send(topic, b"x", partition=0).result(20)
        new.init_transactions()
        with pytest.raises(FencedError, match=f"t-{topic}"):
            old.send(topic, b"y", partition=0).result(20)
        with pytest.raises(FencedError):
            old.commit_transaction()


@pytest.mark.usefixtures("version")
def test_open_transaction_is_aborted_by_close(bootstrap: str, topic: str) -> None:
    """Else readers of committed records would wait until its timeout."""
    with Producer(bootstrap, transactional_id=f"t-{topic}") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"x", partition=0).result(20)
        producer.append(topic, 0, None, b"y", 1, EMPTY_HEADERS)
    assert committed_values(bootstrap, topic) == []


def test_close_does_not_wait_for_an_abort_that_nobody_answers(version: int) -> None:
    with EmbeddedBroker(settings=_SETTINGS) as broker:
        topic = new_topic(broker.bootstrap)
        producer = Producer(broker.bootstrap, transactional_id="t")
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"x", partition=0).result(20)
        broker.faults.drop(ApiKey.END_TXN)
        producer.close(timeout=0.2)
