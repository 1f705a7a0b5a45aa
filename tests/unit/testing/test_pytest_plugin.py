"""The pytest plugin costs a project that doesn't use it nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

PLUGIN = "streamkit.testing.pytest_plugin"
_PROJECT = """
import pytest
from confluent_kafka import Producer

@pytest.fixture
def kafka_broker_settings():
    return {"num.partitions": "2"}

def test_one(kafka_broker):
    producer = Producer({"bootstrap.servers": kafka_broker.bootstrap})
    producer.produce("t", b"v")
    assert producer.flush(10) == 0
    assert len(producer.list_topics("t").topics["t"].partitions) == 2
"""


def test_importing_it_imports_only_pytest() -> None:
    """Beside pytest and the standard library: the packages that the module lies in, and their version."""
    code = "import pytest, sys; sys.stderr.flush(); import streamkit.testing.pytest_plugin"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rpartition("|") for line in done.stderr.splitlines() if "|" in line]
    names = [name.strip() for _, _, name in lines]
    after = names[names.index("pytest") + 1 :]
    ours = {name for name in after if name.partition(".")[0] == "streamkit"}
    assert ours <= {
        "streamkit",
        "streamkit._version",
        "streamkit.testing",
        "streamkit.testing.pytest_plugin",
    }
    others = {
        name.partition(".")[0]
        for name in after
        if name.partition(".")[0] not in sys.stdlib_module_names
    } - {"streamkit"}
    assert others == set()


def installed() -> bool:
    """Whether pytest finds the plugin by itself: it takes it from one place only."""
    return any(entry.value == PLUGIN for entry in entry_points(group="pytest11"))


def test_any_project_can_use_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(_PROJECT)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(() if installed() else ("-p", PLUGIN)),
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
