"""After the results: the vectors by family, and what the live oracle covered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

_FILE = "test_vectors.py"
_VECTORS = Path(__file__).parents[1] / "vectors"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for key, table in getattr(report, "user_properties", ()):
                if key == "oracle" and report.when == "call":
                    terminalreporter.section("the live oracle")
                    terminalreporter.write_line(str(table))
    outcomes: dict[str, set[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            path, _, test = report.nodeid.partition("::")
            if path.endswith(_FILE) and "[" in test:
                name = test.partition("[")[2].rstrip("]").rpartition("-")[0]
                outcomes.setdefault(name, set()).add(outcome)
    if not outcomes:
        return
    families: dict[str, list[str]] = {}
    for path in sorted(_VECTORS.glob("*.json")):
        seen = outcomes.get(path.stem, {"open"})
        state = "failed" if "failed" in seen else next(iter(seen))
        families.setdefault(json.loads(path.read_text())["family"], []).append(state)
    terminalreporter.section("vectors of Kafka Streams 4.3.0 by family")
    for family, states in sorted(families.items()):
        counts = ", ".join(
            f"{states.count(state)} {state}"
            for state in ("passed", "failed", "open")
            if state in states
        )
        terminalreporter.line(f"{family:<30} {len(states):>2} cases: {counts}")
    every = [state for states in families.values() for state in states]
    terminalreporter.line(
        f"{'all':<30} {len(every)} cases: {every.count('passed')} passed, "
        f"{every.count('failed')} failed, {every.count('open')} open (operators of later issues)"
    )
