"""Random topologies on Kafka Streams 4.3.0 and on ours: the same records at every step, the same stores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, seed, settings
from java import java_available
from random_topologies import cases
from streams_oracle import StreamsOracle
from topology_json import Input, Node, answer

SEED = int(os.environ.get("ORACLE_SEED", "1"))
EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "150"))

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not java_available(), reason="needs a JVM and Kafka's jars"),
]


@pytest.fixture(scope="module")
def oracle() -> Iterator[StreamsOracle]:
    with StreamsOracle() as running:
        yield running


@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases())
def test_random_topology_gives_the_records_of_kafka_streams(
    oracle: StreamsOracle, case: tuple[list[Node], list[Input]]
) -> None:
    nodes, inputs = case
    expected = oracle.ask(nodes, inputs)
    assume("error" not in expected)
    check(nodes, inputs, expected, answer(nodes, inputs))


def check(
    nodes: Sequence[Node], inputs: Sequence[Input], expected: dict[str, Any], found: dict[str, Any]
) -> None:
    """Fails with a short report."""
    lines = [
        f"input {number} {list(inputs[number].values())}: Kafka Streams {theirs}, ours {ours}"
        for number, (theirs, ours) in enumerate(zip(expected["steps"], found["steps"], strict=True))
        if theirs != ours
    ]
    for store, rows in expected["stores"].items():
        if sorted(rows) != sorted(found["stores"][store]):
            lines.append(f"store {store}: Kafka Streams {rows}, ours {found['stores'][store]}")
    if lines:
        shown = [f"seed {SEED}", *map(json.dumps, nodes), *map(json.dumps, inputs), *lines]
        pytest.fail("\n".join(shown), pytrace=False)
