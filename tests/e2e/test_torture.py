"""The broker keeps its promises over kill -9 under load, and the checker that says so finds seeded bugs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[1] / "torture" / "main.py"

pytestmark = [pytest.mark.torture, pytest.mark.timeout(180)]


def tortured(tmp_path: Path, *options: str) -> tuple[int, list[str], dict[str, int]]:
    """Exit code, violations and figures of a run."""
    command = [sys.executable, str(PROGRAM), "--folder", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return done.returncode, report["violations"], report["figures"]


def test_nothing_promised_is_lost_when_the_broker_is_killed_again_and_again(tmp_path: Path) -> None:
    code, violations, figures = tortured(tmp_path, "--seconds", "25", "--seed", "25")
    assert violations == []
    assert code == 0
    for did in (
        "kills",
        "internal logs compacted",
        "records acknowledged",
        "records copied exactly once",
        "offset commits",
    ):
        assert figures[did] > 0, did


@pytest.mark.parametrize(
    ("bug", "symptoms"),
    [
        ("early-acknowledgement", ["an acknowledged record is lost"]),
        (
            "marker-left-out",
            [
                "a committed transaction isn't whole",
                "an aborted transaction is seen",
                "a transaction is left open",
            ],
        ),
        ("offset-commit-not-replayed", ["a committed offset went back"]),
    ],
)
def test_checker_finds_a_seeded_bug(tmp_path: Path, bug: str, symptoms: list[str]) -> None:
    # Loaded by others, the machine may need all of the 6 seconds for one start.
    run = ["--seconds", "6", "--kills", "3", "--bug", bug, "--patience", "8"]
    code, violations, _ = tortured(tmp_path, *run)
    kinds = {violation.partition(":")[0] for violation in violations}
    assert kinds & set(symptoms), violations
    assert code == 1
