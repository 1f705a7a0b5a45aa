"""The transaction coordinator: transactional ids and their transactions, as a state machine without I/O.

Every event goes the same way:

```
   event, now --> TransactionCoordinator --> Outcome(reply, record)
                        ^                        |
                        |   replay               v
                        +--------------- __transaction_state
```

State changes in `replay` alone, whether the record was written a moment ago or is read at a restart. One thing is
kept beside it, and lost at a restart as in Apache Kafka: the epoch that an InitProducerId or a timeout has raised,
so that the producer that has it still is told the newer one.

The owner appends and replays an outcome's record before it hands in the next event. When an id is in a
Prepare state, the owner writes the markers to all its partitions and calls `complete`; it does so too for
`unfinished` ids after a restart. Markers may be written twice, which changes nothing.

Source: KIP-98, KIP-360, KIP-588, KIP-890; the answers are those of Apache Kafka 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from streamkit.log.broker.transactions.config import TransactionConfig
from streamkit.log.broker.transactions.outcome import Outcome, Producer, ProducerReply
from streamkit.log.broker.transactions.records import (
    LARGEST_EPOCH,
    NO_PRODUCER_ID,
    Transaction,
    TransactionRecord,
    TransactionState,
)
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

__all__ = ["TransactionCoordinator"]

_EMPTY, _ONGOING = TransactionState.EMPTY, TransactionState.ONGOING
_PREPARE_COMMIT, _PREPARE_ABORT = TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT
_COMPLETE_COMMIT, _COMPLETE_ABORT = (
    TransactionState.COMPLETE_COMMIT,
    TransactionState.COMPLETE_ABORT,
)
_SECOND_LAST_EPOCH = LARGEST_EPOCH - 1


class TransactionCoordinator:
    """All transactional ids of a broker.

    Args:
        config: limits.
        new_producer_id: gives out an id that was never used; each call another.
    """

    def __init__(self, config: TransactionConfig, *, new_producer_id: Callable[[], int]) -> None:
        self.config = config
        self._new_producer_id = new_producer_id
        self._transactions: dict[str, Transaction] = {}
        # Ids whose transaction is open; ids whose end is decided and not complete.
        self._ongoing: set[str] = set()
        self._prepared: set[str] = set()
        # The epoch before the newest one, of a producer that may not have heard of that yet.
        self._last_epochs: dict[str, int] = {}

    # The log

    def replay(self, record: TransactionRecord) -> None:
        """Take over what a record says."""
        transactional_id, value = record.transactional_id, record.value
        self._ongoing.discard(transactional_id)
        self._prepared.discard(transactional_id)
        known = self._transactions.get(transactional_id)
        if value is None or known is None or _producer(known) != _producer(value):
            self._last_epochs.pop(transactional_id, None)
        if value is None:
            self._transactions.pop(transactional_id, None)
            return
        self._transactions[transactional_id] = value
        if value.state is _ONGOING:
            self._ongoing.add(transactional_id)
        elif value.state.is_prepared:
            self._prepared.add(transactional_id)

    def unfinished(self) -> Sequence[str]:
        """Ids in a Prepare state: their markers are to be written."""
        return sorted(self._prepared)

    # What is known

    def transaction(self, transactional_id: str) -> Transaction | None:
        """The state of an id, or None if it isn't known."""
        return self._transactions.get(transactional_id)

    def transactions(self) -> Mapping[str, Transaction]:
        """All ids; not to be changed."""
        return self._transactions

    # Producers

    def init_producer(
        self, transactional_id: str, timeout_ms: int, expected: Producer | None, now_ms: int
    ) -> Outcome[ProducerReply]:
        """A producer takes an id over, which fences older ones.

        An open transaction is aborted first; the answer is CONCURRENT_TRANSACTIONS then, and the producer
        asks again.

        Args:
            transactional_id: not empty.
            timeout_ms: of its transactions.
            expected: who the producer believes to be, when it asks for its next epoch (KIP-360).
            now_ms: the time.
        """
        if not transactional_id:
            return _refused(ErrorCode.INVALID_REQUEST)
        if not 0 < timeout_ms <= self.config.max_timeout_ms:
            return _refused(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
        known = self._transactions.get(transactional_id)
        if known is None:
            producer = Producer(self._new_producer_id(), 0)
            return self._empty(transactional_id, producer, timeout_ms, now_ms, NO_PRODUCER_ID)
        if expected is not None and not _may_be(expected, known):
            return _refused(ErrorCode.PRODUCER_FENCED)
        if known.state.is_prepared:
            return _refused(ErrorCode.CONCURRENT_TRANSACTIONS)
        if known.state is _ONGOING:
            fenced = self._fence(transactional_id, known, now_ms)
            return Outcome(ProducerReply(ErrorCode.CONCURRENT_TRANSACTIONS), fenced)
        if known.epochs_used_up and expected in (None, _producer(known)):
            producer = Producer(self._new_producer_id(), 0)
        elif expected is None or expected.epoch == known.producer_epoch:
            producer = Producer(known.producer_id, known.producer_epoch + 1)
        elif expected.epoch == self._last_epochs.get(transactional_id) or _repeats_end(
            expected, known
        ):
            # It didn't hear of its newest epoch: an answer to InitProducerId or EndTxn got lost, or its
            # transaction took too long and was aborted. The last epoch is for fencing, and never given out.
            producer = _producer(known)
            if producer.epoch == LARGEST_EPOCH:
                producer = Producer(self._new_producer_id(), 0)
        else:
            return _refused(ErrorCode.PRODUCER_FENCED)
        return self._empty(transactional_id, producer, timeout_ms, now_ms, known.producer_id)

    def initialised(self, transactional_id: str, expected: Producer | None) -> None:
        """An InitProducerId has been answered: its repetition with `expected` gets the same answer."""
        if expected is not None:
            self._last_epochs[transactional_id] = expected.epoch

    def fenced(self, transactional_id: str) -> None:
        """A transaction that took too long, or was open at an InitProducerId, was aborted under a newer epoch.

        Its producer may go on under that, as long as no other one has taken the id over.
        """
        self._last_epochs[transactional_id] = (
            self._transactions[transactional_id].producer_epoch - 1
        )

    def add_partitions(
        self,
        transactional_id: str,
        producer: Producer,
        partitions: Iterable[TopicPartition],
        now_ms: int,
        *,
        client_version: int,
    ) -> Outcome[ErrorCode]:
        """Partitions that the transaction is about to write to; the first ones begin it."""
        known, error = self._find(transactional_id, producer)
        if known is None:
            return Outcome(error)
        if known.state.is_prepared:
            return Outcome(ErrorCode.CONCURRENT_TRANSACTIONS)
        new = frozenset(partitions)
        begins = known.state is not _ONGOING
        if not begins and new <= known.partitions:
            return Outcome(ErrorCode.NONE)
        value = replace(
            known,
            state=_ONGOING,
            partitions=new if begins else known.partitions | new,
            started_ms=now_ms if begins else known.started_ms,
            updated_ms=now_ms,
            client_version=client_version,
        )
        return Outcome(ErrorCode.NONE, TransactionRecord(transactional_id, value))

    def verify(
        self, transactional_id: str, producer: Producer, partition: TopicPartition
    ) -> ErrorCode:
        """Whether a producer that adds its partitions by requests has added this one.

        TRANSACTION_ABORTABLE if not: the batch may come from a transaction that was aborted meanwhile.
        """
        known, error = self._find(transactional_id, producer)
        if known is None:
            return error
        if known.state.is_prepared:
            return ErrorCode.CONCURRENT_TRANSACTIONS
        if known.state is not _ONGOING or partition not in known.partitions:
            return ErrorCode.TRANSACTION_ABORTABLE
        return ErrorCode.NONE

    # The end of transactions

    def end(
        self,
        transactional_id: str,
        producer: Producer,
        now_ms: int,
        *,
        committed: bool,
        client_version: int,
    ) -> Outcome[ProducerReply]:
        """Commit or abort; with client version 2 the producer gets a new epoch (KIP-890)."""
        known = self._transactions.get(transactional_id)
        if not transactional_id:
            return _refused(ErrorCode.INVALID_REQUEST)
        if known is None:
            return _refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        repeated = client_version >= 2 and _repeats_end(producer, known)
        if known.producer_id != producer.producer_id and not repeated:
            return _refused(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        if known.producer_epoch != producer.epoch and not repeated:
            return _refused(ErrorCode.PRODUCER_FENCED)
        if known.state.is_prepared:
            same = committed == (known.state is _PREPARE_COMMIT)
            return _refused(
                ErrorCode.CONCURRENT_TRANSACTIONS if same else ErrorCode.INVALID_TXN_STATE
            )
        if known.state is not _ONGOING:
            return self._end_of_nothing(
                transactional_id, known, now_ms, committed, client_version, repeated=repeated
            )
        record = self._prepare(transactional_id, known, now_ms, committed, client_version)
        return _ended(record)

    def abort_timed_out(self, now_ms: int) -> list[Outcome[str]]:
        """Abort what is open for longer than its producer allowed; the replies are the ids."""
        return [
            Outcome(each, self._fence(each, known, now_ms))
            for each in sorted(self._ongoing)
            if now_ms - (known := self._transactions[each]).started_ms >= known.timeout_ms
        ]

    def complete(self, transactional_id: str, now_ms: int) -> Outcome[None]:
        """All markers are written."""
        known = self._transactions.get(transactional_id)
        if known is None or not known.state.is_prepared:
            return Outcome(None)
        value = replace(
            known,
            state=_COMPLETE_COMMIT if known.state is _PREPARE_COMMIT else _COMPLETE_ABORT,
            partitions=frozenset(),
            updated_ms=now_ms,
        )
        if known.next_producer_id != NO_PRODUCER_ID:
            value = replace(
                value,
                producer_id=known.next_producer_id,
                producer_epoch=0,
                previous_producer_id=known.producer_id,
                next_producer_id=NO_PRODUCER_ID,
            )
        return Outcome(None, TransactionRecord(transactional_id, value))

    def expire(self, now_ms: int) -> list[Outcome[None]]:
        """Forget ids that have had no transaction for too long."""
        return [
            Outcome(None, TransactionRecord(transactional_id, None))
            for transactional_id, known in self._transactions.items()
            if known.state.is_idle and now_ms - known.updated_ms >= self.config.id_expiration_ms
        ]

    # How states are made

    def _find(
        self, transactional_id: str, producer: Producer
    ) -> tuple[Transaction | None, ErrorCode]:
        if not transactional_id:
            return None, ErrorCode.INVALID_REQUEST
        known = self._transactions.get(transactional_id)
        if known is None or known.producer_id != producer.producer_id:
            return None, ErrorCode.INVALID_PRODUCER_ID_MAPPING
        if known.producer_epoch != producer.epoch:
            return None, ErrorCode.PRODUCER_FENCED
        return known, ErrorCode.NONE

    def _empty(
        self, transactional_id: str, producer: Producer, timeout_ms: int, now_ms: int, previous: int
    ) -> Outcome[ProducerReply]:
        value = Transaction(
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            timeout_ms=timeout_ms,
            state=_EMPTY,
            updated_ms=now_ms,
            previous_producer_id=previous,
        )
        reply = ProducerReply(ErrorCode.NONE, producer)
        return Outcome(reply, TransactionRecord(transactional_id, value))

    def _prepare(
        self,
        transactional_id: str,
        known: Transaction,
        now_ms: int,
        committed: bool,
        client_version: int,
    ) -> TransactionRecord:
        """The decision. From version 2 on it bears the next epoch, so that late batches are refused."""
        epoch, next_id = known.producer_epoch, NO_PRODUCER_ID
        if client_version >= 2:
            epoch, next_id = _next_epoch(known), self._successor(known)
        value = replace(
            known,
            state=_PREPARE_COMMIT if committed else _PREPARE_ABORT,
            producer_epoch=epoch,
            next_producer_id=next_id,
            started_ms=now_ms if known.state is not _ONGOING else known.started_ms,
            updated_ms=now_ms,
            client_version=client_version,
        )
        return TransactionRecord(transactional_id, value)

    def _fence(self, transactional_id: str, known: Transaction, now_ms: int) -> TransactionRecord:
        """Abort under an epoch that nobody was given: whoever was writing can't go on."""
        value = replace(
            known,
            state=_PREPARE_ABORT,
            producer_epoch=_next_epoch(known),
            # Producers of before version 2 ask for another producer id.
            next_producer_id=(
                self._successor(known) if known.client_version >= 2 else NO_PRODUCER_ID
            ),
            updated_ms=now_ms,
            # With version 2 a producer that then aborts it himself goes on with this epoch, as in Apache Kafka.
            client_version=known.client_version,
        )
        return TransactionRecord(transactional_id, value)

    def _successor(self, known: Transaction) -> int:
        """The producer id that takes over when the transaction is complete, or -1: there are epochs left."""
        return self._new_producer_id() if known.epochs_used_up else NO_PRODUCER_ID

    def _end_of_nothing(
        self,
        transactional_id: str,
        known: Transaction,
        now_ms: int,
        committed: bool,
        client_version: int,
        *,
        repeated: bool,
    ) -> Outcome[ProducerReply]:
        """EndTxn without an open transaction: repeated, or an abort before anything was written.

        The latter raises the epoch too in version 2, since batches may still be on their way.
        """
        done = known.state is (_COMPLETE_COMMIT if committed else _COMPLETE_ABORT)
        if client_version < 2:
            if done:
                return Outcome(ProducerReply(ErrorCode.NONE, _producer(known)))
            return _refused(ErrorCode.INVALID_TXN_STATE)
        if repeated:
            if done:
                return Outcome(ProducerReply(ErrorCode.NONE, _producer(known)))
            return _refused(ErrorCode.INVALID_TXN_STATE)
        if committed:
            return _refused(ErrorCode.INVALID_TXN_STATE)
        return _ended(self._prepare(transactional_id, known, now_ms, committed, client_version))


def _producer(known: Transaction) -> Producer:
    return Producer(known.producer_id, known.producer_epoch)


def _next_epoch(known: Transaction) -> int:
    """The epoch under which a transaction ends; the last one stays, in a log where it was given out."""
    return min(known.producer_epoch + 1, LARGEST_EPOCH)


def _refused(error: ErrorCode) -> Outcome[ProducerReply]:
    return Outcome(ProducerReply(error))


def _ended(record: TransactionRecord) -> Outcome[ProducerReply]:
    value = record.value
    assert value is not None
    producer = _producer(value)
    if value.next_producer_id != NO_PRODUCER_ID:
        producer = Producer(value.next_producer_id, 0)
    return Outcome(ProducerReply(ErrorCode.NONE, producer), record)


def _may_be(expected: Producer, known: Transaction) -> bool:
    """Whether a producer that asks for its next epoch is, or just was, the id's."""
    if expected.producer_id == known.producer_id:
        return True
    used_up = expected.epoch >= _SECOND_LAST_EPOCH
    return expected.producer_id == known.previous_producer_id and used_up


def _repeats_end(producer: Producer, known: Transaction) -> bool:
    """Whether an EndTxn comes from the producer whose epoch the same EndTxn has raised already."""
    if known.client_version < 2 or known.state in (_EMPTY, _ONGOING):
        return False
    if producer.producer_id == known.producer_id:
        return producer.epoch + 1 == known.producer_epoch
    # Its epochs were used up: the transaction's completion went over to another producer id.
    return (
        producer == Producer(known.previous_producer_id, _SECOND_LAST_EPOCH)
        and known.producer_epoch == 0
    )
