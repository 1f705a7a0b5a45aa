"""What may stand in compiled_modules.txt, and what must."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "streamkit"
LISTED = {
    line.strip()
    for line in (CHECKOUT / "compiled_modules.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
}
NEVER = ("app.py", "dsl/", "topology/", "errors.py", "cli/", "testing/", "log/protocol/messages/")
INTERPRETED_OPERATORS = {
    "__init__.py",
    "failed_record.py",
    "failure.py",
    "guard.py",
    "print.py",
    "process.py",
    "record_cache.py",
    "table_transform_values.py",
}

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="reads the sources of a checkout")


def test_no_public_or_declaring_module_is_compiled() -> None:
    """They cross cloudpickle, or are read by annotations, which compiled classes lose."""
    assert [path for path in LISTED if path.removeprefix("streamkit/").startswith(NEVER)] == []


def test_every_listed_module_exists() -> None:
    assert [path for path in LISTED if not (CHECKOUT / path).exists()] == []


def test_every_operator_and_the_batch_codec_are_compiled() -> None:
    operators = {
        f"streamkit/operators/{path.name}"
        for path in (PACKAGE / "operators").glob("*.py")
        if path.name not in INTERPRETED_OPERATORS
    }
    codec = {
        f"streamkit/log/protocol/{path.name}" for path in PACKAGE.glob("log/protocol/batch_*.py")
    }
    assert sorted((operators | codec) - LISTED) == []


@pytest.mark.parametrize("path", sorted(LISTED))
def test_compiled_module_avoids_what_mypyc_gets_wrong(path: str) -> None:
    """`raise X from e` loses its cause there, unless X was given it; dataclasses lose annotations."""
    source = (CHECKOUT / path).read_text(encoding="utf-8")
    for raised in re.finditer(
        r"^ *raise ((?:.|\n(?! *raise))+?) from (\w+)$", source, re.MULTILINE
    ):
        assert raised[2] == "None" or re.search(rf"\b{raised[2]}\b", raised[1]), raised[0]
    assert "runtime_checkable" not in source
    assert "@dataclass" not in source
