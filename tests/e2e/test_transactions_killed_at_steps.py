"""The broker dies right after each step of a transaction; after the restart the transaction ends as it should.

Our own client writes and goes on over the restart; librdkafka and kafka-python read what came of it. (librdkafka
2.x can't write here: after a restart its send_offsets_to_transaction may wait for ever.)
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka as ck
import pytest
from broker_lab import batch
from broker_process import BrokerProcess
from stopping_broker import EXIT_CODE, start_stopping_broker
from wire_client import WireClient

from streamkit.log.broker.transactions import TransactionStep
from streamkit.log.client import Admin, ConsumerGroupMetadata, NewTopic, OffsetAndMetadata, Producer
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    DescribeTransactionsRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
)
from streamkit.log.protocol.messages.produce import PartitionProduceData, TopicProduceData
from streamkit.model import TopicPartition

with warnings.catch_warnings():
    # kafka-python reads its message schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka

pytestmark = pytest.mark.slow

PARTITIONS = 3
ID = "killed"
GROUP = "group"
STEPS = [step for step in TransactionStep if step is not TransactionStep.INITIALISED]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path / "data", "--set", "offsets.topic.num.partitions=4") as process:
        with Admin(process.bootstrap) as admin:
            admin.create_topics([NewTopic("t", PARTITIONS)])
        yield process


def new_consumer(bootstrap: str, group: str) -> ck.Consumer:
    return ck.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )


def transaction(producer: Producer, value: bytes, offset: int, *, commit: bool) -> None:
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        producer.send("t", value, partition=partition)
    producer.flush()
    offsets = {TopicPartition("t", 0): OffsetAndMetadata(offset)}
    producer.send_offsets_to_transaction(offsets, ConsumerGroupMetadata(GROUP))
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()


def read_by_librdkafka(bootstrap: str, partition: int) -> list[bytes | None]:
    consumer = new_consumer(bootstrap, "reader")
    consumer.assign([ck.TopicPartition("t", partition, ck.OFFSET_BEGINNING)])
    found: list[bytes | None] = []
    while True:
        message = consumer.poll(10)
        assert message is not None, found
        error = message.error()
        if error is None:
            found.append(message.value())
        elif error.code() == ck.KafkaError._PARTITION_EOF:
            break
        else:
            raise ck.KafkaException(error)
    consumer.close()
    return found


def read_by_kafka_python(bootstrap: str, partition: int, count: int) -> list[bytes | None]:
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        consumer_timeout_ms=10_000,
        group_id=None,
    )
    only = kafka.TopicPartition("t", partition)
    consumer.assign([only])
    consumer.seek_to_beginning(only)
    found = []
    for message in consumer:
        found.append(message.value)
        if len(found) == count:
            break
    consumer.close()
    return found


def nth(step: TransactionStep) -> int:
    """Which time to die at: the first, but in the midst of the markers."""
    return 2 if step is TransactionStep.MARKER_WRITTEN else 1


def port_of(bootstrap: str) -> int:
    return int(bootstrap.rpartition(":")[2])


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "abort"])
@pytest.mark.parametrize("step", list(TransactionStep), ids=lambda step: step.value)
def test_transaction_ends_as_it_should_when_the_broker_dies(
    broker: BrokerProcess, step: TransactionStep, commit: bool
) -> None:
    bootstrap = broker.bootstrap
    first = step is not TransactionStep.INITIALISED
    producer = Producer(bootstrap, transactional_id=ID)
    if first:
        producer.init_transactions()
        transaction(producer, b"first", 1, commit=True)
    broker.kill()

    dying = start_stopping_broker(broker.folder, port_of(bootstrap), step, ID, nth(step))
    failures: list[BaseException] = []

    def write() -> None:
        try:
            if not first:
                producer.init_transactions()
            transaction(producer, b"second", 2, commit=commit)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    dying.communicate(timeout=20)
    assert dying.returncode == EXIT_CODE
    broker.start()
    writer.join(60)
    assert not writer.is_alive()
    if failures:
        raise failures[0]
    transaction(producer, b"third", 3, commit=True)
    producer.close()
    broker.kill()
    broker.start()

    wanted = [b"first"] * first + [b"second"] * commit + [b"third"]
    for partition in range(PARTITIONS):
        assert read_by_librdkafka(bootstrap, partition) == wanted
    assert read_by_kafka_python(bootstrap, 0, len(wanted)) == wanted
    consumer = new_consumer(bootstrap, GROUP)
    (committed,) = consumer.committed([ck.TopicPartition("t", 0)], 20)
    assert committed.offset == 3
    consumer.close()


@pytest.mark.parametrize("commit", [True, False], ids=["commit", "abort"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.value)
def test_version_2_transaction_ends_as_it_should_when_the_broker_dies(
    broker: BrokerProcess, step: TransactionStep, commit: bool
) -> None:
    """Without AddPartitionsToTxn, and with a new epoch at the end: what no Python client does by itself."""
    bootstrap = broker.bootstrap
    broker.kill()
    dying = start_stopping_broker(broker.folder, port_of(bootstrap), step, ID, nth(step))
    init = InitProducerIdRequest(transactional_id=ID, transaction_timeout_ms=60_000)
    with WireClient(bootstrap) as client:
        begun = client.ask(init, 5)
        assert begun.error_code == 0
        produce = ProduceRequest(
            transactional_id=ID,
            acks=-1,
            timeout_ms=10_000,
            topic_data=[
                TopicProduceData(
                    name="t",
                    partition_data=[
                        PartitionProduceData(
                            index=partition,
                            records=batch(
                                b"v",
                                producer_id=begun.producer_id,
                                producer_epoch=begun.producer_epoch,
                                base_sequence=0,
                                transactional=True,
                            ),
                        )
                        for partition in range(PARTITIONS)
                    ],
                )
            ],
        )
        end = EndTxnRequest(
            transactional_id=ID,
            producer_id=begun.producer_id,
            producer_epoch=begun.producer_epoch,
            committed=commit,
        )
        client.send(produce, 12)
        client.send(end, 5)
        dying.communicate(timeout=20)
        assert dying.returncode == EXIT_CODE
    broker.start()
    with WireClient(bootstrap) as client:
        if step is TransactionStep.ONGOING:
            answer = client.ask(produce, 12)
            assert [p.error_code for p in answer.responses[0].partition_responses] == [0, 0, 0]
        ended = client.ask(end, 5)
        assert ended.error_code == ErrorCode.NONE
        assert ended.producer_id == begun.producer_id
        assert ended.producer_epoch == begun.producer_epoch + 1
        describe = DescribeTransactionsRequest(transactional_ids=[ID])
        (described,) = client.ask(describe, 0).transaction_states
        assert described.transaction_state == ("CompleteCommit" if commit else "CompleteAbort")
    for partition in range(PARTITIONS):
        assert read_by_librdkafka(bootstrap, partition) == [b"v"] * commit
