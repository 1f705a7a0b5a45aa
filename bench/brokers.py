"""The two brokers that benches compare: Apache Kafka 4.3.0 and the bundled one, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.processes import stop

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

from kafka_broker import KafkaBroker  # noqa: E402

__all__ = [
    "CHECKOUT",
    "Broker",
    "apache_kafka",
    "bundled_broker",
    "installed_python",
    "is_compiled",
]

_COMPILED_PYTHON = CHECKOUT / ".venv-compiled" / "bin" / "python"
_FOR_QUICK_TESTS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs: where, as which process, and how long its start took."""

    name: str
    bootstrap: str
    pid: int
    start_seconds: float


class WarmKafka(KafkaBroker):
    """Apache Kafka with the JVM's own defaults and Kafka's heap, not with those for a quick start."""

    start_seconds = 0.0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _command(self, main: str, *arguments: str) -> list[str]:
        command = super()._command(main, *arguments)
        kept = [each for each in command if each not in _FOR_QUICK_TESTS]
        return ["-Xmx1g" if each.startswith("-Xmx") else each for each in kept]

    def _start(self, output: IO[bytes]) -> None:
        begun = time.monotonic()
        super()._start(output)
        self.start_seconds = time.monotonic() - begun


@contextmanager
def apache_kafka(folder: Path) -> Iterator[Broker]:
    """Apache Kafka, with its data in `folder`."""
    kafka = WarmKafka(folder)
    with kafka:
        yield Broker("kafka", kafka.bootstrap, kafka.pid, kafka.start_seconds)


@contextmanager
def bundled_broker(folder: Path, python: str, *, name: str = "streamkit") -> Iterator[Broker]:
    """The bundled broker on an interpreter of choice, away from the checkout's sources."""
    folder.mkdir(parents=True)
    # As users run it: the second start finds the modules' bytecode.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begun = time.monotonic()
    with (folder / "broker.log").open("ab") as output:
        process = subprocess.Popen(
            [
                *(python, "-m", "streamkit", "broker", "--listen", "127.0.0.1:0"),
                *("--data-dir", str(folder / "data")),
            ],
            cwd=folder,
            env=kept,
            stdout=subprocess.PIPE,
            stderr=output,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line:
            raise RuntimeError(f"no broker:\n{(folder / 'broker.log').read_text()[-2000:]}")
        yield Broker(name, line.split()[-1], process.pid, time.monotonic() - begun)
    finally:
        stop(process)


def installed_python() -> str:
    """The interpreter with a compiled streamkit that `make bench` makes, or this one."""
    return str(_COMPILED_PYTHON) if _COMPILED_PYTHON.exists() else sys.executable


def is_compiled(python: str) -> bool:
    """Whether the streamkit that `python` finds, away from the checkout, has compiled modules."""
    asked = "from streamkit.log.protocol import batch_header; print(batch_header.__file__)"
    found = subprocess.run(
        [python, "-c", asked], cwd="/", capture_output=True, text=True, check=True
    )
    return not found.stdout.strip().endswith(".py")
