"""The conformance suite's clients that are programs of their own: how they are installed, asked and compared.

Each is asked the same scenarios of the bundled broker and of Apache Kafka; its answers are lines of text, and
the two have to be equal. `SCENARIOS` says what there is to ask and which client can be asked it.

Nothing is taken from this machine but tool chains: franz-go is built from `tests/go` (Go's module proxy),
kafkajs is installed from `tests/node` (npm), kcat comes as Debian's package, Kafka's tools from Maven. What
was installed stays in folders that git ignores.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Verdict", "ask_all", "ask_program", "franz_go", "kafkajs", "kcat", "locked"]

TESTS = Path(__file__).resolve().parents[1]
_GO = TESTS / "go"
_NODE = TESTS / "node"
_KCAT = TESTS / "clients" / "target"
_PARALLEL = 8


@dataclass(frozen=True)
class Verdict:
    """What one scenario showed with one client on one broker.

    Attributes:
        answer: what was seen, a line each; None when the scenario could not go on.
        failure: why it couldn't.
    """

    answer: tuple[str, ...] | None
    failure: str = ""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process installs into `folder`; the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def franz_go() -> list[str]:
    """The command line of the program that asks with franz-go; built by the first call."""
    target = _GO / "target"
    with locked(target):
        _run(["go", "build", "-o", str(target / "judge"), "."], _GO)
    return [str(target / "judge")]


def kafkajs() -> list[str]:
    """The command line of the program that asks with kafkajs; installed by the first call."""
    modules = _NODE / "node_modules"
    wanted = (_NODE / "package-lock.json").read_text()
    with locked(_NODE / "target"):
        mark = modules / ".complete"
        if not mark.exists() or mark.read_text() != wanted:
            _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], _NODE)
            mark.write_text(wanted)
    return ["node", str(_NODE / "judge.js")]


def kcat() -> tuple[list[str], dict[str, str]]:
    """The command line of kcat and what its environment needs beside the usual.

    It is the installed one or, fetched by the first call, Debian's with the libraries it brings.
    """
    if (installed := shutil.which("kcat")) is not None:
        return [installed], {}
    folder = _KCAT / "kcat"
    with locked(_KCAT):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _fetch_debian_packages(["kcat", "librdkafka1", "libyajl2"], folder)
            (folder / "complete").touch()
    (library,) = folder.glob("usr/lib/*/librdkafka.so.1")
    return [str(folder / "usr/bin/kcat")], {"LD_LIBRARY_PATH": str(library.parent)}


def _fetch_debian_packages(names: list[str], folder: Path) -> None:
    """Unpack packages and what they bring; as any user, with package lists of our own if there are none."""
    try:
        _run(["apt-get", "download", *names], folder)
    except RuntimeError:
        lists = folder / "lists"
        (lists / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={folder / 'cache'}"]
        _run(["apt-get", *own, "update"], folder)
        _run(["apt-get", *own, "download", *names], folder)
        shutil.rmtree(lists)
    for package in sorted(folder.glob("*.deb")):
        _run(["dpkg", "-x", package.name, "."], folder)
        package.unlink()


def ask_program(command: list[str], bootstrap: str, *, timeout_s: float) -> dict[str, Verdict]:
    """Run a program that asks all its scenarios, and read its answers."""
    done = subprocess.run(
        [*command, bootstrap], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    found: dict[str, Verdict] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            told = json.loads(line)
            answer = told.get("answer")
            failure = told.get("failure", "")
            found[told["scenario"]] = Verdict(None if failure else tuple(answer or ()), failure)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return found


def ask_all(scenarios: Mapping[str, Callable[[], list[str]]]) -> dict[str, Verdict]:
    """Ask scenarios that are functions, some at the same time."""

    def ask(scenario: Callable[[], list[str]]) -> Verdict:
        try:
            return Verdict(tuple(scenario()))
        except Exception as error:  # noqa: BLE001 - shown as this scenario's verdict
            return Verdict(None, f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return dict(zip(scenarios, pool.map(ask, scenarios.values()), strict=True))


def _run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"[-3000:])
