"""A module holds one idea (STYLE 2), and no module looks upwards by way of `TYPE_CHECKING`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for path in (CHECKOUT / "streamkit").rglob("*.py"))

MOST_LINES = {"streamkit/dsl/": 300, "streamkit/topology/": 300, "streamkit/": 500}
"""Of code: what a docstring or an overload tells its reader is no reason to take a class apart."""

FOR_CHECKERS_ONLY = {
    "streamkit/__init__.py": "names are imported when they are first used",
    "streamkit/cli/broker.py": "an extra, imported when it is asked for",
    "streamkit/dsl/circle.py": "streams become tables and tables streams: the one circle",
}


def lines_of_code(source: str) -> int:
    """Without docstrings, overloads, comments and empty lines."""
    lines = source.splitlines()
    told: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.FunctionDef):
            names = {each.id for each in node.decorator_list if isinstance(each, ast.Name)}
            if "overload" in names:
                first = min(each.lineno for each in node.decorator_list)
                told.update(range(first, (node.end_lineno or first) + 1))
    return sum(
        1
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.strip().startswith("#") and number not in told
    )


def test_lines_of_code_are_counted_without_what_is_told() -> None:
    source = '"""Doc."""\n\n# why\n@overload\ndef f(x: int) -> int: ...\ndef f(x):\n    return x\n'
    assert lines_of_code(source) == 2


@pytest.mark.skipif(not MODULES, reason="reads the sources of a checkout; this run has none")
def test_no_module_is_over_long() -> None:
    over_long = {}
    for path in MODULES:
        name = path.relative_to(CHECKOUT).as_posix()
        most = next(lines for folder, lines in MOST_LINES.items() if name.startswith(folder))
        count = lines_of_code(path.read_text(encoding="utf-8"))
        if count > most and path.name != "__init__.py":  # which may list any number of names
            over_long[name] = count
    assert over_long == {}


@pytest.mark.skipif(not MODULES, reason="reads the sources of a checkout; this run has none")
def test_imports_for_checkers_only_are_those_that_have_a_reason() -> None:
    found = {
        str(path.relative_to(CHECKOUT))
        for path in MODULES
        if "TYPE_CHECKING" in path.read_text(encoding="utf-8")
    }
    assert found == set(FOR_CHECKERS_ONLY)
