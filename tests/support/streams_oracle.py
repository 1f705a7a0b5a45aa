"""Kafka Streams itself, asked for its answers: one JVM for many topologies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from java import JAVA_FOLDER, java_command

__all__ = ["StreamsOracle"]


class StreamsOracle:
    """A running `StreamsOracle.java`; use it in a with statement."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            java_command(JAVA_FOLDER / "StreamsOracle.java"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> StreamsOracle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=20)

    def ask(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """The steps and stores of a case (nodes, inputs, backend, optimize), or the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the oracle ended"
        answer: dict[str, Any] = json.loads(line)
        return answer
