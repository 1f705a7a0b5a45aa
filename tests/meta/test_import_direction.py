"""Imports point one way (ARCHITECTURE.md); the contracts stand in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def test_import_contracts_are_kept() -> None:
    if not (CHECKOUT / "streamkit").exists():
        pytest.skip("reads the sources of a checkout; this run has none")
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [linter, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
