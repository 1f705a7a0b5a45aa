"""Tables: updates, views, tombstones, old values, and aggregation by group."""

from __future__ import annotations

from functools import partial
from typing import Any

from operator_lab import Lab, Sent

from streamkit.model import Change, Window, Windowed
from streamkit.operators.fold import CountFold
from streamkit.operators.getter import FilteredGetter, MappedGetter, StoreGetter, WindowGetter
from streamkit.operators.table_aggregate import TableAggregate, TableCount, TableReduce
from streamkit.operators.table_filter import TableFilter
from streamkit.operators.table_map_values import TableMapValues
from streamkit.operators.table_select import TableSelect
from streamkit.operators.table_source import TableSource
from streamkit.operators.table_table_join import TableJoinMerge, TableTableJoin
from streamkit.operators.table_to_stream import TableToStream
from streamkit.operators.time_window import TimeWindowAggregate
from streamkit.serde import IntegerSerde, JsonSerde, StringSerde
from streamkit.state import StoreKind, StoreSpec
from streamkit.state.store import TimestampedKeyValueStore


def spec(value: Any = None) -> StoreSpec:
    return StoreSpec(
        "store", StoreKind.TIMESTAMPED_KEY_VALUE, StringSerde(), value or IntegerSerde()
    )


def test_source_table_applies_updates_in_order_whatever_their_timestamps() -> None:
    lab = Lab(TableSource("store", send_old=True), spec())
    assert lab.send("a", 1, 10) == [Sent("a", Change(None, 1), 10)]
    assert lab.send("a", 2, 5) == [Sent("a", Change(1, 2), 5)]
    assert lab.send("a", None, 6) == [Sent("a", Change(2, None), 6)]
    assert lab.send(None, 3) == []
    assert lab.dropped == {"null key": 1}


def test_source_table_without_a_store_passes_updates_on() -> None:
    lab = Lab(TableSource(None))
    assert lab.send("a", 1, 10) == [Sent("a", Change(None, 1), 10)]
    assert lab.send("a", 2, 10) == [Sent("a", Change(None, 2), 10)]


def test_groups_are_told_apart_as_their_serdes_write_them() -> None:
    """To Python 1, 1.0 and True are equal: a row that went from one to the other would stay counted in both."""
    lab = Lab(TableSelect(lambda _, v: (v, v)))
    for old, new in ((1, True), (True, 1.0), ((1, "a"), (True, "a")), ({"n": 1}, {"n": 1.0})):
        assert lab.send("a", Change(old, new), 5) == [
            Sent(old, Change(old, None), 5),
            Sent(new, Change(None, new), 5),
        ]
    for same in (1, (1, [2]), {"n": {"m": "x"}}):
        assert lab.send("a", Change(same, same), 6) == [Sent(same, Change(same, same), 6)]


def test_filter_sends_a_tombstone_for_each_rejected_key_known_or_not() -> None:
    lab = Lab(TableFilter(lambda _, v: v > 10))
    assert lab.send("a", Change(None, 3), 1) == [Sent("a", Change(None, None), 1)]
    assert lab.send("a", Change(None, 30), 2) == [Sent("a", Change(None, 30), 2)]
    assert lab.send("a", Change(None, None), 3) == [Sent("a", Change(None, None), 3)]


def test_filter_leaves_needless_tombstones_out_where_old_values_come() -> None:
    lab = Lab(TableFilter(lambda _, v: v > 10, send_old=True))
    assert lab.send("a", Change(None, 3), 1) == []
    assert lab.send("a", Change(3, 30), 2) == [Sent("a", Change(None, 30), 2)]
    assert lab.send("a", Change(30, 5), 3) == [Sent("a", Change(30, None), 3)]


def test_materialized_filter_takes_old_values_from_its_own_store() -> None:
    lab = Lab(TableFilter(lambda _, v: v > 10, "store", send_old=True, negate=True), spec())
    assert lab.send("a", Change(99, 3), 1) == [Sent("a", Change(None, 3), 1)]
    assert lab.send("a", Change(99, 30), 2) == [Sent("a", Change(3, None), 2)]


def test_map_values_never_sees_deleted_rows() -> None:
    lab = Lab(TableMapValues(lambda v: v + 1, send_old=True))
    assert lab.send("a", Change(1, None), 1) == [Sent("a", Change(2, None), 1)]
    with_key = Lab(
        TableMapValues(lambda k, v: f"{k}{v}", "store", with_key=True), spec(StringSerde())
    )
    assert with_key.send("a", Change(None, 1), 1) == [Sent("a", Change(None, "a1"), 1)]


def test_to_stream_sends_the_new_value() -> None:
    assert Lab(TableToStream()).send("a", Change(1, None), 4) == [Sent("a", None, 4)]


def test_group_change_goes_as_two_records_old_first_and_as_one_in_the_same_group() -> None:
    lab = Lab(TableSelect(lambda _, v: (v["group"], v["n"])))
    red, blue = {"group": "red", "n": 1}, {"group": "blue", "n": 2}
    assert lab.send("a", Change(None, red), 1) == [Sent("red", Change(None, 1), 1)]
    assert lab.send("a", Change(red, blue), 2) == [
        Sent("red", Change(1, None), 2),
        Sent("blue", Change(None, 2), 2),
    ]
    more = {"group": "blue", "n": 5}
    assert lab.send("a", Change(blue, more), 3) == [Sent("blue", Change(2, 5), 3)]
    assert lab.send("a", Change(more, None), 4) == [Sent("blue", Change(5, None), 4)]
    assert lab.send("a", Change(None, {"group": None, "n": 5}), 5) == []


def test_table_aggregate_subtracts_then_adds() -> None:
    operator = TableAggregate(
        "store", str, lambda _, v, a: f"{a}+{v}", lambda _, v, a: f"{a}-{v}", send_old=True
    )
    lab = Lab(operator, spec(StringSerde()))
    assert lab.send("g", Change(None, 1), 5) == [Sent("g", Change(None, "+1"), 5)]
    assert lab.send("g", Change(1, 2), 3) == [Sent("g", Change("+1", "+1-1+2"), 5)]
    assert lab.send("h", Change(7, None), 3) == [Sent("h", Change(None, None), 3)]


def test_table_aggregate_that_was_deleted_begins_again() -> None:
    operator = TableAggregate("store", lambda: 0, lambda _, v, a: a + v, lambda *_: None)
    lab = Lab(operator, spec())
    lab.send("g", Change(None, 4), 1)
    assert lab.send("g", Change(4, 5), 2) == [Sent("g", Change(None, 5), 2)]
    assert lab.send("g", Change(5, None), 3) == [Sent("g", Change(None, None), 3)]


def test_table_count_and_reduce() -> None:
    count = Lab(TableCount("store"), spec())
    count.send("g", Change(None, "x"), 1)
    assert count.send("g", Change(None, "y"), 2) == [Sent("g", Change(None, 2), 2)]
    assert count.send("g", Change("x", None), 3) == [Sent("g", Change(None, 1), 3)]
    reduce = Lab(TableReduce("store", lambda a, b: a + b, lambda a, b: a - b), spec())
    assert reduce.send("g", Change(None, 4), 1) == [Sent("g", Change(None, 4), 1)]
    assert reduce.send("g", Change(4, 9), 0) == [Sent("g", Change(None, 9), 1)]


def test_views_are_computed_from_the_nearest_store() -> None:
    lab = Lab(TableSource("store"), spec())
    lab.send("a", 3, 7)
    lab.send("b", 30, 8)
    filtered = FilteredGetter(StoreGetter("store"), lambda _, v: v > 10, negate=False)
    getter = MappedGetter(filtered, lambda k, v: f"{k}{v}", with_key=True)
    getter.init(lab.context, "op")
    assert getter.get("a", None) is None
    assert getter.get("b", None) == ("b30", 8)
    assert getter.get("b", b"b") == ("b30", 8)
    assert getter.get("c", None) is None
    nothing = MappedGetter(StoreGetter("store"), lambda _: None, with_key=False)
    nothing.init(lab.context, "op")
    assert nothing.get("b", None) is None


def test_rows_of_a_windowed_table_are_found_by_key_and_window() -> None:
    windows = StoreSpec(
        "store",
        StoreKind.TIMESTAMPED_WINDOW,
        StringSerde(),
        JsonSerde(),
        retention_ms=1000,
        window_size_ms=10,
    )
    lab = Lab(TimeWindowAggregate("store", 10, 10, 0, CountFold), windows)
    lab.send("a", "x", 12)
    getter = WindowGetter("store")
    getter.init(lab.context, "op")
    assert getter.get(Windowed("a", Window(10, 20)), None) == (1, 12)
    assert getter.get(Windowed("a", Window(0, 10)), None) is None


def joined(left: Any, right: Any) -> str:
    return f"{left}+{right}"


def join_side(*, is_left: bool, keeps_left: bool, keeps_right: bool, send_old: bool = False) -> Lab:
    """One side of a join; the other side's table is `store`."""
    needs_left, needs_right = not keeps_right, not keeps_left
    operator = TableTableJoin(
        partial(StoreGetter, "store"),
        joined,
        is_left=is_left,
        needs_this=needs_left if is_left else needs_right,
        needs_other=needs_right if is_left else needs_left,
        send_old=send_old,
    )
    lab = Lab(operator, spec(StringSerde()))
    store = lab.stores["store"]
    assert isinstance(store, TimestampedKeyValueStore)
    store.put("both", "row", 50)
    return lab


def test_inner_table_join_needs_both_rows() -> None:
    lab = join_side(is_left=True, keeps_left=False, keeps_right=False, send_old=True)
    assert lab.send("both", Change("old", "new"), 7) == [
        Sent("both", Change("old+row", "new+row"), 50)
    ]
    assert lab.send("alone", Change(None, "new"), 7) == []
    assert lab.send("both", Change(None, None), 99) == [Sent("both", Change(None, None), 99)]


def test_left_table_join_keeps_left_rows() -> None:
    left = join_side(is_left=True, keeps_left=True, keeps_right=False)
    assert left.send("alone", Change(None, "new"), 7) == [
        Sent("alone", Change(None, "new+None"), 7)
    ]
    assert left.send("alone", Change(None, None), 7) == []
    right = join_side(is_left=False, keeps_left=True, keeps_right=False)
    assert right.send("both", Change("r", None), 7) == [Sent("both", Change(None, "row+None"), 50)]
    assert right.send("alone", Change(None, "r"), 7) == []


def test_outer_table_join_keeps_rows_of_both() -> None:
    right = join_side(is_left=False, keeps_left=True, keeps_right=True)
    assert right.send("alone", Change(None, "r"), 7) == [Sent("alone", Change(None, "None+r"), 7)]
    assert right.send("alone", Change("r", None), 8) == [Sent("alone", Change(None, None), 8)]


def test_out_of_order_updates_of_versioned_tables_are_not_joined() -> None:
    lab = join_side(is_left=True, keeps_left=True, keeps_right=True)
    assert lab.send("both", Change(None, "new", is_latest=False), 7) == []
    assert lab.dropped == {"out of order": 1}


def test_merged_join_is_stored() -> None:
    lab = Lab(TableJoinMerge("store"), spec(StringSerde()))
    assert lab.send("k", Change(None, "x"), 7) == [Sent("k", Change(None, "x"), 7)]
    store = lab.stores["store"]
    assert isinstance(store, TimestampedKeyValueStore)
    assert store.get("k") == ("x", 7)
