"""The page of the command line says what the commands' help says."""

from __future__ import annotations

from cli_reference import PAGE, cli_reference


def test_cli_page_is_up_to_date() -> None:
    """Words, not line breaks: how click wraps a line depends on its version."""
    written = PAGE.read_text(encoding="utf-8").split()
    assert written == cli_reference().split(), "run python tests/support/cli_reference.py"
