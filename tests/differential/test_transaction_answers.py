"""Transaction requests, in and out of order, are answered by the bundled broker as by Apache Kafka 4.3.0."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_lab import batch
from kafka_broker import KafkaBroker
from wire_client import WireClient

from streamkit.log.client import Admin, NewTopic
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    DescribeTransactionsRequest,
    EndTxnRequest,
    FindCoordinatorRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.produce import PartitionProduceData, TopicProduceData
from streamkit.testing import EmbeddedBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SETTINGS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "100"}
_PASSING = (
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
)


class Script:
    """One producer's requests; each answer is noted as what was asked, code and epoch."""

    def __init__(self, client: WireClient, transactional_id: str) -> None:
        self.client = client
        self.id = transactional_id
        self.producer_id = self.epoch = -1
        self.notes: list[tuple[str, str, int]] = []

    def note(self, what: str, code: int, epoch: int = -1) -> None:
        self.notes.append((what, ErrorCode(code).name, epoch))

    def init(self, version: int = 5, *, keep: bool = False, timeout_ms: int = 60_000) -> None:
        request = InitProducerIdRequest(
            transactional_id=self.id,
            transaction_timeout_ms=timeout_ms,
            producer_id=self.producer_id if keep else -1,
            producer_epoch=self.epoch if keep else -1,
        )
        answer = self.client.ask(request, version)
        while answer.error_code in _PASSING or answer.error_code == ErrorCode.NOT_COORDINATOR:
            time.sleep(0.05)
            answer = self.client.ask(request, version)
        self.note(f"init {version} {keep}", answer.error_code, answer.producer_epoch)
        if not answer.error_code:
            self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch

    def add(self, version: int, topic: str = "t") -> None:
        request = AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=self.id,
            v3_and_below_producer_id=self.producer_id,
            v3_and_below_producer_epoch=self.epoch,
            v3_and_below_topics=[AddPartitionsToTxnTopic(name=topic, partitions=[0, 1])],
        )
        for attempt in itertools.count():
            answer = self.client.ask(request, version).results_by_topic_v3_and_below[0]
            codes = [each.partition_error_code for each in answer.results_by_partition]
            if codes[0] not in _PASSING or attempt == 100:
                break
            time.sleep(0.05)
        for code in codes:
            self.note(f"add {version} {topic}", code)

    def send(self, version: int, sequence: int = 0) -> None:
        records = batch(
            b"v",
            timestamp=int(time.time() * 1000),
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            base_sequence=sequence,
            transactional=True,
        )
        data = TopicProduceData(
            name="t", partition_data=[PartitionProduceData(index=0, records=records)]
        )
        request = ProduceRequest(
            transactional_id=self.id, acks=-1, timeout_ms=5000, topic_data=[data]
        )
        for attempt in itertools.count():
            code = self.client.ask(request, version).responses[0].partition_responses[0].error_code
            passing = code in (*_PASSING, ErrorCode.NOT_ENOUGH_REPLICAS)
            if not passing or attempt == 100:
                break
            time.sleep(0.05)
        self.note(f"send {version}", code)

    def offset(self, version: int, generation: int = -1) -> None:
        part = TxnOffsetCommitRequestPartition(partition_index=0, committed_offset=1)
        request = TxnOffsetCommitRequest(
            transactional_id=self.id,
            group_id=f"{self.id}-group",
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            generation_id=generation,
            member_id="" if generation < 0 else "nobody",
            topics=[TxnOffsetCommitRequestTopic(name="t", partitions=[part])],
        )
        for attempt in itertools.count():
            code = self.client.ask(request, version).topics[0].partitions[0].error_code
            passing = (*_PASSING, ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
            if code not in passing or attempt == 100:
                break
            time.sleep(0.05)
        self.note(f"offset {version}", code)

    def add_offsets(self, version: int) -> None:
        request = AddOffsetsToTxnRequest(
            transactional_id=self.id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            group_id=f"{self.id}-group",
        )
        self.note(f"add offsets {version}", self.client.ask(request, version).error_code)

    def end(self, version: int, *, commit: bool, keep: bool = False) -> None:
        request = EndTxnRequest(
            transactional_id=self.id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            committed=commit,
        )
        answer = self.client.ask(request, version)
        while answer.error_code in _PASSING:
            time.sleep(0.05)
            answer = self.client.ask(request, version)
        self.note(f"end {version} {commit}", answer.error_code, answer.producer_epoch)
        if not answer.error_code and version >= 5 and not keep:
            self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch

    def settle(self) -> str:
        """Wait until nothing is on its way; the state."""
        request = DescribeTransactionsRequest(transactional_ids=[self.id])
        while True:
            (found,) = self.client.ask(request, 0).transaction_states
            if not found.transaction_state.startswith("Prepare"):
                self.notes.append(("state", found.transaction_state, found.producer_epoch))
                return str(found.transaction_state)
            time.sleep(0.02)


def old_and_new(client: WireClient, end: int, produce: int) -> Iterator[tuple[str, str, int]]:
    """A producer that ends with version `end` and sends with version `produce`."""
    script = Script(client, f"id-{end}-{produce}")
    modern = produce >= 12
    script.init()
    script.settle()
    script.end(end, commit=True)
    script.end(end, commit=False)
    script.settle()
    script.init(keep=True)
    if not modern:
        script.send(produce)
        script.add(3, "missing")
        script.add(3)
        script.add_offsets(3)
    script.send(produce)
    script.offset(5 if modern else 3)
    script.offset(5 if modern else 3, generation=4)
    script.settle()
    script.end(end, commit=True, keep=True)
    script.settle()
    script.end(end, commit=True, keep=True)
    script.end(end, commit=False, keep=True)
    script.settle()
    script.send(produce, 1)
    script.init()
    script.settle()
    # Another producer takes the id over while a transaction is open.
    if not modern:
        script.add(3)
    script.send(produce)
    other = Script(client, script.id)
    other.init()
    other.settle()
    script.send(produce, 1)
    script.end(end, commit=True)
    script.end(1, commit=True)
    script.add(3)
    script.add(1)
    script.add_offsets(1)
    script.offset(5 if modern else 3)
    script.init(keep=True)
    script.init(3, keep=True)
    yield from script.notes
    yield from other.notes


def lost_answers(client: WireClient) -> Iterator[tuple[str, str, int]]:
    """Producers that didn't get the answer to an end of version 2, and do various things then."""
    for number, commit in enumerate((True, False)):
        script = Script(client, f"lost-{number}")
        script.init()
        script.send(12)
        script.end(5, commit=commit, keep=True)
        script.settle()
        script.end(5, commit=commit, keep=True)
        # It asks for an epoch instead: it gets the one that the end has raised.
        script.init(keep=True)
        script.settle()
        script.end(5, commit=True, keep=True)
        script.send(12)
        script.end(5, commit=True)
        script.settle()
        before = script.epoch - 1
        script.init(keep=True)
        script.epoch = before
        script.init(keep=True)
        yield from script.notes


def timed_out(client: WireClient) -> Iterator[tuple[str, str, int]]:
    """Producers whose transaction took too long, and what they can do then."""
    for version in (11, 12):
        end = 5 if version == 12 else 4
        for number in range(4):
            script = Script(client, f"late-{version}-{number}")
            script.init(timeout_ms=300)
            if version == 11:
                script.add(3)
            script.send(version)
            while script.settle() != "CompleteAbort":
                time.sleep(0.05)
            script.notes.clear()
            if number == 0:
                script.init(keep=True)
                script.init(keep=True)
                script.end(end, commit=False)
            elif number == 1:
                script.send(version, 1)
                script.end(end, commit=False)
                script.settle()
                script.send(version)
            elif number == 2:
                script.end(end, commit=True)
                script.init(keep=True)
            else:
                other = Script(client, script.id)
                other.init()
                script.init(keep=True)
                script.end(end, commit=False)
            yield from script.notes


def refused(client: WireClient) -> Iterator[tuple[str, str, int]]:
    """Ids that aren't known, and values out of range."""
    script = Script(client, "nobody")
    script.producer_id, script.epoch = 999, 0
    script.add(3)
    script.send(11)
    script.send(12)
    script.end(4, commit=True)
    script.end(5, commit=True)
    script.init(timeout_ms=10**9)
    script.init(timeout_ms=0)
    script.id = ""
    script.init()
    script.end(5, commit=True)
    yield from script.notes


def answers(bootstrap: str) -> list[tuple[str, str, int]]:
    with Admin(bootstrap) as admin:
        admin.create_topics([NewTopic("t", 2)])
    with WireClient(bootstrap, timeout=30) as client:
        # Apache Kafka makes its internal topics when a coordinator is first looked for.
        for kind in (0, 1):
            client.ask(FindCoordinatorRequest(key_type=kind, coordinator_keys=["warm-up"]), 4)
        Script(client, "warm-up").init()
        return [
            *old_and_new(client, 5, 12),
            *old_and_new(client, 4, 11),
            *old_and_new(client, 1, 9),
            *lost_answers(client),
            *timed_out(client),
            *refused(client),
        ]


def test_transaction_requests_are_answered_as_by_apache_kafka(tmp_path: Path) -> None:
    with EmbeddedBroker(settings=SETTINGS) as broker:
        ours = answers(broker.bootstrap)
    with KafkaBroker(tmp_path / "kafka", SETTINGS) as kafka:
        theirs = answers(kafka.bootstrap)
    assert ours == theirs
