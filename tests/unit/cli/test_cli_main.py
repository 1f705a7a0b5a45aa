"""The command line's group: lazy, one message an error, exit codes."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

import streamkit.cli.main
from streamkit._version import VERSION, build_mode
from streamkit.cli.main import COMMANDS, cli, main
from streamkit.errors import ConfigError


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command `topics` raises."""

    @click.command()
    def topics() -> None:
        raise ConfigError("this is wrong; do that")

    monkeypatch.setattr(streamkit.cli.main._LazyGroup, "get_command", lambda *_: topics)


def test_version_names_the_build_mode(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"streamkit {VERSION} ({build_mode()})\n"


def test_help_lists_all_commands_without_loading_any() -> None:
    """A new interpreter, as this one may have loaded them for other tests."""
    program = (
        "import sys; from streamkit.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        "finally:\n    assert not any('streamkit.runtime' in name for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(cli.get_command(click.Context(cli), name), click.Command)
    assert run([name, "--help"]) == 0
    assert "Usage: streamkit " + name in capsys.readouterr().out


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["no-such-command"]) == 2
    assert "No such command" in capsys.readouterr().err
    assert run(["worker", "--no-such-option"]) == 2


@pytest.mark.usefixtures("failing")
def test_error_is_one_message_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["topics"]) == 1
    assert capsys.readouterr().err == "streamkit: this is wrong; do that\n"


@pytest.mark.usefixtures("failing")
def test_verbose_shows_the_traceback() -> None:
    with pytest.raises(ConfigError):
        main(["--verbose", "topics"])
