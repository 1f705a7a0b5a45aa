"""What the live oracle once found to differ: the topologies, and what Kafka Streams 4.3.0 answered."""

from __future__ import annotations

from typing import Any

import pytest
from topology_json import Input, Node, answer, build


def given(key: str, value: str, timestamp: int, **rest: Any) -> Input:
    return {"topic": "in", "key": key, "value": value, "ts": timestamp, **rest}


def steps(nodes: list[Node], *inputs: Input, source: str = "stream", **details: Any) -> list[Any]:
    found: list[Any] = answer([{"op": source, "topic": "in", **details}, *nodes], inputs)["steps"]
    return found


def test_first_result_of_an_aggregation_takes_the_initial_one_out_of_its_group() -> None:
    """A count of counts subtracts a zero that was never added."""
    nodes: list[Node] = [
        {"op": "aggregate", "of": [0], "how": "count"},
        {"op": "table_group", "of": [1], "f": 2, "how": "count"},
        {"op": "to_stream", "of": [2]},
        {"op": "to", "of": [3], "topic": "out"},
    ]
    assert steps(
        nodes, given("a", "x", 3), given("c", "x", 59), given("a", "x", 29), given("b", "x", 0)
    ) == [
        [["out", "k", "1", 3]],
        [["out", "k", "1", 59]],
        [["out", "k", "1", 59]],
        [["out", "k", "1", 59]],
    ]


def test_window_that_ends_with_the_retention_is_still_emitted_when_it_closes() -> None:
    nodes: list[Node] = [
        {
            "op": "aggregate",
            "of": [0],
            "how": "reduce",
            "windows": {"grace": 20, "difference": 2},
            "on_close": True,
        },
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    assert steps(nodes, given("a", "x", 33), given("a", "yy", 30), given("a", "z", 54)) == [
        [],
        [],
        [["out", "a@28-30", "yy", 30], ["out", "a@31-33", "x", 33]],
    ]


def test_session_beyond_its_retention_is_still_emitted_when_it_closes() -> None:
    nodes: list[Node] = [
        {
            "op": "aggregate",
            "of": [0],
            "how": "count",
            "windows": {"grace": 0, "gap": 3},
            "on_close": True,
        },
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    assert steps(nodes, given("a", "x", 18), given("b", "x", 31)) == [
        [],
        [["out", "a@18-18", "1", 18]],
    ]


def test_late_session_within_its_segment_is_still_emitted_when_it_closes() -> None:
    """It comes as late as it may, where the store doesn't show it any more."""
    nodes: list[Node] = [
        {
            "op": "aggregate",
            "of": [0],
            "how": "count",
            "windows": {"grace": 0, "gap": 5},
            "on_close": True,
        },
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    assert steps(nodes, given("b", "x", 45), given("a", "x", 40), given("b", "x", 51)) == [
        [],
        [],
        [["out", "a@40-40", "1", 40], ["out", "b@45-45", "1", 45]],
    ]


def test_sessions_pass_no_headers_on() -> None:
    nodes: list[Node] = [
        {"op": "aggregate", "of": [0], "how": "count", "windows": {"grace": 0, "gap": 5}},
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    found = steps(nodes, given("a", "x", 3, headers=[["h", "1"]]))
    assert found == [[["out", "a@3-3", "1", 3]]]


def test_join_with_a_suppressed_table_finds_the_value_before() -> None:
    """So whatever is suppressed has to tell the old values of its changes."""
    nodes: list[Node] = [
        {"op": "suppress", "of": [0], "limit": 13, "full": "emit", "bytes": 108},
        {"op": "table_join", "how": "inner", "of": [0, 1]},
        {"op": "to_stream", "of": [2]},
        {"op": "to", "of": [3], "topic": "out"},
    ]
    inputs = (given("c", "mm", 140), given("b", "mm", 180), given("c", "l", 220))
    assert steps(nodes, *inputs, source="table") == [
        [],
        [["out", "c", "mm+mm", 140]],
        [["out", "b", "mm+mm", 180], ["out", "c", "l+mm", 220]],
    ]


def test_change_on_its_way_out_of_a_suppression_is_still_looked_up_as_waiting() -> None:
    nodes: list[Node] = [
        {"op": "suppress", "of": [0], "limit": 14, "full": "emit", "records": 2},
        {"op": "to_stream", "of": [1]},
        {"op": "to_table", "of": [2]},
        {"op": "suppress", "of": [3], "limit": 22, "full": "emit", "records": 1},
        {"op": "table_join", "how": "inner", "of": [4, 1]},
        {"op": "to_stream", "of": [5]},
        {"op": "to", "of": [6], "topic": "out"},
    ]
    inputs = (given("b", "mm", 140), given("a", "mm", 140), given("a", "l", 180))
    assert steps(nodes, *inputs, source="table") == [[], [], [["out", "b", "mm+mm", 140]]]


def test_record_that_fails_on_its_way_out_of_a_buffer_holds_up_no_other() -> None:
    """An app that continues after errors loses that record, once; the buffer goes on, and so do other branches."""
    nodes: list[Node] = [
        {"op": "stream", "topic": "in"},
        {"op": "to_table", "of": [0]},
        {"op": "suppress", "of": [1], "limit": 2, "full": "stop", "records": 1},
        {"op": "to_stream", "of": [2]},
        {"op": "raise", "of": [3], "at": "x"},
        {"op": "to", "of": [4], "topic": "out"},
        {"op": "to", "of": [0], "topic": "also"},
    ]
    inputs = [given(key, value, at) for key, value, at in (("d", "yx", 4), ("z", "l", 150))]
    inputs += [given(key, "m", 151) for key in "ab"] + [given("c", "n", 170)]
    assert answer(nodes, inputs, go_on=True)["steps"] == [
        [["also", "d", "yx", 4]],
        [["also", "z", "l", 150]],
        [["also", "a", "m", 151]],
        [["also", "b", "m", 151]],
        [
            ["out", "z", "l", 150],
            ["out", "a", "m", 151],
            ["out", "b", "m", 151],
            ["also", "c", "n", 170],
        ],
    ]


def test_timers_of_one_time_ring_in_the_order_of_javas_priority_queue() -> None:
    """The third before the second, which feeds it."""
    nodes: list[Node] = [
        {"op": "punctuate", "clock": "stream", "of": [0], "every": 22, "store": "one"},
        {"op": "punctuate", "clock": "stream", "of": [1], "every": 18, "store": "two"},
        {"op": "punctuate", "clock": "stream", "of": [2], "every": 4, "store": "three"},
        {"op": "to", "of": [3], "topic": "out"},
    ]
    assert steps(nodes, given("c", "v", 2)) == [[["out", "tick", "2", 2]]]


def test_left_join_with_earlier_records_only_waits_near_the_beginning_of_time() -> None:
    """A span that ends before 0 ends at 0."""
    nodes: list[Node] = [
        {
            "op": "stream_join",
            "of": [0, 0],
            "before": 6,
            "after": -2,
            "grace": 6,
            "how": "left",
        },
        {"op": "to", "of": [1], "topic": "out"},
    ]
    assert steps(nodes, given("b", "x", 0), given("b", "y", 9)) == [
        [],
        [["out", "b", "x+null", 0], ["out", "b", "y+null", 9]],
    ]


def test_count_of_sessions_with_options_but_no_store_takes_one_number_more() -> None:
    """As one of time windows does; one of sliding windows doesn't."""
    names = {}
    for windows in ({"gap": 5, "grace": 0}, {"difference": 5, "grace": 0}):
        nodes: list[Node] = [
            {"op": "stream", "topic": "in"},
            {"op": "aggregate", "of": [0], "how": "count", "windows": windows, "retention": 50},
        ]
        names.update(dict.fromkeys(build(nodes).build().stores, windows))
    assert names == {
        "KSTREAM-AGGREGATE-STATE-STORE-0000000002": {"gap": 5, "grace": 0},
        "KSTREAM-AGGREGATE-STATE-STORE-0000000001": {"difference": 5, "grace": 0},
    }


def test_stores_behind_a_suppressed_table_are_named_with_the_buffer_first() -> None:
    nodes: list[Node] = [
        {"op": "table", "topic": "in", "store": "rows"},
        {"op": "suppress", "of": [0], "limit": 2, "full": "emit"},
        {"op": "table", "topic": "more", "store": "more"},
        {"op": "table_join", "how": "inner", "of": [1, 2]},
    ]
    described = answer(nodes, [])["described"]
    assert "(stores: [KTABLE-SUPPRESS-STATE-STORE-0000000003, rows])" in described


@pytest.mark.parametrize(
    ("deleted_at", "latest"), [(10, "m+y"), (12, "m+null")], ids=["at its time", "later"]
)
def test_version_that_is_taken_back_leaves_no_trace(deleted_at: int, latest: str) -> None:
    """So what comes late is the latest, unless the deletion is a version of its own."""
    nodes: list[Node] = [
        {"op": "table", "topic": "in", "store": "rows", "history": 60, "kind": "versioned"},
        {"op": "stream", "topic": "more"},
        {"op": "stream_table_join", "how": "left", "of": [1, 0]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    inputs = [
        given("a", "x", 10),
        {**given("a", "", deleted_at), "value": None},
        given("a", "y", 4),
        {**given("a", "m", 16), "topic": "more"},
    ]
    assert answer(nodes, inputs)["steps"] == [[], [], [], [["out", "a", latest, 16]]]


TO: list[Node] = [{"op": "to", "of": [0], "topic": "out"}]


def test_extractors_of_records_without_a_timestamp() -> None:
    inputs = (given("a", "x", 7), given("a", "yy", -3), given("a", "z", 2))
    found = {
        name: [step[0][3] for step in steps(TO, *inputs, extractor=name) if step]
        for name in ("partition", "skip", "beyond")
    }
    assert found == {"partition": [7, 7, 2], "skip": [7, 2], "beyond": [8, 10, 11]}


@pytest.mark.parametrize("extractor", [{}, {"extractor": "fail"}, {"extractor": "partition"}])
@pytest.mark.parametrize("go_on", [False, True])
def test_record_whose_time_is_not_to_be_had_stops_any_app(
    extractor: dict[str, str], go_on: bool
) -> None:
    """Also one that continues after errors."""
    nodes = [{"op": "stream", "topic": "in", **extractor}, *TO]
    found = answer(nodes, [given("a", "x", -1), given("a", "y", 3)], go_on=go_on)
    assert "negative timestamp -1" in found["failed"]
    assert found["steps"] == []


def test_rows_of_a_global_table_have_the_time_that_the_program_says() -> None:
    """Kafka Streams gives them that of their records: one of our differences (docs/decisions/0001)."""
    nodes: list[Node] = [{"op": "global", "topic": "in", "store": "rows", "earlier": 5}]
    assert answer(nodes, [given("a", "x", 7)])["stores"] == {"rows": [["a", "x", 2]]}


@pytest.mark.parametrize(
    ("windows", "closes_at", "first", "again"),
    [
        ({"difference": 6, "grace": 4}, 14, "a@4-10", "a@4-10"),
        ({"gap": 5, "grace": 4}, 19, "a@10-10", "a@9-10"),
    ],
    ids=["sliding", "session"],
)
def test_window_that_goes_out_at_the_time_of_its_close_goes_out_again_with_late_records(
    windows: dict[str, int], closes_at: int, first: str, again: str
) -> None:
    """Sliding windows and sessions still take records then."""
    nodes: list[Node] = [
        {"op": "aggregate", "of": [0], "how": "reduce", "windows": windows, "retention": 100},
        {"op": "suppress_close", "of": [1]},
        {"op": "windowed_to_stream", "of": [2]},
        {"op": "to", "of": [3], "topic": "out"},
    ]
    inputs = (given("a", "x", 10), given("b", "y", closes_at), given("a", "z", 9))
    assert steps(nodes, *inputs) == [
        [],
        [["out", first, "x", 10]],
        [["out", again, "x,z", 10]],
    ]


def test_filter_of_cogrouped_windows_below_a_table_with_history_leaves_no_tombstone_out() -> None:
    """Cogrouped windows don't say that they have no history, so Kafka Streams asks the tables above."""
    nodes: list[Node] = [
        {
            "op": "cogroup",
            "of": [0],
            "f": 0,
            "by": [None],
            "store": "rows",
            "kind": "versioned",
            "history": 60,
        },
        {"op": "to_stream", "of": [1]},
        {"op": "cogroup", "of": [2], "f": 0, "by": [None], "windows": {"size": 10, "grace": 0}},
        {"op": "windowed_filter", "of": [3], "f": 2},
        {"op": "windowed_to_stream", "of": [4]},
        {"op": "to", "of": [5], "topic": "out"},
    ]
    inputs = (given("a", "x", 1), given("a", "y", 2))
    assert steps(nodes, *inputs) == [[["out", "a@0-10", None, 1]], [["out", "a@0-10", None, 2]]]
