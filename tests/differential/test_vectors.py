"""The recorded answers of Kafka Streams 4.3.0: same topology, same records, same results.

`tests/vectors/README.md` tells what a case holds. The topologies are written with the public DSL from the
cases' prose, in the modules `topologies_*.py`: one function a case, named like it. A case is run on
RocksDB and in memory; what is compared is what each single input caused, in order and with timestamps, and
the content of the stores at the end. Cases whose operators don't exist yet have no function; `OPEN` lists
their families, so that one that falls out of the others is noticed, and one that is done too.

The table by family at the end of a run comes from `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from vector_cases import BUILDERS, CASES, Case, content, encoded, serde, shown_key

from streamkit.dsl import StreamsBuilder
from streamkit.testing.driver import TopologyTestDriver

OPEN: dict[str, int] = {}
"""How many cases of which family wait for their operators."""


def test_open_cases_are_the_known_ones() -> None:
    waiting: dict[str, int] = {}
    for name, case in CASES.items():
        if name not in BUILDERS:
            waiting[case["family"]] = waiting.get(case["family"], 0) + 1
    assert waiting == OPEN


@pytest.mark.parametrize("backend", ["rocksdb", "memory"])
@pytest.mark.parametrize("name", BUILDERS)
def test_results_equal_those_of_kafka_streams(name: str, backend: str) -> None:
    case = CASES[name]
    builder = StreamsBuilder()
    BUILDERS[name](builder, case["params"])
    with TopologyTestDriver(builder, backend=backend) as driver:
        for number, given in enumerate(case["inputs"]):
            feed(driver, case, given)
            caused = [
                record
                for topic in case["types"]["outputs"]
                for record in written(driver, case, topic)
            ]
            assert caused == case["steps"][number], f"input {number}: {given}"
        for store in case["types"]["stores"]:
            assert content(driver.store(store), case) == case["stores"][store]


def feed(driver: TopologyTestDriver, case: Case, given: dict[str, Any]) -> None:
    if "advance_wall_clock_ms" in given:
        driver.advance_wall_clock(given["advance_wall_clock_ms"])
        return
    topic = given["topic"]
    types = case["types"]["inputs"][topic]
    key = encoded(types["key"], given["key"])
    value = encoded(types["value"], given["value"])
    driver.pipe_raw(topic, key, value, given["ts"])


def written(driver: TopologyTestDriver, case: Case, topic: str) -> Iterator[dict[str, Any]]:
    types = case["types"]["outputs"][topic]
    key, value = serde(case, types["key"]), serde(case, types["value"])
    for record in driver.read_all(topic, key=key, value=value):
        shown = shown_key(record.key)
        yield {"topic": topic, "key": shown, "value": record.value, "ts": record.timestamp_ms}
