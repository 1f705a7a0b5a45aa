"""One build mode for the whole package, and the one that the run expects."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamkit._version import VERSION, build_mode

LIST = Path(__file__).resolve().parents[2] / "compiled_modules.txt"


def listed_modules() -> list[str]:
    lines = (line.strip() for line in LIST.read_text(encoding="utf-8").splitlines())
    paths = [line for line in lines if line and not line.startswith("#")]
    return [path.removesuffix(".py").replace("/", ".") for path in paths]


@pytest.mark.parametrize("name", listed_modules())
def test_listed_module_is_loaded_as_the_mode_says(name: str) -> None:
    """All or nothing: no module falls back to its source on its own."""
    file = importlib.import_module(name).__file__
    assert file is not None
    assert ("pure" if file.endswith(".py") else "compiled") == build_mode()


def test_mode_is_the_one_that_this_run_is_for() -> None:
    assert build_mode() == os.environ.get("STREAMKIT_EXPECTED_BUILD", build_mode())


def test_version_option_names_the_build_mode() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "streamkit", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert VERSION in shown
    assert build_mode() in shown
