"""The vectors of Kafka Streams 4.3.0, the topologies that the tests write for them, and their forms of data.

`CASES` holds every vector by name, `BUILDERS` the topology of each: a function of that name in one of
`tests/differential/topologies_*.py`, written with the public DSL from the case's prose.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

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

__all__ = ["BUILDERS", "CASES", "VECTORS", "Case", "content", "encoded", "serde", "shown_key"]

VECTORS = Path(__file__).parents[1] / "vectors"
_TOPOLOGIES = Path(__file__).parents[1] / "differential"

Case = dict[str, Any]
Build = Callable[[StreamsBuilder, Mapping[str, Any]], None]


def _cases() -> dict[str, Case]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}


def _builders() -> dict[str, Build]:
    found: dict[str, Build] = {}
    for path in sorted(_TOPOLOGIES.glob("topologies_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.update({name: getattr(module, name) for name in CASES if hasattr(module, name)})
    return found


CASES = _cases()
BUILDERS = _builders()


def encoded(kind: str, value: Any) -> bytes | None:
    """The bytes that Kafka Streams got; not by our serdes, which are under test here too."""
    if value is None:
        return None
    if kind == "long":
        return int(value).to_bytes(8, "big", signed=True)
    if kind == "json":
        return json.dumps(value).encode()
    return str(value).encode()


def shown_key(key: Any) -> Any:
    """A key as the vectors write it."""
    if isinstance(key, Windowed):
        return {"key": key.key, "start": key.start_ms, "end": key.end_ms}
    return key


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
