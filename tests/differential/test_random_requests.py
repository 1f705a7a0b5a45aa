"""Random programs of requests are answered by the bundled broker as by Apache Kafka 4.3.0.

Programs that once had different answers are kept with Apache Kafka's, and run without it too. More by hand:

    STREAMKIT_RANDOM_REQUESTS=1000-1300 pytest -m kafka tests/differential/test_random_requests.py
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from answer_differences import differences
from kafka_broker import KafkaBroker
from random_programs import Step, random_program
from random_world import World
from wire_client import WireClient

from streamkit.testing import EmbeddedBroker

_SEEDS = os.environ.get("STREAMKIT_RANDOM_REQUESTS", "1-16")
_STEPS = 80
_KEPT = Path(__file__).parents[1] / "golden" / "random_requests.json.gz"
_FOUND_BY = (
    0,
    2,
    3,
    4,
    6,
    7,
    8,
    10,
    11,
    12,
    13,
    15,
    16,
    17,
    19,
    21,
    24,
    25,
    37,
    118,
    200,
    220,
    258,
    1104,
    1133,
    1209,
    1221,
    1230,
)
"""Seeds that once found something; `python tests/differential/test_random_requests.py` keeps them anew."""


@pytest.mark.parametrize("seed", [str(seed) for seed in _FOUND_BY])
def test_programs_that_found_something_are_answered_as_by_apache_kafka(
    seed: str, broker: str, kept: dict[str, Any]
) -> None:
    program, expected = kept[seed]["program"], kept[seed]["answers"]
    with WireClient(broker, timeout=30) as client:
        found = json.loads(json.dumps(list(World(client, f"kept{seed}-").run(program))))
    assert_same(f"seed {seed}", zip(expected, found, strict=True))


@pytest.mark.kafka
def test_random_programs_are_answered_as_by_apache_kafka(broker: str, tmp_path: Path) -> None:
    first, _, last = _SEEDS.partition("-")
    with KafkaBroker(tmp_path / "kafka") as kafka:
        for seed in range(int(first), int(last)):
            program = random_program(seed, _STEPS)
            expected, found = (answers(each, seed, program) for each in (kafka.bootstrap, broker))
            assert_same(f"seed {seed}", zip(expected, found, strict=True))


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(_KEPT.read_bytes()))
    return found


def answers(
    bootstrap: str, seed: int, program: Sequence[Step], prefix: str = "live"
) -> Iterator[tuple[str, Any]]:
    with WireClient(bootstrap, timeout=30) as client:
        yield from World(client, f"{prefix}{seed}-").run(program)


def assert_same(what: str, pairs: Iterable[tuple[Sequence[Any], Sequence[Any]]]) -> None:
    """Each step's answers are equal, up to the first difference that is known and goes on in later steps."""
    trimmed = False
    for (step, expected), (_, found) in pairs:
        trimmed |= " delete records " in step
        lines = list(itertools.islice(differences("", expected, found), 10))
        kind = step.split()[1]
        if lines and kind == "end" and _is_taken_for_repetition(expected, found):
            return
        if (
            lines
            and trimmed
            and kind == "offsets"
            and "'at': -" not in step.replace("'at': -3", "")
        ):
            # By time Apache Kafka also finds records that DeleteRecords has removed, or nothing on their account.
            continue
        assert not lines, "\n".join([f"{what}, step {step}", *lines])


def _is_taken_for_repetition(expected: Any, found: Any) -> bool:
    """Apache Kafka takes a fenced producer's EndTxn of version 5 for a repetition, if the id's producer ended by an older one.

    It may answer that the transaction was committed, which it wasn't: ours says that the producer is fenced.
    """
    return expected["error_code"] in (0, 48) and found["error_code"] == 90


def _keep(folder: Path) -> None:
    """Write the programs of `_FOUND_BY` with Apache Kafka's answers."""
    programs = {seed: random_program(seed, _STEPS) for seed in _FOUND_BY}
    with KafkaBroker(folder) as kafka:
        found = {
            str(seed): {
                "program": program,
                "answers": list(answers(kafka.bootstrap, seed, program, "kept")),
            }
            for seed, program in programs.items()
        }
    _KEPT.write_bytes(gzip.compress(json.dumps(found).encode(), 9, mtime=0))


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _keep(Path(folder) / "kafka")
