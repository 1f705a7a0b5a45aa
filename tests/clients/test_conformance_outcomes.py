"""What is kept of the conformance suite from one run to the next."""

from __future__ import annotations

from pathlib import Path

import conformance_outcomes


def test_outcomes_are_kept_for_the_same_sources_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "outcomes.json"
    assert conformance_outcomes.load("a", path) == {}
    conformance_outcomes.save("a", {("kcat", "acks"): {"passed"}}, path)
    conformance_outcomes.save("a", {("java", "acks"): {"passed", "skipped"}}, path)
    assert conformance_outcomes.load("a", path) == {
        ("kcat", "acks"): {"passed"},
        ("java", "acks"): {"passed", "skipped"},
    }
    assert conformance_outcomes.load("b", path) == {}
    conformance_outcomes.save("b", {}, path)
    assert conformance_outcomes.load("a", path) == {}


def test_a_damaged_file_is_as_none(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.json"
    path.write_text("{")
    assert conformance_outcomes.load("a", path) == {}


def test_digest_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = conformance_outcomes.digest([tmp_path])
    (tmp_path / "a.py").write_text("2")
    second = conformance_outcomes.digest([tmp_path])
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    third = conformance_outcomes.digest([tmp_path])
    assert len({first, second, third}) == 3
    (tmp_path / "other.txt").write_text("3")
    assert conformance_outcomes.digest([tmp_path]) == third
