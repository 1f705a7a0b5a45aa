"""Operators without state: what goes on, in which order, with which timestamp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from operator_lab import Capture, Lab, Sent

from streamkit.errors import TopologyError
from streamkit.operators.branch import StreamBranch
from streamkit.operators.drop_null_key import DropNullKey
from streamkit.operators.filter import StreamFilter
from streamkit.operators.flat_map import FlatMap
from streamkit.operators.flat_map_values import FlatMapValues, FlatMapValuesWithKey
from streamkit.operators.map import StreamMap
from streamkit.operators.map_values import MapValues, MapValuesWithKey
from streamkit.operators.pass_through import PassThrough
from streamkit.operators.peek import ForEach, Peek
from streamkit.operators.print import PrintRecords, printed_file
from streamkit.operators.select_key import SelectKey


def test_filter_passes_what_the_predicate_accepts_by_truth() -> None:
    lab = Lab(StreamFilter(lambda _key, value: value))
    assert lab.send("a", 3, 7) == [Sent("a", 3, 7)]
    assert lab.send("a", 0) == []
    assert lab.send(None, None) == []


def test_filter_not_passes_the_others() -> None:
    lab = Lab(StreamFilter(lambda _key, value: value, negate=True))
    assert lab.send("a", 3) == []
    assert lab.send(None, None, 5) == [Sent(None, None, 5)]


def test_null_keys_are_dropped_before_a_repartition_topic_unless_kept() -> None:
    assert Lab(DropNullKey()).send(None, "v") == []
    assert Lab(DropNullKey()).send("k", None, 1) == [Sent("k", None, 1)]
    assert Lab(DropNullKey(keep=True)).send(None, "v", 2) == [Sent(None, "v", 2)]


def test_map_replaces_key_and_value() -> None:
    assert Lab(StreamMap(lambda k, v: (v, k))).send("a", "b", 4) == [Sent("b", "a", 4)]


def test_select_key_leaves_the_value() -> None:
    lab = Lab(SelectKey(lambda _, value: value and value[0]))
    assert lab.send(None, "word", 4) == [Sent("w", "word", 4)]
    assert lab.send("k", None, 4) == [Sent(None, None, 4)]


def test_map_values_calls_the_function_with_null_too() -> None:
    assert Lab(MapValues(str)).send("k", None, 4) == [Sent("k", "None", 4)]
    assert Lab(MapValuesWithKey(lambda k, v: f"{k}{v}")).send("k", 1) == [Sent("k", "k1", 0)]


def test_flat_map_sends_each_pair_in_order() -> None:
    lab = Lab(FlatMap(lambda k, v: [(k + str(i), i) for i in range(v)]))
    assert lab.send("k", 2, 9) == [Sent("k0", 0, 9), Sent("k1", 1, 9)]
    assert lab.send("k", 0) == []


def test_flat_map_values_keeps_the_key() -> None:
    assert Lab(FlatMapValues(str.split)).send("k", "a b", 9) == [
        Sent("k", "a", 9),
        Sent("k", "b", 9),
    ]
    assert Lab(FlatMapValuesWithKey(lambda k, v: (k, v))).send("k", "v") == [
        Sent("k", "k", 0),
        Sent("k", "v", 0),
    ]


def test_peek_sees_the_record_before_it_goes_on_and_for_each_ends_it() -> None:
    seen: list[Any] = []
    lab = Lab(Peek(lambda k, v: seen.append((k, v))))
    assert lab.send("k", "v", 3) == [Sent("k", "v", 3)]
    assert Lab(ForEach(lambda k, v: seen.append((v, k)))).send("k", "v") == []
    assert seen == [("k", "v"), ("v", "k")]


def test_print_writes_a_line_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    Lab(PrintRecords("label")).send("k", 1)
    Lab(PrintRecords("other", lambda k, v: f"{k}->{v}")).send("k", 1)
    assert capsys.readouterr().out == "[label]: k, 1\n[other]: k->1\n"


def test_print_adds_lines_to_a_file_that_tasks_share(tmp_path: Path) -> None:
    path = printed_file(tmp_path / "records.txt")
    one, other = (Lab(PrintRecords("label", file=path)) for _ in range(2))
    one.send("k", "é")
    other.send("l", 2)
    assert Path(path).read_text(encoding="utf-8") == "[label]: k, é\n[label]: l, 2\n"
    for lab in (one, other):
        lab.operator.close()
    with pytest.raises(TopologyError, match="folder that is there"):
        printed_file(tmp_path / "none" / "records.txt")


def test_record_goes_to_the_first_branch_that_takes_it_else_to_the_default() -> None:
    big, mid, rest = Capture("s-big"), Capture("s-mid"), Capture("s-rest")
    predicates = [lambda _, v: v > 50, lambda _, v: v > 10]
    # Children stand in another order than branches, as where another node was added in between.
    lab = Lab(StreamBranch(predicates, ["s-big", "s-mid", "s-rest"]), below=[rest, big, mid])
    for value in (60, 20, 5):
        lab.send("k", value)
    assert [capture.take() for capture in (big, mid, rest)] == [
        [Sent("k", 60, 0)],
        [Sent("k", 20, 0)],
        [Sent("k", 5, 0)],
    ]


def test_record_that_no_branch_takes_is_dropped_without_a_default() -> None:
    only = Capture("s-1")
    Lab(StreamBranch([lambda _, v: v > 50], ["s-1"]), below=[only]).send("k", 1)
    assert only.take() == []


def test_children_get_a_record_one_after_the_other() -> None:
    order: list[str] = []
    below = [Peek(lambda *_: order.append("first")), Peek(lambda *_: order.append("second"))]
    Lab(PassThrough(), below=list(below)).send("k", "v")
    assert order == ["first", "second"]
