"""Roles of the load that our own client plays; see `workload.py`. What comes of them is judged like the others'."""

from __future__ import annotations

import random
import time
from concurrent.futures import Future

from torture_journal import LEDGER, PARTITIONS, PLAIN, Journal, record_name

from streamkit.errors import StreamkitError
from streamkit.log.client import Producer, RecordMetadata

_PATIENCE_MS = 30_000


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
