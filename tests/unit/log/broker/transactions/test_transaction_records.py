"""The records of `__transaction_state` as bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.errors import ProtocolError
from streamkit.log.broker.transactions.records import (
    Transaction,
    TransactionRecord,
    TransactionState,
    by_topic,
    decode_record,
    encode_record,
)
from streamkit.log.protocol import encode_versioned
from streamkit.log.protocol.messages.transaction_log import TransactionLogValue
from streamkit.model import TopicPartition

_INT64 = st.integers(-1, 2**63 - 1)
_PARTITIONS = st.builds(TopicPartition, st.sampled_from(["a", "b", "c"]), st.integers(0, 9))
_BUSY = [state for state in TransactionState if state is not TransactionState.EMPTY]
_BUSY_TRANSACTIONS = st.builds(
    Transaction,
    producer_id=_INT64,
    producer_epoch=st.integers(-1, 2**15 - 1),
    timeout_ms=st.integers(1, 2**31 - 1),
    state=st.sampled_from(_BUSY),
    updated_ms=_INT64,
    started_ms=_INT64,
    partitions=st.frozensets(_PARTITIONS),
    previous_producer_id=_INT64,
    next_producer_id=_INT64,
    client_version=st.integers(0, 2),
)
EMPTY = Transaction(7, 1, 60_000, TransactionState.EMPTY, 1000)


@given(st.text(min_size=1), st.none() | st.just(EMPTY) | _BUSY_TRANSACTIONS)
def test_record_survives_its_bytes(transactional_id: str, value: Transaction | None) -> None:
    record = TransactionRecord(transactional_id, value)
    assert decode_record(*encode_record(record)) == record


def test_bytes_are_those_of_apache_kafka() -> None:
    key, value = encode_record(TransactionRecord("x", EMPTY))
    assert key == bytes.fromhex("0000 0001 78")
    # Version 1, producer id, epoch, timeout, state, null partitions, two times, no tagged field.
    assert value == bytes.fromhex(
        "0001 0000000000000007 0001 0000ea60 00 00 00000000000003e8 ffffffffffffffff 00"
    )


def test_value_of_an_older_broker_is_read() -> None:
    key, _ = encode_record(TransactionRecord("x", EMPTY))
    old = TransactionLogValue(
        producer_id=7,
        producer_epoch=1,
        transaction_timeout_ms=60_000,
        transaction_status=0,
        transaction_partitions=None,
        transaction_last_update_timestamp_ms=1000,
        transaction_start_timestamp_ms=-1,
    )
    assert decode_record(key, encode_versioned(old, 0)) == TransactionRecord("x", EMPTY)


@given(st.binary(max_size=40), st.none() | st.binary(max_size=60))
def test_damaged_record_is_a_protocol_error(key: bytes, value: bytes | None) -> None:
    with contextlib.suppress(ProtocolError):
        decode_record(key, value)


def test_record_without_a_key_is_refused() -> None:
    with pytest.raises(ProtocolError, match="without a key"):
        decode_record(None, b"")


def test_partitions_are_grouped_in_order() -> None:
    given_ = [TopicPartition("b", 1), TopicPartition("a", 2), TopicPartition("b", 0)]
    assert by_topic(given_) == {"a": [2], "b": [0, 1]}


def test_states_have_the_names_that_clients_know() -> None:
    assert [state.label for state in TransactionState] == [
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
    ]
