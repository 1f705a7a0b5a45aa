"""Every Python block of README and docs runs, and prints what the page says it prints.

The blocks of a page run in order in one namespace, in an empty folder. A block ```text right after one
of Python is what that block prints. A block that starts with `# sketch` is shown only.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(kind == "python" for kind, _ in blocks_of(page))],
    ids=lambda page: str(page.relative_to(CHECKOUT)),
)
def test_python_blocks_of_the_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("docs_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    blocks = blocks_of(page)
    for index, (kind, code) in enumerate(blocks):
        if kind != "python" or code.startswith("# sketch"):
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            name = f"{page.name}, block {index + 1}"
            exec(compile(code, name, "exec", dont_inherit=True), vars(module))
        if index + 1 < len(blocks) and blocks[index + 1][0] == "text":
            assert printed.getvalue() == blocks[index + 1][1]
