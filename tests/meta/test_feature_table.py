"""Each yes of ours in the table of features links to a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/features.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| |", "| ---"))
]
YES = re.compile(r"\[yes\]\((?P<path>[^#)]+)#(?P<name>\w+)\)")
LINKS = [match for row in ROWS for match in YES.finditer(row[-1])]


def test_rows_have_a_cell_for_each_framework() -> None:
    assert {len(row) for row in ROWS} == {6}


def test_ours_is_a_link_or_no() -> None:
    """Several links, where one test doesn't show it all."""
    cells = {row[0]: YES.sub("yes", row[-1]) for row in ROWS}
    assert [
        name for name, cell in cells.items() if set(cell.split(", ")) not in ({"yes"}, {"no"})
    ] == []
    assert len(LINKS) > 40


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link["name"])
def test_linked_test_is_there(link: re.Match[str]) -> None:
    """A test, or the topology that the tests build for a vector of that name."""
    path = (PAGE.parent / link["path"]).resolve()
    text = path.read_text(encoding="utf-8")
    assert re.search(rf"^(async def |def )?{link['name']}( = |\()", text, re.MULTILINE)
    if path.name.startswith("topologies_"):
        assert (path.parents[1] / f"vectors/{link['name']}.json").exists()
    else:
        assert link["name"].startswith("test_")
