"""Roles of the load that our own client plays; see `workload.py`. What comes of them is judged like the others'."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future

from torture_journal import LEDGER, OWN_READERS, PARTITIONS, PLAIN, Journal, record_name

from streamkit.errors import BrokerError, NotReachableError, StreamkitError
from streamkit.log.client import (
    CommitFailedError,
    Consumer,
    Producer,
    RebalanceListener,
    RecordMetadata,
)
from streamkit.model import TopicPartition

_PATIENCE_MS = 30_000
_COMMIT_EVERY_S = 0.15


class OwnLoad:
    """What the roles share; `stopping` is set from outside."""

    def __init__(self, name: str, bootstrap: str, journal: Journal, seed: int) -> None:
        self.name = name
        self.journal = journal
        self.random = random.Random(f"{seed}/{name}")
        self.stopping = False
        self._bootstrap = bootstrap

    def producer(self, transactional_id: str | None = None) -> Producer:
        return Producer(
            self._bootstrap,
            client_id=self.name,
            transactional_id=transactional_id,
            transaction_timeout_ms=20_000,
            linger_ms=2,
            batch_bytes=2_000,
            max_block_ms=_PATIENCE_MS,
            delivery_timeout_ms=_PATIENCE_MS,
            retry_backoff_ms=20,
        )

    def consumer(self) -> Consumer:
        return Consumer(
            self._bootstrap,
            client_id=self.name,
            group_id=OWN_READERS,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=6_000,
            heartbeat_interval_ms=500,
            fetch_max_wait_ms=50,
            api_timeout_ms=_PATIENCE_MS,
            retry_backoff_ms=20,
        )


def own_idempotent(load: OwnLoad) -> None:
    """As `idempotent`."""
    with load.producer() as producer:
        number = 0
        waiting: list[tuple[str, Future[RecordMetadata]]] = []
        while not load.stopping:
            for _ in range(load.random.randint(1, 40)):
                value = record_name(load.name, number)
                sent = producer.send(PLAIN, value.encode(), partition=number % PARTITIONS)
                waiting.append((value, sent))
                number += 1
            time.sleep(load.random.uniform(0.0, 0.03))
            waiting = _noted(load, waiting, wait=len(waiting) > 2_000)
        _noted(load, waiting, wait=True)


def _noted(
    load: OwnLoad, waiting: list[tuple[str, Future[RecordMetadata]]], *, wait: bool
) -> list[tuple[str, Future[RecordMetadata]]]:
    """Note what is acknowledged; what isn't yet."""
    left = []
    for value, sent in waiting:
        if not wait and not sent.done():
            left.append((value, sent))
            continue
        try:
            receipt = sent.result()
        except StreamkitError as error:
            load.journal.write("gave_up", f"{value}: {error}")
        else:
            if receipt.offset >= 0:  # a duplicate's place isn't told
                load.journal.write("acked", value, receipt.partition, receipt.offset)
    load.journal.flush()
    return left


def own_transactional(load: OwnLoad) -> None:
    """As `transactional`."""
    producer = load.producer(load.name)
    producer.init_transactions()
    number = 0
    while not load.stopping:
        size = load.random.randint(1, 30)
        load.journal.write("begun", number, size)
        load.journal.flush()
        outcome = _transaction(load, producer, number, size)
        load.journal.write(outcome, number)
        if outcome == "unknown":
            producer.close(timeout=0)
            producer = load.producer(load.name)
            producer.init_transactions()
        number += 1
        time.sleep(load.random.uniform(0.0, 0.03))
    producer.close()


def _transaction(load: OwnLoad, producer: Producer, number: int, size: int) -> str:
    abort = load.random.random() < 1 / 3
    try:
        producer.begin_transaction()
        for index in range(size):
            value = record_name(load.name, number, index)
            producer.send(LEDGER, value.encode(), partition=index % PARTITIONS)
        if load.random.random() < 0.5:
            producer.flush()
        if not abort:
            producer.commit_transaction()
            return "committed"
    except StreamkitError:
        pass  # abort it, if that can still be done
    try:
        producer.abort_transaction()
    except StreamkitError:
        return "unknown"
    return "aborted"


class _Forget(RebalanceListener):
    """What was read of partitions that are given up isn't committed any more."""

    def __init__(self, positions: dict[TopicPartition, int]) -> None:
        self._positions = positions

    def on_revoked(self, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._positions.pop(each, None)


def own_reader(load: OwnLoad) -> None:
    """As `reader`."""
    positions: dict[TopicPartition, int] = {}
    due = time.monotonic()
    with load.consumer() as consumer:
        consumer.subscribe([PLAIN], listener=_Forget(positions))
        while not load.stopping:
            try:
                for record in consumer.poll(0.05):
                    value = (record.value or b"").decode()
                    load.journal.write("read", record.partition, record.offset, value)
                    place = TopicPartition(record.topic, record.partition)
                    positions[place] = record.offset + 1
                load.journal.flush()
                if time.monotonic() >= due:
                    due = time.monotonic() + _COMMIT_EVERY_S
                    if load.random.random() < 0.5:
                        _ask(load, consumer)
                    elif positions:
                        _commit(load, consumer, positions)
            except NotReachableError:
                continue  # the broker is away
            except BrokerError as error:
                if not error.retriable and not isinstance(error, CommitFailedError):
                    raise


def _commit(load: OwnLoad, consumer: Consumer, positions: dict[TopicPartition, int]) -> None:
    offsets = dict(positions)
    sent = time.monotonic_ns()
    consumer.commit(offsets)
    for place, offset in offsets.items():
        facts = (place.partition, offset, sent, time.monotonic_ns())
        load.journal.write("offset_committed", *facts)


def _ask(load: OwnLoad, consumer: Consumer) -> None:
    asked = time.monotonic_ns()
    for place, found in consumer.committed(consumer.assignment()).items():
        offset = 0 if found is None else found.offset
        load.journal.write("fetched", place.partition, offset, asked)
