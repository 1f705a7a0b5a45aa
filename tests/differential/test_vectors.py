"""The recorded answers of Kafka Streams 4.3.0: same topology, same records, same results.

`tests/vectors/README.md` tells what a case holds. The topologies are written with the public DSL from the
cases' prose, in the modules `topologies_*.py`: one function a case, named like it. A case is run on
RocksDB and in memory; what is compared is what each single input caused, in order and with timestamps, and
the content of the stores at the end. Cases whose operators don't exist yet have no function; `OPEN` lists
their families, so that one that falls out of the others is noticed, and one that is done too.

The table by family at the end of a run comes from `conftest.py`.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from streamkit.dsl import StreamsBuilder
from streamkit.model import Windowed
from streamkit.serde import Serde, SessionWindowedSerde, TimeWindowedSerde, serde_for
from streamkit.state import (
    KeyValueStore,
    SessionStore,
    StateStore,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    VersionedKeyValueStore,
    WindowStore,
)
from streamkit.testing.driver import TopologyTestDriver

VECTORS = Path(__file__).parents[1] / "vectors"

OPEN = {
    "foreign_key_inner": 2,
    "foreign_key_left": 2,
}
"""How many cases of which family wait for their operators."""

Case = dict[str, Any]
Build = Callable[[StreamsBuilder, Mapping[str, Any]], None]


def _cases() -> dict[str, Case]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}


def _builders() -> dict[str, Build]:
    found: dict[str, Build] = {}
    for path in sorted(Path(__file__).parent.glob("topologies_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.update({name: getattr(module, name) for name in CASES if hasattr(module, name)})
    return found


CASES = _cases()
BUILDERS = _builders()


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


def encoded(kind: str, value: Any) -> bytes | None:
    """The bytes that Kafka Streams got; not by our serdes, which are under test here too."""
    if value is None:
        return None
    if kind == "long":
        return int(value).to_bytes(8, "big", signed=True)
    if kind == "json":
        return json.dumps(value).encode()
    return str(value).encode()


def written(driver: TopologyTestDriver, case: Case, topic: str) -> Iterator[dict[str, Any]]:
    types = case["types"]["outputs"][topic]
    key, value = serde(case, types["key"]), serde(case, types["value"])
    for record in driver.read_all(topic, key=key, value=value):
        shown = record.key
        if isinstance(shown, Windowed):
            shown = {"key": shown.key, "start": shown.start_ms, "end": shown.end_ms}
        yield {"topic": topic, "key": shown, "value": record.value, "ts": record.timestamp_ms}


def serde(case: Case, kind: str) -> Serde[Any]:
    if kind == "windowed":
        params = case["params"]
        if "gap_ms" in params:
            return SessionWindowedSerde(serde_for(str))
        size = params["size_ms"] if "size_ms" in params else params["time_difference_ms"]
        return TimeWindowedSerde(serde_for(str), size)
    return serde_for({"string": str, "long": int, "json": dict}[kind])


def content(store: StateStore, case: Case) -> list[dict[str, Any]]:
    """What the store holds, as the vectors write it: sorted by key, start, end."""
    return sorted(
        _entries(store, case), key=lambda entry: tuple(entry.values())[:3][: _sorted_by(entry)]
    )


def _sorted_by(entry: dict[str, Any]) -> int:
    return 3 if "start" in entry else 1


def _entries(store: StateStore, case: Case) -> Iterator[dict[str, Any]]:
    if isinstance(store, TimestampedKeyValueStore):
        for key, (value, timestamp) in store.all():
            yield {"key": key, "value": value, "ts": timestamp}
    elif isinstance(store, KeyValueStore):
        for key, value in store.all():
            yield {"key": key, "value": value}
    elif isinstance(store, TimestampedWindowStore):
        for window, (value, timestamp) in store.all():
            yield {**_span(window), "value": value, "ts": timestamp}
    elif isinstance(store, (WindowStore, SessionStore)):
        for window, value in store.all():
            yield {**_span(window), "value": value}
    elif isinstance(store, VersionedKeyValueStore):
        # The reference tells of past versions what look-ups at the times of the inputs found.
        times = [given["ts"] for given in case["inputs"]]
        for key in dict.fromkeys(key for key, _ in store.all()):
            found = [store.get(key), *(store.get(key, time) for time in times)]
            versions = {version.from_ms: version for version in found if version is not None}
            for start, version in sorted(versions.items()):
                yield {"key": key, "value": version.value, "from": start, "to": version.to_ms}
    else:
        raise AssertionError(f"no form for a {type(store).__name__}")


def _span(window: Windowed[str]) -> dict[str, Any]:
    return {"key": window.key, "start": window.start_ms, "end": window.end_ms}
