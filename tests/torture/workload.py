"""One process of the load: a client at work, librdkafka if not said otherwise, and a journal of what it was told.

    python workload.py ROLE NAME BOOTSTRAP JOURNAL SEED

| role | what it does |
| --- | --- |
| `idempotent`, `transactional` | write |
| `own_idempotent`, `own_transactional` | the same by our own client (`torture_own_client.py`) |
| `mover` | copies records by consuming and producing in transactions |
| `reader` | a member of a group, which commits by itself |
| `own_reader` | the same by our own client |
| `new_reader` | the same by the new consumer protocol |

It runs until SIGTERM, then brings to an end what it is at.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka as ck

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from torture_journal import (
    LEDGER,
    MOVED,
    MOVERS,
    NEW_READERS,
    PARTITIONS,
    PLAIN,
    READERS,
    Journal,
    record_name,
)
from torture_own_client import OwnLoad, own_idempotent, own_reader, own_transactional

_PATIENCE_S = 30.0
_COMMIT_EVERY_S = 0.15


class Load(OwnLoad):
    """What the roles share.

    Args:
        name: of this process; also its transactional id.
        bootstrap: the broker, which comes and goes.
        journal: where what is told goes.
        seed: of all that is random here.
    """

    def __init__(self, name: str, bootstrap: str, journal: Journal, seed: int) -> None:
        super().__init__(name, bootstrap, journal, seed)
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _settings(self, **settings: Any) -> dict[str, Any]:
        return {
            "bootstrap.servers": self._bootstrap,
            "client.id": self.name,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 100,
            "retry.backoff.ms": 20,
            "retry.backoff.max.ms": 100,
            # When all brokers are away, librdkafka would start over from the bootstrap addresses and drop its handle
            # of the broker, but go on waiting for it as the group's coordinator: send_offsets_to_transaction then
            # sends nothing and returns at no timeout (librdkafka 2.16, its issues 5511 and 5456).
            "metadata.recovery.strategy": "none",
            "log_level": 0,
            **{key.replace("_", "."): value for key, value in settings.items()},
        }

    def rd_producer(self, **settings: Any) -> ck.Producer:
        return ck.Producer(
            self._settings(
                **{"enable.idempotence": True, "linger.ms": 2, "batch.num.messages": 40, **settings}
            )
        )

    def transactional_producer(self) -> ck.Producer:
        """A producer that has taken the transactional id over."""
        producer = self.rd_producer(transactional_id=self.name, transaction_timeout_ms=20_000)
        insist(lambda: producer.init_transactions(_PATIENCE_S))
        return producer

    def rd_consumer(self, group: str) -> ck.Consumer:
        protocol = (
            # Its broker says how often to tell that one is alive.
            {"group_protocol": "consumer"}
            if group == NEW_READERS
            else {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}
        )
        return ck.Consumer(
            self._settings(
                group_id=group,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                isolation_level="read_committed",
                fetch_wait_max_ms=50,
                **protocol,
            )
        )


def error_of(raised: ck.KafkaException) -> ck.KafkaError:
    error: ck.KafkaError = raised.args[0]
    return error


def insist(call: Callable[[], object]) -> None:
    """Call until it succeeds.

    Raises:
        ck.KafkaException: an error that calling again doesn't mend.
    """
    while True:
        try:
            call()
            return
        except ck.KafkaException as raised:
            if not error_of(raised).retriable():
                raise
            time.sleep(0.02)


def idempotent(load: Load) -> None:
    """Records one by one, in bursts; each acknowledgement is noted with where the record is said to be."""
    producer = load.rd_producer(message_timeout_ms=0)

    def delivered(error: ck.KafkaError | None, message: ck.Message) -> None:
        value = (message.value() or b"").decode()
        if error is not None:
            load.journal.write("gave_up", f"{value}: {error}")
            load.stopping = load.stopping or error.fatal()
        else:
            load.journal.write("acked", value, message.partition() or 0, message.offset() or 0)

    number = 0
    while not load.stopping:
        for _ in range(load.random.randint(1, 40)):
            value = record_name(load.name, number)
            producer.produce(PLAIN, value, partition=number % PARTITIONS, on_delivery=delivered)
            number += 1
        producer.poll(0)
        time.sleep(load.random.uniform(0.0, 0.03))
        while len(producer) > 2_000:
            producer.poll(0.1)
        load.journal.flush()
    if producer.flush(_PATIENCE_S):
        load.journal.write("gave_up", f"{len(producer)} records were not acknowledged in the end")


def transactional(load: Load) -> None:
    """Transactions of some records over all partitions; one in three is aborted."""
    producer = load.transactional_producer()
    number = 0
    while not load.stopping:
        size = load.random.randint(1, 30)
        load.journal.write("begun", number, size)
        load.journal.flush()
        abort = load.random.random() < 1 / 3

        def write(producer: ck.Producer = producer, number: int = number, size: int = size) -> None:
            for index in range(size):
                value = record_name(load.name, number, index)
                producer.produce(LEDGER, value, partition=index % PARTITIONS)
            if load.random.random() < 0.5:
                producer.flush(load.random.uniform(0.0, 0.05))

        outcome = transaction(producer, write, abort=abort)
        load.journal.write(outcome, number)
        if outcome == "unknown":
            producer = load.transactional_producer()
        number += 1
        producer.poll(0)
        time.sleep(load.random.uniform(0.0, 0.03))


def transaction(producer: ck.Producer, work: Callable[[], None], *, abort: bool = False) -> str:
    """Do `work` in a transaction: "committed", "aborted", or "unknown" if the producer is of no more use."""
    try:
        producer.begin_transaction()
        work()
        if abort:
            insist(lambda: producer.abort_transaction(_PATIENCE_S))
            return "aborted"
        insist(lambda: producer.commit_transaction(_PATIENCE_S))
        return "committed"
    except ck.KafkaException as raised:
        if not error_of(raised).txn_requires_abort():
            return "unknown"
    try:
        insist(lambda: producer.abort_transaction(_PATIENCE_S))
        return "aborted"
    except ck.KafkaException:
        return "unknown"


def mover(load: Load) -> None:
    """Consume, produce and commit offsets in one transaction; after an abort, go back to what is committed."""
    producer = load.transactional_producer()
    consumer = load.rd_consumer(MOVERS)
    consumer.subscribe([LEDGER])
    while not load.stopping:
        messages = [each for each in consumer.consume(60, 0.1) if each.error() is None]
        if not messages:
            continue

        def write(
            producer: ck.Producer = producer,
            consumer: ck.Consumer = consumer,
            messages: list[ck.Message] = messages,
        ) -> None:
            ends: dict[int, int] = {}
            for message in messages:
                partition = message.partition() or 0
                producer.produce(MOVED, message.value(), partition=partition)
                ends[partition] = (message.offset() or 0) + 1
            offsets = [ck.TopicPartition(LEDGER, each, end) for each, end in ends.items()]
            group = consumer.consumer_group_metadata()
            insist(lambda: producer.send_offsets_to_transaction(offsets, group, _PATIENCE_S))

        outcome = transaction(producer, write, abort=load.random.random() < 0.1)
        if outcome == "unknown":
            producer = load.transactional_producer()
        if outcome != "committed":
            consumer = rewound(load, consumer)
    consumer.close()


def rewound(load: Load, consumer: ck.Consumer) -> ck.Consumer:
    """The consumer at the group's committed offsets, or a new one."""
    try:
        for committed in consumer.committed(consumer.assignment(), timeout=_PATIENCE_S):
            if committed.error is not None:
                raise ck.KafkaException(committed.error)
            if committed.offset < 0:
                committed.offset = ck.OFFSET_BEGINNING
            consumer.seek(committed)
        return consumer
    except ck.KafkaException:
        consumer.close()
        consumer = load.rd_consumer(MOVERS)
        consumer.subscribe([LEDGER])
        return consumer


def reader(load: Load, group: str = READERS) -> None:
    """A member of a group: notes what it reads, commits it, and now and then asks what is committed."""
    consumer = load.rd_consumer(group)
    positions: dict[int, int] = {}
    consumer.subscribe([PLAIN], on_revoke=lambda *_: positions.clear())
    due = time.monotonic()
    while not load.stopping:
        for message in consumer.consume(200, 0.05):
            if message.error() is not None:
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            load.journal.write("read", partition, offset, (message.value() or b"").decode())
            positions[partition] = offset + 1
        load.journal.flush()
        if time.monotonic() < due:
            continue
        due = time.monotonic() + _COMMIT_EVERY_S
        if load.random.random() < 0.5:
            ask(load, consumer)
        elif positions:
            commit(load, consumer, positions)
    consumer.close()


def commit(load: Load, consumer: ck.Consumer, positions: dict[int, int]) -> None:
    offsets = [ck.TopicPartition(PLAIN, each, end) for each, end in positions.items()]
    sent = time.monotonic_ns()
    try:
        done = consumer.commit(offsets=offsets, asynchronous=False)
    except ck.KafkaException:
        return  # the broker is away, or the group has changed: nothing was promised
    for each in done or ():
        if each.error is None:
            facts = (each.partition, each.offset, sent, time.monotonic_ns())
            load.journal.write("offset_committed", *facts)


def ask(load: Load, consumer: ck.Consumer) -> None:
    asked = time.monotonic_ns()
    try:
        found = consumer.committed(consumer.assignment(), timeout=_PATIENCE_S)
    except ck.KafkaException:
        return
    for each in found:
        if each.error is None:
            load.journal.write("fetched", each.partition, max(each.offset, 0), asked)


ROLES: dict[str, Callable[[Load], None]] = {
    "idempotent": idempotent,
    "transactional": transactional,
    "mover": mover,
    "own_idempotent": own_idempotent,
    "own_transactional": own_transactional,
    "own_reader": own_reader,
    "reader": reader,
    "new_reader": lambda load: reader(load, NEW_READERS),
}


def main(role: str, name: str, bootstrap: str, path: str, seed: str) -> None:
    faulthandler.register(signal.SIGUSR1)  # where a process hangs that doesn't end
    journal = Journal(Path(path))
    try:
        ROLES[role](Load(name, bootstrap, journal, int(seed)))
    except ck.KafkaException as raised:
        journal.write("gave_up", f"{name}: {error_of(raised)}")
        raise
    finally:
        journal.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
