"""The transaction coordinator at work in a broker: it writes the log and the markers, and keeps the time.

Owned by the broker's event loop. Once the end of a transaction is in the log, it will come about: markers go to
the partitions at once, so many a turn of the loop, and again after a failure of the disk or a restart. A
transaction of few partitions is complete before its EndTxn is answered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streamkit.errors import BrokerError, ProtocolError, StorageError
from streamkit.log.broker.groups import GroupService
from streamkit.log.broker.groups.record_codec import OFFSETS_TOPIC
from streamkit.log.broker.groups.records import partition_for
from streamkit.log.broker.internal_partitions import InternalPartitions
from streamkit.log.broker.services import CoordinatorServices
from streamkit.log.broker.timers import TimerHandle
from streamkit.log.broker.transactions.config import TransactionConfig
from streamkit.log.broker.transactions.coordinator import TransactionCoordinator
from streamkit.log.broker.transactions.outcome import Outcome, Producer, ProducerReply
from streamkit.log.broker.transactions.records import (
    TRANSACTIONS_TOPIC,
    Transaction,
    TransactionState,
    decode_record,
    encode_record,
)
from streamkit.log.broker.transactions.steps import OnStep, TransactionStep, ignore_step
from streamkit.log.protocol import ControlKind, ErrorCode
from streamkit.model import TopicPartition

__all__ = ["TransactionService"]

_log = logging.getLogger(__name__)

_MARKERS_A_TURN = 200
_RETRY_MS = 500


class TransactionService:
    """Transactions of one broker.

    Args:
        services: the broker.
        groups: whose offsets are committed in transactions.

    Attributes:
        on_step: called at each `TransactionStep`.
    """

    def __init__(self, services: CoordinatorServices, groups: GroupService) -> None:
        self._services = services
        self._groups = groups
        self._config = TransactionConfig.from_settings(services.settings)
        self._coordinator = TransactionCoordinator(
            self._config, new_producer_id=services.new_producer_id
        )
        self._partitions = InternalPartitions(
            services.cluster, TRANSACTIONS_TOPIC, self._config.log_partitions
        )
        # Partitions that wait for their marker, of the ids that are in a Prepare state.
        self._unmarked: dict[str, list[TopicPartition]] = {}
        self._timers: dict[tuple[str, str], TimerHandle] = {}
        self.on_step: OnStep = ignore_step

    # Life

    def load(self) -> None:
        """Read what the log holds, and bring ends that were decided about; called once.

        Raises:
            StorageError: the log can't be read.
        """
        for log in self._services.internal_logs(TRANSACTIONS_TOPIC):
            for key, value in log.records():
                try:
                    self._coordinator.replay(decode_record(key, value))
                except ProtocolError as error:
                    _log.error(
                        "%s-%d: a record can't be read and is passed over: %s",
                        TRANSACTIONS_TOPIC,
                        log.partition,
                        error,
                    )
        for transactional_id in self._coordinator.unfinished():
            self._finish(transactional_id)
        self._schedule_abort_check()
        self._schedule_expiration_check()

    def close(self) -> None:
        """Stop the timers. What is not complete will be at the next start."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def availability(self, transactional_id: str) -> ErrorCode:
        """NONE if all is known of the id that its partition says, or NOT_COORDINATOR: that is damaged."""
        partition = self.partition_of(transactional_id)
        available = self._services.has_coordinator(TRANSACTIONS_TOPIC, partition)
        return ErrorCode.NONE if available else ErrorCode.NOT_COORDINATOR

    # Producers

    def init_producer(
        self, transactional_id: str, timeout_ms: int, expected: Producer | None
    ) -> ProducerReply:
        """A producer takes an id over; see `TransactionCoordinator.init_producer`."""
        if error := self.availability(transactional_id):
            return ProducerReply(error)
        outcome = self._coordinator.init_producer(
            transactional_id, timeout_ms, expected, self._now_ms()
        )
        error = self._settle(transactional_id, outcome)
        if error is not ErrorCode.NONE:
            return ProducerReply(error)
        if outcome.record is not None:
            if outcome.reply.error is ErrorCode.NONE:
                self._coordinator.initialised(transactional_id, expected)
                self.on_step(TransactionStep.INITIALISED, transactional_id)
            else:
                self._coordinator.fenced(transactional_id)
                self.on_step(TransactionStep.PREPARED, transactional_id)
                self._finish(transactional_id)
        return outcome.reply

    def add_partitions(
        self,
        transactional_id: str,
        producer: Producer,
        partitions: Iterable[TopicPartition],
        *,
        client_version: int,
    ) -> ErrorCode:
        """Make partitions part of the transaction; they may be written to afterwards."""
        if error := self.availability(transactional_id):
            return error
        outcome = self._coordinator.add_partitions(
            transactional_id, producer, partitions, self._now_ms(), client_version=client_version
        )
        error = self._settle(transactional_id, outcome)
        if error is not ErrorCode.NONE:
            return error
        if outcome.record is not None:
            self.on_step(TransactionStep.ONGOING, transactional_id)
        return outcome.reply

    def verify(
        self, transactional_id: str, producer: Producer, partition: TopicPartition
    ) -> ErrorCode:
        """Whether the transaction has the partition; see `TransactionCoordinator.verify`."""
        return self.availability(transactional_id) or self._coordinator.verify(
            transactional_id, producer, partition
        )

    def partition_of(self, transactional_id: str) -> int:
        """The partition of `__transaction_state` that holds the id."""
        return partition_for(transactional_id, self._partitions.count)

    def offsets_partition(self, group_id: str) -> TopicPartition:
        """The partition of `__consumer_offsets` that a group's offsets are written to."""
        return TopicPartition(OFFSETS_TOPIC, self._groups.partition_of(group_id))

    def end(
        self, transactional_id: str, producer: Producer, *, committed: bool, client_version: int
    ) -> ProducerReply:
        """Commit or abort. When the answer says NONE, that is the transaction's end, come what may."""
        if error := self.availability(transactional_id):
            return ProducerReply(error)
        outcome = self._coordinator.end(
            transactional_id,
            producer,
            self._now_ms(),
            committed=committed,
            client_version=client_version,
        )
        error = self._settle(transactional_id, outcome)
        if error is not ErrorCode.NONE:
            return ProducerReply(error)
        if outcome.record is not None:
            self.on_step(TransactionStep.PREPARED, transactional_id)
            self._finish(transactional_id)
        return outcome.reply

    def write_marker(
        self,
        target: TopicPartition,
        producer_id: int,
        producer_epoch: int,
        *,
        committed: bool,
        coordinator_epoch: int = 0,
    ) -> None:
        """End a producer's transaction in one partition, for readers and for the group's offsets.

        Raises:
            BrokerError, StorageError: as `CoordinatorServices.append_marker`.
        """
        kind = ControlKind.COMMIT if committed else ControlKind.ABORT
        self._services.append_marker(
            target,
            kind,
            producer_id,
            producer_epoch,
            self._now_ms(),
            coordinator_epoch=coordinator_epoch,
        )
        if target.topic == OFFSETS_TOPIC:
            self._groups.transaction_ended(target.partition, producer_id, committed)

    # What is known

    def transaction(self, transactional_id: str) -> Transaction | None:
        """The state of an id, or None if it isn't known."""
        return self._coordinator.transaction(transactional_id)

    def transactions(self) -> Mapping[str, Transaction]:
        """All ids; not to be changed."""
        return self._coordinator.transactions()

    # The way of an outcome

    def _settle(self, transactional_id: str, outcome: Outcome[Any]) -> ErrorCode:
        """Append and replay; what the log says against it."""
        record = outcome.record
        if record is None:
            return ErrorCode.NONE
        partition = self.partition_of(transactional_id)
        try:
            self._services.append_internal(
                TRANSACTIONS_TOPIC, partition, [encode_record(record)], self._now_ms()
            )
        except (StorageError, BrokerError) as error:
            _log.error(
                "transactional id %s: %s-%d: %s",
                transactional_id,
                TRANSACTIONS_TOPIC,
                partition,
                error,
            )
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        self._coordinator.replay(record)
        return ErrorCode.NONE

    # The end of a transaction

    def _finish(self, transactional_id: str) -> None:
        """Write the markers of an id that is in a Prepare state, then complete its transaction."""
        known = self._coordinator.transaction(transactional_id)
        if known is None or not known.state.is_prepared:
            return
        waiting = self._unmarked.get(transactional_id)
        if waiting is None:
            waiting = self._unmarked[transactional_id] = sorted(known.partitions, reverse=True)
        failed = self._write_markers(transactional_id, known, waiting)
        if waiting:
            self._finish_later(transactional_id, _RETRY_MS if failed else 0)
            return
        self.on_step(TransactionStep.MARKERS_WRITTEN, transactional_id)
        outcome = self._coordinator.complete(transactional_id, self._now_ms())
        if self._settle(transactional_id, outcome) is not ErrorCode.NONE:
            self._finish_later(transactional_id, _RETRY_MS)
            return
        del self._unmarked[transactional_id]
        self.on_step(TransactionStep.COMPLETED, transactional_id)

    def _write_markers(
        self, transactional_id: str, known: Transaction, waiting: list[TopicPartition]
    ) -> bool:
        """Write some markers and take their partitions from `waiting`; True if the disk refused one."""
        committed = known.state is TransactionState.PREPARE_COMMIT
        for _ in range(min(len(waiting), _MARKERS_A_TURN)):
            target = waiting[-1]
            try:
                self.write_marker(
                    target, known.producer_id, known.producer_epoch, committed=committed
                )
            except (StorageError, OSError) as error:
                _log.error("marker of %s for %s: %s", transactional_id, target, error)
                return True
            except BrokerError as error:
                # The partition was deleted, or a newer producer has ended the transaction there.
                _log.warning("no marker of %s for %s: %s", transactional_id, target, error)
            waiting.pop()
            self.on_step(TransactionStep.MARKER_WRITTEN, transactional_id)
        return False

    # Time

    def _now_ms(self) -> int:
        return self._services.clock.now_ms()

    def _later(self, delay_ms: int, what: tuple[str, str], callback: Callable[[], None]) -> None:
        previous = self._timers.get(what)
        if previous is not None:
            previous.cancel()

        def run() -> None:
            self._timers.pop(what, None)
            callback()

        self._timers[what] = self._services.timers.call_later(delay_ms, run)

    def _finish_later(self, transactional_id: str, delay_ms: int) -> None:
        what = ("finish", transactional_id)
        self._later(delay_ms, what, lambda: self._finish(transactional_id))

    def _schedule_abort_check(self) -> None:
        self._later(self._config.abort_check_interval_ms, ("abort", ""), self._abort_timed_out)

    def _abort_timed_out(self) -> None:
        try:
            for outcome in self._coordinator.abort_timed_out(self._now_ms()):
                transactional_id = outcome.reply
                if self._settle(transactional_id, outcome) is ErrorCode.NONE:
                    _log.info("transaction of %s was open for too long: aborted", transactional_id)
                    self._coordinator.fenced(transactional_id)
                    self.on_step(TransactionStep.PREPARED, transactional_id)
                    self._finish(transactional_id)
        except StorageError as error:
            # No new producer id could be had for one whose epochs are used up.
            _log.error("transactions that are open for too long: %s", error)
        finally:
            self._schedule_abort_check()

    def _schedule_expiration_check(self) -> None:
        interval_ms = self._config.expiration_check_interval_ms
        self._later(interval_ms, ("expire", ""), self._forget_expired)

    def _forget_expired(self) -> None:
        for outcome in self._coordinator.expire(self._now_ms()):
            assert outcome.record is not None
            self._settle(outcome.record.transactional_id, outcome)
        self._schedule_expiration_check()
