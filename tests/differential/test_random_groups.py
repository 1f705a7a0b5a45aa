"""Random programs of group requests are answered by the bundled broker as by Apache Kafka 4.3.0.

More by hand: `STREAMKIT_RANDOM_GROUPS=1000-1100 pytest -m kafka tests/differential/test_random_groups.py`
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from answer_differences import differences
from kafka_broker import KafkaBroker
from random_groups import GroupWorld, random_group_program

from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.kafka

_SEEDS = os.environ.get("STREAMKIT_RANDOM_GROUPS", "1-5")
_STEPS = 60


def test_random_group_programs_are_answered_as_by_apache_kafka(tmp_path: Path) -> None:
    first, _, last = _SEEDS.partition("-")
    with EmbeddedBroker() as ours, KafkaBroker(tmp_path / "kafka") as kafka:
        for seed in range(int(first), int(last)):
            program = random_group_program(seed, _STEPS)
            found = list(GroupWorld(ours.bootstrap, f"group{seed}").run(program))
            counts = [len(answers) for _, answers in found]
            answered = GroupWorld(kafka.bootstrap, f"group{seed}").run(program, counts)
            for (step, theirs), (_, answers) in zip(list(answered), found, strict=True):
                lines = list(itertools.islice(differences("", theirs, answers), 10))
                if any(".leader:" in line for line in lines):
                    break  # who leads after the leader has left is Apache Kafka's free choice
                assert not lines, "\n".join([f"seed {seed}, step {step}", *lines])
