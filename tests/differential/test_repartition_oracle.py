"""Topologies full of new keys: repartition topics, merged or not, and self joins, beside Kafka Streams itself.

What is compared is the description. Where Kafka Streams 4.3 stops with an error that is a bug of its own, there is
nothing to compare; below merged streams, it may move a topic too far (docs/decisions/0001), so streams are merged
only without optimization.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from streams_oracle import StreamsOracle
from topology_json import Node, build

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

SEEDS = 40
ITS_OWN_BUG = "Found a null keyChangingChild node"
STREAM_OPERATORS = (
    *("select_key", "map", "filter", "map_values", "peek", "repartition", "merge"),
    *("aggregate", "aggregate", "aggregate by", "join", "self join", "table join", "to_table"),
    *("process", "process_values", "to"),
)


@pytest.fixture(scope="module")
def oracle() -> Iterator[StreamsOracle]:
    with StreamsOracle() as oracle:
        yield oracle


class Program:
    """Random operators on the streams that there are, most often on a recent one."""

    def __init__(self, random: Random, *, merges: bool) -> None:
        self.nodes: list[Node] = []
        self._random = random
        self._merges = merges
        self._tables: list[int] = []
        self._streams = [self._add("stream", topic=f"in{n}") for n in range(random.randint(1, 3))]
        if random.random() < 0.5:
            self._tables.append(self._add("table", topic="rows", store="rows"))
        for _ in range(random.randint(3, 14)):
            self._operator(random.choice(STREAM_OPERATORS))

    def _add(self, op: str, **options: Any) -> int:
        self.nodes.append({"op": op, **options})
        return len(self.nodes) - 1

    def _operator(self, op: str) -> None:
        random = self._random
        recent = self._streams[-4:] if random.random() < 0.6 else self._streams
        stream = random.choice(recent)
        store = f"store{len(self.nodes)}"
        windows = {"before": 5, "after": 5, "grace": 0}
        how = random.choice(["inner", "left", "outer"])
        if op in ("select_key", "map", "filter", "map_values"):
            self._streams.append(self._add(op, of=[stream], f=0))
        elif op in ("peek", "repartition"):
            self._streams.append(self._add(op, of=[stream]))
        elif op == "merge" and self._merges:
            self._streams.append(self._add(op, of=[stream, random.choice(self._streams)]))
        elif op.startswith("aggregate"):
            by = 0 if op == "aggregate by" else None
            table = self._add("aggregate", of=[stream], how="reduce", by=by, f=0, store=store)
            self._tables.append(table)
            if random.random() < 0.5:
                self._streams.append(self._add("to_stream", of=[table]))
        elif op in ("join", "self join"):
            other = stream if op == "self join" else random.choice(self._streams)
            self._streams.append(self._add("stream_join", of=[stream, other], how=how, **windows))
        elif op == "table join" and self._tables:
            tables = [stream, random.choice(self._tables)]
            how = random.choice(["inner", "left"])
            self._streams.append(self._add("stream_table_join", of=tables, how=how))
        elif op == "to_table":
            self._tables.append(self._add(op, of=[stream], store=store))
        elif op in ("process", "process_values"):
            self._streams.append(self._add(op, of=[stream], f=0, store=store, kind="plain"))
        elif op == "to":
            self._add(op, of=[stream], topic=f"out-{store}")


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
def test_descriptions_are_kafka_streams_own(oracle: StreamsOracle, optimize: bool) -> None:
    compared = changed = 0
    for seed in range(SEEDS):
        nodes = Program(Random(seed), merges=not optimize).nodes
        theirs = oracle.ask({"nodes": nodes, "inputs": [], "optimize": optimize})
        if ITS_OWN_BUG in theirs.get("error", ""):
            continue
        builder = build(nodes)
        ours = str(builder.build(optimize=optimize).describe())
        assert ours == theirs["described"], (seed, nodes)
        compared += 1
        changed += ours != str(builder.build().describe())
    assert compared > SEEDS * 0.8
    assert not optimize or changed > SEEDS / 5
