"""Windows that close after jumps of stream time, and bounds of buffers in bytes, beside Kafka Streams itself.

With the retention that is the default, a window that stream time has jumped over is lost to emission on
close: Kafka Streams loses it too, and these are the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streams_oracle import StreamsOracle
from topology_json import Input, Node, answer

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

WINDOWS: tuple[dict[str, int], ...] = (
    {"size": 10, "grace": 0},
    {"size": 10, "grace": 3},
    {"size": 10, "advance": 4, "grace": 2},
    {"difference": 5, "grace": 0},
    {"difference": 5, "grace": 4},
    {"gap": 5, "grace": 0},
    {"gap": 5, "grace": 7},
)


@pytest.fixture(scope="module")
def oracle() -> Iterator[StreamsOracle]:
    with StreamsOracle() as oracle:
        yield oracle


def given(key: str, value: str | None, timestamp: int, **headers: str) -> Input:
    return {
        "topic": "in",
        "key": key,
        "value": value,
        "ts": timestamp,
        "headers": [[name, text] for name, text in headers.items()],
    }


def agree(oracle: StreamsOracle, nodes: list[Node], inputs: list[Input]) -> Any:
    """The steps that both have."""
    theirs = oracle.ask({"nodes": nodes, "inputs": inputs, "backend": "rocksdb"})
    ours = answer(nodes, inputs)
    assert ours["steps"] == theirs["steps"]
    return ours["steps"]


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("retention", [None, 5000])
def test_windows_close_after_jumps_of_stream_time(
    oracle: StreamsOracle, windows: dict[str, int], retention: int | None
) -> None:
    node: Node = {
        "op": "aggregate",
        "of": [0],
        "how": "count",
        "windows": windows,
        "on_close": True,
    }
    if retention is not None:
        node["retention"] = retention
    nodes = [
        {"op": "stream", "topic": "in"},
        node,
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    for jump in (11, 15, 23, 40, 1000, 70_000, 200_000):
        inputs = [
            given("a", "x", 1),
            given("b", "x", 4),
            given("a", "x", 7),
            given("c", "x", 7 + jump),
            given("a", "x", 9 + jump),
            given("c", "x", 7 + 3 * jump),
        ]
        agree(oracle, nodes, inputs)


@pytest.mark.parametrize("how", ["inner", "left", "outer"])
def test_joins_with_window_stores_in_memory(oracle: StreamsOracle, how: str) -> None:
    """One side's store, or both: as with RocksDB, also where records come too late."""
    for stores in ({"this": "one-in-memory"}, {"this": "one-in-memory", "other": "two-in-memory"}):
        nodes: list[Node] = [
            {"op": "stream", "topic": "in"},
            {"op": "stream", "topic": "more"},
            {
                "op": "stream_join",
                "how": how,
                "of": [0, 1],
                "before": 4,
                "after": 6,
                "grace": 5,
                **stores,
            },
            {"op": "to", "of": [2], "topic": "out"},
        ]
        inputs = [
            {**given("a", f"{topic}{at}", at), "topic": topic}
            for at in (10, 13, 9, 25, 11, 3, 26, 60, 50, 44, 61)
            for topic in ("in", "more")
        ]
        assert any(agree(oracle, nodes, inputs))


OWN_WINDOWS: tuple[dict[str, Any], ...] = (
    {"lengths": [10, 10, 10, 10, 10], "grace": 0},
    {"lengths": [50, 7, 30, 20, 10], "grace": 0},
    {"lengths": [50, 7, 30, 20, 10], "grace": 4},
    {"lengths": [3, 39], "grace": 15},
)


@pytest.mark.parametrize("windows", OWN_WINDOWS, ids=str)
@pytest.mark.parametrize("how", ["count", "reduce", "aggregate"])
@pytest.mark.parametrize("final", [False, True])
def test_windows_of_ones_own(
    oracle: StreamsOracle, windows: dict[str, Any], how: str, final: bool
) -> None:
    """Lengths that differ, windows that overlap, and records in none of them."""
    nodes: list[Node] = [
        {"op": "stream", "topic": "in"},
        {"op": "aggregate", "of": [0], "how": how, "f": 1, "windows": windows, "store": "own"},
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    if final:
        nodes.insert(2, {"op": "suppress_close", "of": [1]})
        nodes[3]["of"], nodes[4]["of"] = [2], [3]
    times = (1, 12, 25, 19, 4, 33, 48, 36, 51, 49, 8, 64, 90, 71, 130, 101, 300)
    inputs = [given("ab"[at % 2], f"v{at}", at) for at in times]
    inputs[5]["value"] = None
    inputs[8]["key"] = None
    assert any(agree(oracle, nodes, inputs))


def test_both_refuse_to_emit_windows_of_ones_own_on_close(oracle: StreamsOracle) -> None:
    nodes: list[Node] = [
        {"op": "stream", "topic": "in"},
        {"op": "aggregate", "of": [0], "how": "count", "windows": OWN_WINDOWS[0], "on_close": True},
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    assert "only supported for TimeWindows" in oracle.ask({"nodes": nodes, "inputs": []})["error"]
    assert "emit_on_close works for windows of one length" in answer(nodes, [])["error"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("final", [False, True])
def test_days_of_a_time_zone(oracle: StreamsOracle, zone: str, final: bool) -> None:
    """Also those of 23 and 25 hours, and the first, which is cut off at 0."""
    hour = 3_600_000
    nodes: list[Node] = [
        {"op": "stream", "topic": "in"},
        {"op": "aggregate", "of": [0], "how": "count", "windows": {"zone": zone, "grace": hour}},
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    if final:
        nodes.insert(2, {"op": "suppress_close", "of": [1]})
        nodes[3]["of"], nodes[4]["of"] = [2], [3]
    inputs = [given("a", "x", 1)]
    for change in (1_710_046_800_000, 1_711_760_400_000, 1_729_983_600_000, 1_730_606_400_000):
        inputs += [given("ab"[at % 2], "x", change + at * hour) for at in range(0, 60, 3)]
        inputs += [given("a", "x", change + at * hour) for at in (58, 56, 55)]
    assert any(agree(oracle, nodes, inputs))


@pytest.mark.parametrize("start", [0, 5])
def test_unlimited_windows(oracle: StreamsOracle, start: int) -> None:
    nodes: list[Node] = [
        {"op": "stream", "topic": "in"},
        {"op": "aggregate", "of": [0], "how": "count", "windows": {"from": start}},
        {"op": "windowed_to_stream", "of": [1]},
        {"op": "to", "of": [2], "topic": "out"},
    ]
    inputs = [given("a", "x", at) for at in (1, 70_000_000, 4, 7, 2**61, 3)]
    assert any(agree(oracle, nodes, inputs))


def test_bytes_that_wait_are_counted_as_kafka_streams_does(oracle: StreamsOracle) -> None:
    """Each bound lets the same records go early: keys, values, headers and topic count the same."""
    early = set()
    for most in range(22, 160, 3):
        nodes: list[Node] = [
            {"op": "table", "topic": "in"},
            {"op": "suppress", "of": [0], "limit": 100_000, "bytes": most, "full": "emit"},
            {"op": "to_stream", "of": [1]},
            {"op": "to", "of": [2], "topic": "out"},
        ]
        inputs = [
            given("aé", "v1", 1, h="x"),
            given("b", "v", 4),
            given("aé", "v22", 7, hé="xyz"),
            given("b", None, 7),
            given("c", "ccc", 9),
        ]
        early.add(repr(agree(oracle, nodes, inputs)))
    assert len(early) > 4
