"""The page of the command line, made of what its commands say with `--help`.

Write it anew with `python tests/support/cli_reference.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from streamkit.cli.main import cli

__all__ = ["PAGE", "cli_reference"]

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/cli.md"
WIDTH = 100

INTRODUCTION = """\
# The command line

This page is generated: `python tests/support/cli_reference.py` writes what each command's `--help` says.
"""


def cli_reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for path, text in _helps(cli, "streamkit", None):
        parts.append(f"## {path}\n\n```console\n$ {path} --help\n{text}\n```\n")
    return "\n".join(parts)


def _helps(
    command: click.Command, name: str, above: click.Context | None
) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command,
        info_name=name,
        parent=above,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _helps(found, below, context)


if __name__ == "__main__":
    PAGE.write_text(cli_reference(), encoding="utf-8")
