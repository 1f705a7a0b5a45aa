"""What the live oracle once found to differ: the topologies, and what Kafka Streams 4.3.0 answered."""

from __future__ import annotations

from typing import Any

from topology_json import Input, Node, answer


def given(key: str, value: str, timestamp: int) -> Input:
    return {"topic": "in", "key": key, "value": value, "ts": timestamp}


def steps(nodes: list[Node], *inputs: Input) -> list[Any]:
    found: list[Any] = answer([{"op": "stream", "topic": "in"}, *nodes], inputs)["steps"]
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
