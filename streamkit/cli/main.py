"""The command line: one group, its commands loaded when they are used.

Each command is the attribute of its own name in `streamkit.cli.<name>`. A `StreamkitError` ends in one
message on standard error and exit code 1, wrong usage in exit code 2; `--verbose` adds the traceback.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
from collections.abc import Sequence

import click

from streamkit._version import VERSION, build_mode
from streamkit.errors import StreamkitError

__all__ = ["cli", "main"]

COMMANDS = {
    "broker": "Run the bundled broker in the foreground.",
    "consume": "Print the records of a topic.",
    "doctor": "Check a data folder that no broker has open.",
    "produce": "Write records to a topic.",
    "topics": "List, create, describe and delete topics.",
    "topology": "Show an application's topology.",
    "worker": "Run an application.",
}


class _LazyGroup(click.Group):
    """Knows its commands by name; imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        # Modules leave no garbage, and looking for it takes a tenth of their time.
        gc.disable()
        try:
            command = getattr(importlib.import_module(f"streamkit.cli.{cmd_name}"), cmd_name)
        finally:
            gc.enable()
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in sorted(COMMANDS)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "--version", message=f"streamkit %(version)s ({build_mode()})")
@click.option("--verbose", "-v", is_flag=True, help="Log what happens; show tracebacks of errors.")
def cli(*, verbose: bool) -> None:
    """Stream processing as in Kafka Streams, with the log in the box."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: without the program's name; None: those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    verbose = any(word in ("-v", "--verbose") for word in given)
    try:
        code = cli.main(given, prog_name="streamkit", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output is gone (`| head`); Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except StreamkitError as error:
        if verbose:
            raise
        click.echo(f"streamkit: {error}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
