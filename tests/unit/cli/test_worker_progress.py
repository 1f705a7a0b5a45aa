"""What `streamkit worker` shows while it runs and when it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import streamkit as sk
from streamkit.cli.worker import _finish, _Options, _Shown, default_state_dir


def options(**given: object) -> _Options:
    values: dict[str, object] = {
        "bootstrap": None,
        "state_dir": None,
        "stop_at_end": False,
        "commit_interval_ms": None,
        "session_timeout_ms": 45_000,
        "metrics_json": None,
        "quiet": False,
        **given,
    }
    return _Options(**values)  # type: ignore[arg-type]  # by name


def console() -> Console:
    return Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)


def text(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def test_restore_has_a_bar_that_ends_with_it() -> None:
    screen = console()
    shown = _Shown(screen, quiet=False)
    status = {"state": "restoring", "tasks": [], "restore_total": 400, "restore_done": 100}
    shown.show(status)
    shown.show({**status, "restore_done": 300})
    shown.show({**status, "restore_done": 400})
    shown.close()
    assert "restoring state" in text(screen)
    assert "300/400" in text(screen)


def test_progress_line_tells_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("streamkit.cli.worker.time.monotonic", lambda: now[0])
    screen = console()
    shown = _Shown(screen, quiet=False)
    now[0] = 104.0
    shown.show({"state": "running", "tasks": ["0_0", "0_1"], "processed": 8_000, "dropped": 3})
    assert text(screen) == "running: 8,000 records, 2,000 a second, 2 tasks, 3 dropped\n"


def test_quiet_says_nothing() -> None:
    screen = console()
    _Shown(screen, quiet=True).show({"state": "running", "tasks": [], "restore_total": 5})
    _finish({"processed": 5}, options(quiet=True), screen)
    assert text(screen) == ""


def test_summary_names_who_dropped_what_and_goes_to_a_file(tmp_path: Path) -> None:
    screen = console()
    file = tmp_path / "metrics.json"
    status = {
        "processed": 1_200,
        "sent": 900,
        "dropped": 7,
        "commits": 3,
        "dropped_by": [["count", "late", 2], ["count", "late", 4], ["source", "undecodable", 1]],
    }
    _finish(status, options(metrics_json=file), screen)
    assert "1,200 records processed, 900 written, 7 dropped, 3 commits" in text(screen)
    assert "dropped by count: 6 (late)" in text(screen)
    assert json.loads(file.read_text())["processed"] == 1_200


def test_command_line_wins_over_the_app_and_goes_on_to_worker_processes(tmp_path: Path) -> None:
    app = sk.App("orders", commit_interval_ms=5_000, state_dir=tmp_path / "app", max_task_idle_ms=9)
    settings = options().settings(app, "b:1")
    assert settings.application_id == "orders"
    assert (settings.state_dir, settings.commit_interval_ms) == (tmp_path / "app", 5_000)
    assert settings.max_task_idle_ms == 9
    given = options(state_dir=tmp_path, commit_interval_ms=20, stop_at_end=True)
    settings = given.settings(app, "b:1")
    assert (settings.state_dir, settings.commit_interval_ms) == (tmp_path, 20)
    words = given.arguments("b:1")
    assert words[words.index("--state-dir") + 1] == str(tmp_path)
    assert {"--stop-at-end", "--quiet", "b:1", "20"} <= set(words)


def test_default_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAMKIT_STATE_DIR", str(tmp_path))
    assert default_state_dir() == tmp_path
    monkeypatch.delenv("STREAMKIT_STATE_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert default_state_dir() == tmp_path / "share" / "streamkit" / "state"
