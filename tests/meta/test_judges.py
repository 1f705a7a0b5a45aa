"""A judge that isn't there: its tests are skipped, or fail where all judges are wanted, as in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import java
import judges
import pytest

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / ".ci" / "run"
INSTALL = {
    "java": "the JDK of Java 17; Maven, which fetches Kafka's jars",
    "kafka-tools": "the JDK of Java 17; Maven, which fetches Kafka's jars",
    "kcat": "kcat, or apt-get to fetch it",
    "kafkajs": "Node.js; npm, which comes with Node.js",
    "franz-go": "Go",
}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any program; the folder is the only one that is searched for them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(java, "_COMPLETE", tmp_path / "lib.complete")
    return tmp_path


def install(folder: Path, *programs: str) -> None:
    for program in programs:
        (folder / program).touch(mode=0o755)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("judge", INSTALL)
@pytest.mark.parametrize("wanted", [None, "", "0"])
def test_tests_of_a_judge_that_is_missing_are_skipped(
    monkeypatch: pytest.MonkeyPatch, judge: str, wanted: str | None
) -> None:
    monkeypatch.delenv(judges.ALL_JUDGES, raising=False)
    if wanted is not None:
        monkeypatch.setenv(judges.ALL_JUDGES, wanted)
    with pytest.raises(pytest.skip.Exception) as skipped:
        judges.need(judge)
    assert str(skipped.value) == f"{judge} needs {INSTALL[judge]}"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("judge", INSTALL)
def test_tests_of_a_judge_that_is_missing_fail_where_all_are_wanted(
    monkeypatch: pytest.MonkeyPatch, judge: str
) -> None:
    monkeypatch.setenv(judges.ALL_JUDGES, "1")
    with pytest.raises(pytest.fail.Exception) as failed:
        judges.need(judge)
    assert str(failed.value) == (
        f"STREAMKIT_ALL_JUDGES wants {judge} to be asked: install {INSTALL[judge]}"
    )


@pytest.mark.parametrize(
    ("judge", "programs"),
    [
        ("java", ["java", "mvn"]),
        ("java", ["java", "lib.complete"]),
        ("kafka-tools", ["java", "mvn"]),
        ("kcat", ["kcat"]),
        ("kcat", ["apt-get"]),
        ("kafkajs", ["node", "npm"]),
        ("franz-go", ["go"]),
    ],
)
def test_a_judge_that_is_there_is_asked(
    monkeypatch: pytest.MonkeyPatch, bare: Path, judge: str, programs: list[str]
) -> None:
    monkeypatch.setenv(judges.ALL_JUDGES, "1")
    install(bare, *programs[1:])
    if programs[1:]:
        with pytest.raises(pytest.fail.Exception):
            judges.need(judge)
    install(bare, *programs[:1])
    judges.need(judge)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("", "1 skipped"), ("1", "STREAMKIT_ALL_JUDGES wants java to be asked: install the JDK")],
)
def test_tests_that_are_marked_kafka_need_java(tmp_path: Path, wanted: str, told: str) -> None:
    """In a run of its own, on a machine without programs: Apache Kafka isn't even started."""
    test = "tests/meta/test_api_table.py::test_page_lists_what_apache_kafka_announces"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", test],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path), judges.ALL_JUDGES: wanted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (wanted == "")
    assert told in done.stdout


@pytest.mark.skipif(not CI.exists(), reason="reads the sources of a checkout; this run has none")
def test_ci_wants_all_judges() -> None:
    assert f"\nexport {judges.ALL_JUDGES}=1\n" in CI.read_text(encoding="utf-8")
