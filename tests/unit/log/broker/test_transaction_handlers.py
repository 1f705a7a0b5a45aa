"""Transactions through the handlers: what requests are answered, and what readers of committed records see."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broker_lab import BrokerLab, batch
from transaction_lab import NONE, TIMEOUT_MS, Writer, committed, offset, state

from streamkit.log.broker.metadata import service
from streamkit.log.broker.transactions import (
    Producer,
    TransactionRecord,
    TransactionState,
    TransactionStep,
)
from streamkit.log.protocol import ErrorCode, batches
from streamkit.log.protocol.messages import (
    DescribeProducersRequest,
    DescribeTransactionsRequest,
    ListTransactionsRequest,
    WriteTxnMarkersRequest,
)
from streamkit.log.protocol.messages.describe_producers import TopicRequest
from streamkit.log.protocol.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
)
from streamkit.log.storage import LogStorageError
from streamkit.model import TopicPartition


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[BrokerLab]:
    made = BrokerLab(tmp_path / "data", transaction_state_log_num_partitions=2)
    made.broker.create_topic("t", 2, {})
    yield made
    made.close()


both = pytest.mark.parametrize("modern", [True, False], ids=["version 2", "before"])


def test_ids_live_in_the_partitions_of_a_topic_that_a_client_has_made(lab: BrokerLab) -> None:
    lab.broker.create_topic("__transaction_state", 1, {})
    for number in range(8):
        writer = Writer(lab, f"x{number}")
        assert writer.init() is NONE
        writer.write(b"%d" % number)
        assert writer.end() is NONE
    assert committed(lab) == [b"%d" % number for number in range(8)]


def test_broker_that_cannot_make_its_topic_says_so(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder from before names that collide were refused."""
    with monkeypatch.context() as before:
        before.setattr(service, "INTERNAL_TOPICS", frozenset[str]())
        lab.broker.create_topic("__transaction.state", 1, {})
    assert Writer(lab, "x").init() is ErrorCode.COORDINATOR_NOT_AVAILABLE
    lab.broker.delete_topic(lab.broker.topic("__transaction.state"))
    assert Writer(lab, "x").init() is NONE


@both
def test_committed_records_are_seen_and_aborted_ones_are_not(lab: BrokerLab, modern: bool) -> None:
    writer = Writer(lab, "x", modern=modern)
    assert writer.init() is NONE
    for number, commit in itertools.product(range(3), (True, False)):
        writer.write(b"%d %d" % (number, commit))
        assert writer.end(commit=commit) is NONE
    assert committed(lab) == [b"0 1", b"1 1", b"2 1"]
    lab.restart(cleanly=False)
    assert committed(lab) == [b"0 1", b"1 1", b"2 1"]


@both
def test_open_transaction_hides_what_follows_until_it_ends(lab: BrokerLab, modern: bool) -> None:
    one, other = Writer(lab, "one", modern=modern), Writer(lab, "other", modern=modern)
    for writer in (one, other):
        writer.init()
        writer.write(writer.id.encode())
    other.end()
    assert committed(lab) == []
    one.end(commit=False)
    assert committed(lab) == [b"other"]


def test_only_version_2_raises_the_epoch_at_each_end(lab: BrokerLab) -> None:
    modern, old = Writer(lab, "new"), Writer(lab, "old", modern=False)
    for writer, epochs in ((modern, [0, 1, 2]), (old, [0, 0, 0])):
        writer.init()
        seen = []
        for _ in range(3):
            seen.append(writer.epoch)
            writer.write(b"v")
            writer.end()
        assert seen == epochs


def test_repeated_end_is_answered_as_the_first_one_was(lab: BrokerLab) -> None:
    writer = Writer(lab, "x")
    writer.init()
    before = writer.producer_id, writer.epoch
    writer.write(b"v")
    assert writer.end() is NONE
    after = writer.producer_id, writer.epoch
    lab.restart(cleanly=False)
    writer.producer_id, writer.epoch = before
    assert writer.end(commit=False) is ErrorCode.INVALID_TXN_STATE
    assert writer.end() is NONE
    assert (writer.producer_id, writer.epoch) == after


def test_init_after_an_end_whose_answer_was_lost_tells_the_epoch_of_that_end(
    lab: BrokerLab,
) -> None:
    writer = Writer(lab, "x")
    writer.init()
    writer.write(b"v")
    assert writer.end() is NONE
    for _ in range(2):
        writer.epoch = 0
        assert writer.init(keep=True) is NONE
        assert writer.epoch == 1
    writer.write(b"w")
    assert writer.end() is NONE
    assert committed(lab) == [b"v", b"w"]
    writer.epoch = 0
    assert writer.init(keep=True) is ErrorCode.PRODUCER_FENCED


def test_abort_of_nothing_raises_the_epoch(lab: BrokerLab) -> None:
    """Its batches may still be on their way; from now on they are refused."""
    writer = Writer(lab, "x")
    writer.init()
    assert writer.end(commit=False) is NONE
    assert writer.epoch == 1
    assert writer.end() is ErrorCode.INVALID_TXN_STATE
    old = Writer(lab, "y", modern=False)
    old.init()
    assert old.end(commit=False) is ErrorCode.INVALID_TXN_STATE


@both
def test_newer_producer_fences_the_older_one(lab: BrokerLab, modern: bool) -> None:
    older, newer = Writer(lab, "x", modern=modern), Writer(lab, "x", modern=modern)
    older.init()
    older.write(b"older")
    assert newer.init() is ErrorCode.CONCURRENT_TRANSACTIONS
    assert newer.init() is NONE
    assert older.send(b"late") is ErrorCode.INVALID_PRODUCER_EPOCH
    assert older.end() is ErrorCode.PRODUCER_FENCED
    assert older.init(keep=True) is ErrorCode.PRODUCER_FENCED
    newer.write(b"newer")
    newer.end()
    assert committed(lab) == [b"newer"]


def test_repeated_init_with_an_epoch_is_answered_as_the_first_one_was(lab: BrokerLab) -> None:
    writer = Writer(lab, "x", modern=False)
    writer.init()
    assert writer.init(keep=True) is NONE
    assert writer.epoch == 1
    writer.epoch = 0
    assert writer.init(keep=True) is NONE
    assert writer.epoch == 1
    writer.epoch = 7
    assert writer.init(keep=True) is ErrorCode.PRODUCER_FENCED


@both
def test_transaction_that_takes_too_long_is_aborted(lab: BrokerLab, modern: bool) -> None:
    writer = Writer(lab, "x", modern=modern)
    writer.init(timeout_ms=20_000)
    writer.write(b"v")
    lab.clock.advance(19_999)
    lab.timers.advance(10_000)
    assert state(lab, "x") is TransactionState.ONGOING
    lab.clock.advance(1)
    lab.timers.advance(10_000)
    assert state(lab, "x") is TransactionState.COMPLETE_ABORT
    assert committed(lab) == []
    # Of version 2 it could still be aborted: that end would be the repetition of one.
    too_late = ErrorCode.INVALID_TXN_STATE if modern else ErrorCode.PRODUCER_FENCED
    assert writer.end() is too_late
    assert writer.send(b"late") is ErrorCode.INVALID_PRODUCER_EPOCH
    assert Writer(lab, "x").init() is NONE


@pytest.mark.parametrize("timeout_ms", [0, -1, 900_001])
def test_timeout_out_of_range_is_refused(lab: BrokerLab, timeout_ms: int) -> None:
    writer = Writer(lab, "x")
    assert writer.init(timeout_ms=timeout_ms) is ErrorCode.INVALID_TRANSACTION_TIMEOUT
    writer.id = ""
    assert writer.init() is ErrorCode.INVALID_REQUEST


@both
def test_used_up_epochs_bring_a_new_producer_id(lab: BrokerLab, modern: bool) -> None:
    writer = Writer(lab, "x", modern=modern)
    writer.init()
    first = writer.producer_id
    # Sparing the log: the coordinator's own state is brought there.
    lab.broker.transactions._coordinator.replay(_at_epoch(lab, "x", 32_766))
    writer.epoch = 32_766
    if modern:
        writer.write(b"v")
        assert writer.end() is NONE
        repeated = Writer(lab, "x")
        repeated.producer_id, repeated.epoch = first, 32_766
        assert repeated.end() is NONE
        assert repeated.producer_id == writer.producer_id
    else:
        assert writer.init(keep=True) is NONE
    assert writer.producer_id != first
    assert writer.epoch == 0
    writer.write(b"w")
    assert writer.end() is NONE
    assert committed(lab) == [b"v", b"w"][1 - modern :]


@both
@pytest.mark.parametrize("how", ["time is up", "newer producer"])
@pytest.mark.parametrize("goes_on", ["init", "abort"])
def test_fencing_with_the_last_epoch_does_not_give_it_out(
    lab: BrokerLab, modern: bool, how: str, goes_on: str
) -> None:
    """A transaction under the last epoch could neither be ended nor be aborted."""
    writer = Writer(lab, "x", modern=modern)
    writer.init()
    first = writer.producer_id
    lab.broker.transactions._coordinator.replay(_at_epoch(lab, "x", 32_766))
    writer.epoch = 32_766
    writer.write(b"v")
    if how == "time is up":
        lab.clock.advance(TIMEOUT_MS)
        lab.timers.advance(TIMEOUT_MS)
    else:
        assert Writer(lab, "x", modern=modern).init() is ErrorCode.CONCURRENT_TRANSACTIONS
    assert state(lab, "x") is TransactionState.COMPLETE_ABORT
    if goes_on == "init" or not modern:
        assert writer.init(keep=True) is NONE
    else:
        assert writer.end(commit=False) is NONE
    assert writer.producer_id != first
    assert writer.epoch == 0
    writer.write(b"w")
    assert writer.end() is NONE
    assert committed(lab) == [b"w"]


@both
def test_transaction_under_the_last_epoch_comes_to_an_end(lab: BrokerLab, modern: bool) -> None:
    """Earlier versions have given that epoch out: their logs may hold it."""
    writer = Writer(lab, "x", modern=modern)
    writer.init()
    lab.broker.transactions._coordinator.replay(_at_epoch(lab, "x", 32_767))
    writer.epoch = 32_767
    writer.write(b"v")
    lab.clock.advance(TIMEOUT_MS)
    lab.timers.advance(TIMEOUT_MS)
    assert state(lab, "x") is TransactionState.COMPLETE_ABORT
    successor = Writer(lab, "x", modern=modern)
    assert successor.init() is NONE
    successor.write(b"w")
    assert successor.end() is NONE
    assert committed(lab) == [b"w"]


def test_full_disk_does_not_end_the_search_for_what_takes_too_long(
    lab: BrokerLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(lab, "x")
    writer.init()
    lab.broker.transactions._coordinator.replay(_at_epoch(lab, "x", 32_766))
    writer.epoch = 32_766
    writer.write(b"v")
    lab.clock.advance(TIMEOUT_MS)

    def refuse() -> int:
        raise LogStorageError("No space left on device", path="")

    with monkeypatch.context() as full:
        full.setattr(lab.broker.transactions._coordinator, "_new_producer_id", refuse)
        lab.timers.advance(TIMEOUT_MS)
        assert state(lab, "x") is TransactionState.ONGOING
    lab.timers.advance(TIMEOUT_MS)
    assert state(lab, "x") is TransactionState.COMPLETE_ABORT


def _at_epoch(lab: BrokerLab, transactional_id: str, epoch: int) -> TransactionRecord:
    known = lab.broker.transactions.transaction(transactional_id)
    assert known is not None
    return TransactionRecord(transactional_id, replace(known, producer_epoch=epoch))


@both
def test_batch_outside_a_transaction_is_refused(lab: BrokerLab, modern: bool) -> None:
    writer = Writer(lab, "x", modern=modern)
    writer.init()
    if not modern:
        assert writer.send(b"v") is ErrorCode.TRANSACTION_ABORTABLE
    other = Writer(lab, "unknown", modern=modern)
    other.producer_id, other.epoch = 99, 0
    assert other.send(b"v") is ErrorCode.INVALID_PRODUCER_ID_MAPPING
    nameless = lab.produce(
        "t",
        0,
        batch(b"v", producer_id=0, producer_epoch=0, base_sequence=0, transactional=True),
    )
    assert nameless.error_code == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert lab.broker.partition_log("t", 0).end_offset == 0


def test_partition_that_does_not_exist_is_not_added(lab: BrokerLab) -> None:
    writer = Writer(lab, "x", modern=False)
    writer.init()
    assert writer.add(9) is ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert state(lab, "x") is TransactionState.EMPTY


@both
def test_offsets_are_committed_with_the_transaction(lab: BrokerLab, modern: bool) -> None:
    writer = Writer(lab, "x", modern=modern)
    writer.init()
    assert writer.commit_offset(5) is NONE
    assert offset(lab) == (-1, NONE)
    assert offset(lab, stable=True) == (-1, ErrorCode.UNSTABLE_OFFSET_COMMIT)
    lab.restart(cleanly=False)
    assert offset(lab, stable=True) == (-1, ErrorCode.UNSTABLE_OFFSET_COMMIT)
    assert writer.end() is NONE
    assert offset(lab, stable=True) == (5, NONE)
    assert writer.commit_offset(9) is NONE
    assert writer.end(commit=False) is NONE
    assert offset(lab, stable=True) == (5, NONE)
    lab.restart(cleanly=False)
    assert offset(lab, stable=True) == (5, NONE)


def test_broker_starts_when_compaction_has_emptied_a_marker(tmp_path: Path) -> None:
    """The last marker of an idle producer stays as a header without a record."""
    day_ms = 86_400_000
    lab = BrokerLab(
        tmp_path / "data",
        offsets_topic_num_partitions=1,
        log_cleaner_min_cleanable_ratio=0.01,
        producer_id_expiration_ms=7 * day_ms,
    )
    lab.broker.create_topic("t", 1, {})
    log = lab.broker.partition_log
    idle, busy = Writer(lab, "idle"), Writer(lab, "busy")
    for writer in (idle, busy):
        writer.init()
        writer.commit_offset(1)
        writer.end()
    for day in range(2, 5):
        log("__consumer_offsets", 0).roll(lab.clock.now_ms())
        while lab.broker.logs.clean(lab.clock.now_ms()):
            lab.broker.logs.wait_for_flushes()
        lab.clock.advance(day_ms)
        busy.commit_offset(day)
        busy.end()
    data = log("__consumer_offsets", 0).read(0, 1 << 20).data
    emptied = [header for _, header in batches(data) if header.count == 0]
    assert [header.producer_id for header in emptied] == [idle.producer_id]
    assert emptied[0].is_control
    lab.restart()
    assert offset(lab, stable=True) == (4, NONE)
    lab.close()


def test_offsets_of_another_generation_are_refused(lab: BrokerLab) -> None:
    writer = Writer(lab, "x")
    writer.init()
    refused = writer.commit_offset(5, generation_id=3, member_id="nobody")
    assert refused is ErrorCode.ILLEGAL_GENERATION
    assert writer.end(commit=False) is NONE
    stale = Writer(lab, "x")
    stale.producer_id, stale.epoch = writer.producer_id, writer.epoch - 1
    assert stale.commit_offset(5) is ErrorCode.INVALID_PRODUCER_EPOCH


def test_deleted_topic_does_not_hold_up_the_end(lab: BrokerLab) -> None:
    lab.broker.create_topic("gone", 1, {})
    writer = Writer(lab, "x", modern=False)
    writer.init()
    writer.write(b"v")
    lab.broker.transactions.add_partitions(
        "x",
        Producer(writer.producer_id, writer.epoch),
        [TopicPartition("gone", 0)],
        client_version=0,
    )
    lab.broker.delete_topic(lab.broker.topic("gone"))
    assert writer.end() is NONE
    assert state(lab, "x") is TransactionState.COMPLETE_COMMIT
    assert committed(lab) == [b"v"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("step", [TransactionStep.PREPARED, TransactionStep.MARKER_WRITTEN])
def test_decided_end_is_brought_about_after_a_restart(
    lab: BrokerLab, step: TransactionStep, commit: bool
) -> None:
    writer = Writer(lab, "x")
    writer.init()
    for partition in (0, 1):
        writer.write(b"v", partition)
    writer.commit_offset(5)

    def die(reached: TransactionStep, transactional_id: str) -> None:
        if reached is step:
            raise Killed

    lab.broker.transactions.on_step = die
    with pytest.raises(Killed):
        writer.end(commit=commit)
    lab.restart(cleanly=False)
    for partition in (0, 1):
        assert committed(lab, partition) == [b"v"] * commit
    assert offset(lab, stable=True) == (5 if commit else -1, NONE)
    assert writer.end(commit=commit) is NONE
    assert writer.epoch == 1


def test_idle_transactional_id_expires(lab: BrokerLab) -> None:
    busy, idle = Writer(lab, "busy"), Writer(lab, "idle")
    for writer in (busy, idle):
        writer.init(timeout_ms=900_000)
    lab.clock.advance(604_800_000 - 1)
    busy.write(b"v")
    lab.clock.advance(1)
    lab.timers.advance(3_600_000)
    assert set(lab.broker.transactions.transactions()) == {"busy"}
    assert idle.send(b"v") is ErrorCode.INVALID_PRODUCER_ID_MAPPING
    lab.restart()
    assert set(lab.broker.transactions.transactions()) == {"busy"}


def test_transactions_are_described_and_listed(lab: BrokerLab) -> None:
    writer = Writer(lab, "x")
    writer.init()
    Writer(lab, "y").init()
    writer.write(b"v", 1)
    asked = DescribeTransactionsRequest(transactional_ids=["x", "nobody", ""])
    one, nobody, empty = lab.call(asked).transaction_states
    assert (one.transaction_state, one.transaction_timeout_ms) == ("Ongoing", TIMEOUT_MS)
    assert [(topic.topic, topic.partitions) for topic in one.topics] == [("t", [1])]
    assert one.transaction_start_time_ms == lab.clock.now_ms()
    assert nobody.error_code == ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
    assert empty.error_code == ErrorCode.INVALID_REQUEST

    def listed(**filters: Any) -> list[str]:
        answer = lab.call(ListTransactionsRequest(**filters))
        return [each.transactional_id for each in answer.transaction_states]

    lab.clock.advance(100)
    assert listed() == ["x", "y"]
    assert listed(state_filters=["Ongoing"]) == ["x"]
    assert listed(state_filters=["Nonsense"]) == []
    assert listed(producer_id_filters=[writer.producer_id]) == ["x"]
    assert listed(transactional_id_pattern="[y-z]") == ["y"]
    assert listed(state_filters=["Ongoing"], duration_filter=99) == ["x"]
    assert listed(state_filters=["Ongoing"], duration_filter=100) == []
    answer = lab.call(ListTransactionsRequest(state_filters=["Nonsense"]))
    assert answer.unknown_state_filters == ["Nonsense"]
    answer = lab.call(ListTransactionsRequest(transactional_id_pattern="("))
    assert answer.error_code == ErrorCode.INVALID_REGULAR_EXPRESSION


def test_producers_are_described_and_a_hanging_transaction_is_aborted(lab: BrokerLab) -> None:
    writer = Writer(lab, "x")
    writer.init()
    writer.write(b"v")
    asked = DescribeProducersRequest(topics=[TopicRequest(name="t", partition_indexes=[0, 7])])
    found, missing = lab.call(asked).topics[0].partitions
    assert missing.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    (producer,) = found.active_producers
    assert producer.current_txn_start_offset == 0
    marker = WritableTxnMarker(
        producer_id=producer.producer_id,
        producer_epoch=producer.producer_epoch,
        transaction_result=False,
        topics=[WritableTxnMarkerTopic(name="t", partition_indexes=[0, 7])],
    )
    (answer,) = lab.call(WriteTxnMarkersRequest(markers=[marker])).markers
    codes = [each.error_code for each in answer.topics[0].partitions]
    assert codes == [NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
    (producer,) = lab.call(asked).topics[0].partitions[0].active_producers
    assert producer.current_txn_start_offset == -1
    assert committed(lab) == []
