"""What the producer does about the answers that a broker can give."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_broker import CLOSE, ScriptedBroker

from streamkit.errors import BrokerError, ClosedError
from streamkit.log.client import NetworkThread, Producer
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.batch import decode_batch, read_header
from streamkit.log.protocol.messages import (
    InitProducerIdRequest,
    InitProducerIdResponse,
    MetadataRequest,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from streamkit.model import EMPTY_HEADERS

Judge = Callable[[int, int, int], ErrorCode | None]
"""From the number of the try, the producer id and the base sequence to an error; None: hang up."""


class Log:
    """Takes what is produced to topic t, as `judge` says, and remembers what it took."""

    def __init__(self, judge: Judge) -> None:
        self.values: list[bytes | None] = []
        self.batches: list[tuple[int, int]] = []
        self._judge = judge
        self._tries = itertools.count(1)
        self._ids = itertools.count(1)

    def produce(self, request: ProduceRequest, version: int) -> Any:
        [topic] = request.topic_data
        answers = []
        for partition in topic.partition_data:
            data = bytes(partition.records or b"")
            header = read_header(data)
            code = self._judge(next(self._tries), header.producer_id, header.base_sequence)
            if code is None:
                return CLOSE
            answers.append(
                PartitionProduceResponse(
                    index=partition.index, error_code=code, base_offset=len(self.values)
                )
            )
            if code is ErrorCode.NONE:
                self.batches.append((header.producer_id, header.base_sequence))
                self.values += decode_batch(data, 0, header).values
        return ProduceResponse(
            responses=[
                TopicProduceResponse(
                    name=topic.name, topic_id=topic.topic_id, partition_responses=answers
                )
            ]
        )

    def init_producer_id(
        self, request: InitProducerIdRequest, version: int
    ) -> InitProducerIdResponse:
        return InitProducerIdResponse(producer_id=next(self._ids), producer_epoch=0)


def broker(log: Log, partitions: int = 1) -> ScriptedBroker:
    return ScriptedBroker(
        {ProduceRequest: log.produce, InitProducerIdRequest: log.init_producer_id},
        topics={"t": partitions},
    )


@pytest.fixture
def network() -> Iterator[NetworkThread]:
    thread = NetworkThread("test-network")
    yield thread
    thread.close()


def fails_first(tries: int, code: ErrorCode | None) -> Judge:
    return lambda number, producer_id, sequence: code if number <= tries else ErrorCode.NONE


@pytest.mark.parametrize(
    "code",
    [
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.KAFKA_STORAGE_ERROR,
        None,
    ],
)
def test_passing_failures_are_tried_again_under_the_same_sequence(
    network: NetworkThread, code: ErrorCode | None
) -> None:
    log = Log(fails_first(3, code))
    with (
        broker(log) as kafka,
        Producer(kafka.bootstrap, network=network, retry_backoff_ms=1) as producer,
    ):
        receipt = producer.send("t", b"v").result(10)
        assert receipt.offset == 0
        producer.send("t", b"w").result(10)
    assert log.values == [b"v", b"w"]
    assert log.batches == [(1, 0), (1, 1)]


def test_stale_leader_is_looked_up_again(network: NetworkThread) -> None:
    log = Log(fails_first(1, ErrorCode.NOT_LEADER_OR_FOLLOWER))
    with (
        broker(log) as kafka,
        Producer(kafka.bootstrap, network=network, retry_backoff_ms=1) as producer,
    ):
        producer.partitions_for("t")
        before = kafka.count(MetadataRequest)
        producer.send("t", b"v").result(10)
        while kafka.count(MetadataRequest) == before:
            time.sleep(0.001)


def test_lost_producer_state_starts_over_under_a_new_id(network: NetworkThread) -> None:
    """The broker forgot the producer (retention took its last records): refuses all but sequence 0."""
    log = Log(
        lambda number, producer_id, sequence: (
            ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
            if producer_id == 1 and sequence > 0
            else ErrorCode.NONE
        )
    )
    with (
        broker(log) as kafka,
        Producer(kafka.bootstrap, network=network, retry_backoff_ms=1) as producer,
    ):
        for value in (b"a", b"b", b"c"):
            producer.send("t", value).result(10)
    assert log.values == [b"a", b"b", b"c"]
    assert log.batches == [(1, 0), (2, 0), (2, 1)]


def test_duplicate_is_a_success_of_unknown_offset(network: NetworkThread) -> None:
    log = Log(lambda number, producer_id, sequence: ErrorCode.DUPLICATE_SEQUENCE_NUMBER)
    with broker(log) as kafka, Producer(kafka.bootstrap, network=network) as producer:
        assert producer.send("t", b"v").result(10).offset == -1


def test_refusal_for_good_fails_the_record_and_nothing_else(network: NetworkThread) -> None:
    log = Log(fails_first(1, ErrorCode.TOPIC_AUTHORIZATION_FAILED))
    with broker(log) as kafka, Producer(kafka.bootstrap, network=network) as producer:
        with pytest.raises(BrokerError, match=r"t-0: TOPIC_AUTHORIZATION_FAILED \(29\)") as caught:
            producer.send("t", b"v").result(10)
        assert caught.value.topic_partition == ("t", 0)
        producer.send("t", b"w").result(10)
    assert log.values == [b"w"]


def test_record_that_is_never_acknowledged_fails_with_the_last_cause(
    network: NetworkThread,
) -> None:
    log = Log(fails_first(10_000, ErrorCode.NOT_ENOUGH_REPLICAS))
    with (
        broker(log) as kafka,
        Producer(
            kafka.bootstrap, network=network, retry_backoff_ms=10, delivery_timeout_ms=200
        ) as producer,
    ):
        producer.append("t", 0, None, b"v", 0, EMPTY_HEADERS)
        with pytest.raises(BrokerError, match=r"200 ms.*NOT_ENOUGH_REPLICAS"):
            producer.flush()
        assert producer.buffered_bytes == 0


def test_flush_gives_up_after_its_timeout(network: NetworkThread) -> None:
    log = Log(fails_first(10_000, ErrorCode.NOT_ENOUGH_REPLICAS))
    with broker(log) as kafka:
        producer = Producer(kafka.bootstrap, network=network)
        producer.append("t", 0, None, b"v", 0, EMPTY_HEADERS)
        with pytest.raises(BrokerError) as caught:
            producer.flush(0.05)
        assert caught.value.code == ErrorCode.REQUEST_TIMED_OUT
        waiting = producer.send("t", b"w")
        producer.close(timeout=0)
        with pytest.raises(Exception, match="closed"):
            waiting.result(10)


def test_partition_starts_over_though_more_is_refused_behind_the_gap(
    network: NetworkThread,
) -> None:
    """Only the oldest refusal is final; one of a younger batch, under way with it, changes nothing of that."""

    def judge(number: int, producer_id: int, sequence: int) -> ErrorCode:
        if producer_id > 1 or sequence == 0:
            return ErrorCode.NONE
        time.sleep(0.002)  # so that several are under way
        return ErrorCode.INVALID_RECORD if sequence == 1 else ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER

    log = Log(judge)
    with (
        broker(log) as kafka,
        Producer(kafka.bootstrap, network=network, batch_bytes=1, retry_backoff_ms=1) as producer,
    ):
        producer.send("t", b"first").result(10)
        lost, behind = producer.send("t", b"lost"), producer.send("t", b"behind")
        end = time.monotonic() + 4
        # Whatever is sent has the producer look again at what it may send.
        while not behind.done() and time.monotonic() < end:
            producer.send("t", b"more")
            time.sleep(0.001)
        assert behind.done()
        with pytest.raises(BrokerError, match="INVALID_RECORD"):
            lost.result(10)
        producer.flush()
    assert log.values[:2] == [b"first", b"behind"]


def test_close_fails_a_batch_whose_request_has_not_begun(network: NetworkThread) -> None:
    log = Log(fails_first(0, None))
    with broker(log) as kafka:
        producer = Producer(kafka.bootstrap, network=network, linger_ms=60_000)
        producer.append("t", 0, None, b"v", 0, EMPTY_HEADERS)
        producer.flush()
        waiting = producer.send("t", b"w")

        async def seal_and_close() -> None:
            producer._accumulator.seal_all()
            await asyncio.sleep(
                0
            )  # the batch is taken, and the task that sends it is still to begin
            await producer._sender.close()

        network.run(seal_and_close())
        with pytest.raises(ClosedError):
            waiting.result(1)
        producer.close(0)


def test_record_that_can_not_be_encoded_harms_no_other(network: NetworkThread) -> None:
    log = Log(fails_first(0, None))
    wrong: Any = (("name", "text"),)
    with (
        broker(log, partitions=2) as kafka,
        Producer(kafka.bootstrap, network=network, linger_ms=60_000) as producer,
    ):
        right = producer.send("t", b"v", partition=1)
        with pytest.raises(TypeError):
            producer.send("t", b"w", partition=0, headers=wrong)
        producer.flush()
        right.result(10)
        assert producer.buffered_bytes == 0
    assert log.values == [b"v"]
