"""Joins of a stream with a table and with a global table."""

from __future__ import annotations

from functools import partial
from typing import Any

from operator_lab import Lab, Sent

from streamkit.operators.getter import StoreGetter
from streamkit.operators.stream_global_table_join import StreamGlobalTableJoin
from streamkit.operators.stream_table_join import StreamTableJoin
from streamkit.serde import StringSerde
from streamkit.state import StoreKind, StoreSpec
from streamkit.state.store import TimestampedKeyValueStore

SPEC = StoreSpec("store", StoreKind.TIMESTAMPED_KEY_VALUE, StringSerde(), StringSerde())
ROWS = partial(StoreGetter, "store")


def with_row(lab: Lab, key: str, value: str) -> Lab:
    store = lab.stores["store"]
    assert isinstance(store, TimestampedKeyValueStore)
    store.put(key, value, 99)
    return lab


def plus(value: Any, row: Any) -> str:
    return f"{value}+{row}"


def test_inner_join_sends_only_records_with_a_row_at_the_records_time() -> None:
    lab = with_row(Lab(StreamTableJoin(ROWS, plus), SPEC), "a", "row")
    assert lab.send("a", "v", 5) == [Sent("a", "v+row", 5)]
    assert lab.send("b", "v", 5) == []
    assert lab.send(None, "v") == []
    assert lab.send("a", None) == []
    assert lab.dropped == {"null key": 1, "null value": 1}


def test_left_join_sends_records_without_row_or_key_with_none() -> None:
    lab = with_row(Lab(StreamTableJoin(ROWS, plus, left=True), SPEC), "a", "row")
    assert lab.send("b", "v", 5) == [Sent("b", "v+None", 5)]
    assert lab.send(None, "v", 6) == [Sent(None, "v+None", 6)]
    assert lab.send("a", None) == []


def test_joiner_with_key_and_reused_key_bytes() -> None:
    join = StreamTableJoin(ROWS, lambda k, v, r: (k, v, r), with_key=True, reuse_raw_key=True)
    lab = with_row(Lab(join, SPEC), "a", "row")
    assert lab.send("a", "v", 5, raw_key=b"a") == [Sent("a", ("a", "v", "row"), 5)]


def test_only_the_mapped_key_counts_for_a_global_table() -> None:
    join = StreamGlobalTableJoin(ROWS, lambda _, v: v[0] if v != "none" else None, plus)
    lab = with_row(Lab(join, SPEC), "a", "row")
    assert lab.send(None, "abc", 5) == [Sent(None, "abc+row", 5)]
    assert lab.send("a", "xyz", 5) == []
    assert lab.send("a", "none", 5) == []
    assert lab.send("a", None, 5) == []
    assert lab.dropped == {"null key": 1, "null value": 1}


def test_left_join_with_a_global_table_keeps_records_without_a_mapped_key() -> None:
    join = StreamGlobalTableJoin(
        ROWS, lambda *_: None, lambda k, v, r: (k, v, r), left=True, with_key=True
    )
    assert Lab(join, SPEC).send("k", "v", 5) == [Sent("k", ("k", "v", None), 5)]
