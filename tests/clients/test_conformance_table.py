"""The declarations of the conformance suite, without any broker."""

from __future__ import annotations

from pathlib import Path

from conformance_scenarios import (
    CLIENTS,
    DIFFERENCES,
    SCENARIOS,
    TOOLS_OWN,
    clients_of,
    lacks_of,
    page_lacks,
    page_table,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"


def test_page_shows_the_table_that_is_run() -> None:
    """After a change: put the output of `page_table()` into the page."""
    assert page_table() in PAGE.read_text(encoding="utf-8")


def test_page_says_why_cells_are_empty() -> None:
    """After a change: put the output of `page_lacks()` into the page."""
    assert page_lacks() in PAGE.read_text(encoding="utf-8")


def test_each_empty_cell_is_a_lack_of_the_client() -> None:
    for client in CLIENTS:
        empty = {
            name for name in SCENARIOS if client not in clients_of(name) and name not in TOOLS_OWN
        }
        assert lacks_of(client).keys() == empty, client
    for name, client in TOOLS_OWN.items():
        assert clients_of(name) == (client,)


def test_there_are_few_differences_and_each_has_a_reason() -> None:
    assert len(DIFFERENCES) <= 5
    assert all(reason and "not implemented" not in reason for reason in DIFFERENCES.values())
    assert set(DIFFERENCES) <= set(SCENARIOS)


def test_every_scenario_has_clients_that_are_known() -> None:
    for name in SCENARIOS:
        asked = clients_of(name)
        assert asked
        assert set(asked) <= set(CLIENTS)
