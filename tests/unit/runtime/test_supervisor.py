"""Several processes as one: restarts, drains, reports."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import streamkit.runtime.supervisor
from streamkit.runtime.supervisor import Supervisor

REPORT = "import os; os.write(int(os.environ['STREAMKIT_STATUS_FD']), b'{}\\n'); "


def script(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamkit.runtime.supervisor, "_FIRST_PAUSE_SECONDS", 0.01)


def test_ends_when_all_workers_are_done() -> None:
    report = REPORT.replace("{}", '{"processed": 5, "tasks": ["0_0"], "state": "stopped"}')
    supervisor = Supervisor(lambda _: script(report), 2)
    assert supervisor.run() == 0
    deadline = time.monotonic() + 5
    while supervisor.summary().get("processed") != 10 and time.monotonic() < deadline:
        time.sleep(0.01)  # the reports come through a thread
    assert supervisor.summary()["processed"] == 10
    assert supervisor.summary()["tasks"] == ["0_0", "0_0"]


def test_crashed_worker_is_started_again(tmp_path: Path) -> None:
    """The first run kills itself, the second one ends well; both count in the reports."""
    marker = tmp_path / "ran"
    text = (
        REPORT.replace("{}", '{"processed": 3}')
        + "import pathlib, signal, time; "
        + f"marker = pathlib.Path({str(marker)!r}); ran = marker.exists(); marker.touch(); "
        + "time.sleep(0.05); ran or os.kill(os.getpid(), signal.SIGKILL)"
    )
    supervisor = Supervisor(lambda _: script(text), 1)
    assert supervisor.run() == 0
    assert supervisor.summary()["restarts"] == 1


def test_told_error_ends_all_with_its_code() -> None:
    commands = {0: "raise SystemExit(1)", 1: "import time; time.sleep(60)"}
    supervisor = Supervisor(lambda number: script(commands[number]), 2)
    began = time.monotonic()
    assert supervisor.run() == 1
    assert time.monotonic() - began < 30
    assert supervisor.pids == []


def test_temporary_failure_is_tried_again(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = (
        f"import pathlib; marker = pathlib.Path({str(marker)!r}); ran = marker.exists(); "
        "marker.touch(); raise SystemExit(0 if ran else 75)"
    )
    supervisor = Supervisor(lambda _: script(text), 1)
    assert supervisor.run() == 0
    assert supervisor.summary()["restarts"] == 1


def test_stop_drains_and_kills_who_does_not_listen() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    statuses: list[Mapping[str, Any]] = []
    supervisor = Supervisor(
        lambda number: script(deaf if number else "import time; time.sleep(60)"),
        2,
        drain_seconds=0.3,
        on_status=statuses.append,
    )
    threading.Timer(0.3, supervisor.stop).start()
    assert supervisor.run() == 0
    assert supervisor.pids == []
    assert statuses
