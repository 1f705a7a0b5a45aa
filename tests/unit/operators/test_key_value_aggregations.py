"""count, reduce, aggregate without windows: what is dropped, which timestamp a result has, old values."""

from __future__ import annotations

from typing import Any

import pytest
from operator_lab import Lab, Sent

from streamkit.errors import TopologyError
from streamkit.model import Change
from streamkit.operators.aggregate import StreamAggregate
from streamkit.operators.count import StreamCount
from streamkit.operators.reduce import StreamReduce
from streamkit.serde import IntegerSerde, JsonSerde, StringSerde
from streamkit.state import StoreKind, StoreSpec
from streamkit.state.store import TimestampedKeyValueStore


def spec(value: Any) -> StoreSpec:
    return StoreSpec("store", StoreKind.TIMESTAMPED_KEY_VALUE, StringSerde(), value)


def entry(lab: Lab, key: str) -> Any:
    store = lab.stores["store"]
    assert isinstance(store, TimestampedKeyValueStore)
    return store.get(key)


def test_count_counts_records_with_key_and_value() -> None:
    lab = Lab(StreamCount("store"), spec(IntegerSerde()))
    assert lab.send("a", "x", 5) == [Sent("a", Change(None, 1), 5)]
    assert lab.send("a", "y", 6) == [Sent("a", Change(None, 2), 6)]
    assert lab.send(None, "x") == []
    assert lab.send("a", None) == []
    assert lab.dropped == {"null key": 1, "null value": 1}
    assert entry(lab, "a") == (2, 6)


def test_result_has_the_later_timestamp_of_record_and_entry() -> None:
    lab = Lab(StreamCount("store"), spec(IntegerSerde()))
    lab.send("a", "x", 10)
    assert lab.send("a", "x", 3) == [Sent("a", Change(None, 2), 10)]


def test_old_value_is_sent_only_if_asked_for() -> None:
    """The old value of a first record is the initial aggregate, as in Kafka Streams."""
    lab = Lab(StreamCount("store", send_old=True), spec(IntegerSerde()))
    assert lab.send("a", "x", 1) == [Sent("a", Change(0, 1), 1)]
    assert lab.send("a", "x", 2) == [Sent("a", Change(1, 2), 2)]


def test_first_value_of_reduce_is_taken_as_it_is() -> None:
    lab = Lab(StreamReduce("store", lambda a, b: a + b, send_old=True), spec(IntegerSerde()))
    assert lab.send("a", 5, 1) == [Sent("a", Change(None, 5), 1)]
    assert lab.send("a", 7, 2) == [Sent("a", Change(5, 12), 2)]
    assert lab.send("a", None, 3) == []


def test_aggregate_starts_from_the_initializer_and_none_deletes() -> None:
    def fold(_key: str, value: int, total: int) -> int | None:
        return None if value == 0 else total + value

    lab = Lab(StreamAggregate("store", lambda: 100, fold), spec(JsonSerde(int)))
    assert lab.send("a", 5, 1) == [Sent("a", Change(None, 105), 1)]
    assert lab.send("a", 0, 2) == [Sent("a", Change(None, None), 2)]
    assert entry(lab, "a") is None
    assert lab.send("a", 1, 1) == [Sent("a", Change(None, 101), 1)]


def test_reused_key_bytes_are_what_the_store_gets() -> None:
    lab = Lab(StreamCount("store", reuse_raw_key=True), spec(IntegerSerde()))
    lab.send("a", "x", 1, raw_key=b"a")
    lab.send("a", "x", 1, raw_key=None)  # inside a punctuator
    assert entry(lab, "a") == (2, 1)


def test_store_of_another_kind_is_named_in_the_error() -> None:
    plain = StoreSpec("store", StoreKind.KEY_VALUE, StringSerde(), IntegerSerde())
    with pytest.raises(
        TopologyError, match="'op' needs a timestamped key-value store, 'store' is a"
    ):
        Lab(StreamCount("store"), plain)
