"""What programs are written with has types that every checker reads alike (`pyright --verifytypes`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import streamkit
from streamkit._version import build_mode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PYRIGHT = Path(sys.executable).with_name("pyright")
COMPLETE = ("app", "app_settings", "dsl", "errors", "model", "operators", "serde", "topology")
"""Packages and modules of streamkit."""


@pytest.mark.skipif(not PYRIGHT.exists(), reason="needs pyright")
@pytest.mark.skipif(build_mode() == "compiled", reason="reads sources")
def test_types_of_the_public_api_are_complete(tmp_path: Path) -> None:
    """Pyright looks at an installed package only: here a copy of this one, beside what it imports."""
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    source = Path(streamkit.__file__).parent
    shutil.copytree(source, site / "streamkit", ignore=shutil.ignore_patterns("__pycache__"))
    ours = Path(pytest.__file__).parents[1]
    for imported in ("click", "msgspec", "mypy_extensions.py"):
        (site / imported).symlink_to(ours / imported)
    (tmp_path / "elsewhere").mkdir()
    binaries = str(tmp_path / "venv/bin")
    done = subprocess.run(
        [PYRIGHT, "--ignoreexternal", "--verifytypes", "streamkit", "--outputjson"],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    symbols = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    assert len(symbols) > 5000
    unclear = [
        (symbol["name"], [each["message"] for each in symbol["diagnostics"]])
        for symbol in symbols
        if symbol["isExported"]
        and not symbol["isTypeKnown"]
        and symbol["name"].split(".")[1] in COMPLETE
    ]
    assert unclear == []
