"""Kafka Streams applications in a JVM of their own: `StreamsApplication.java`, one process for many of them."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from java import compiled_java_command
from topology_json import Node

__all__ = ["StreamsApplications"]


class StreamsApplications:
    """The JVM; use it in a with statement, from any thread.

    Args:
        log: where it prints what goes wrong.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._errors: IO[bytes] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> StreamsApplications:
        self._errors = self._log.open("ab")
        self._process = subprocess.Popen(
            compiled_java_command(
                "StreamsApplication", "StreamsOracle.java", "StreamsApplication.java"
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(
        self,
        application: str,
        bootstrap: str,
        folder: Path,
        nodes: Sequence[Node],
        settings: Mapping[str, str],
    ) -> None:
        """Start an application; returns before it runs."""
        self._ask(
            do="start",
            application=application,
            bootstrap=bootstrap,
            folder=str(folder),
            nodes=nodes,
            settings=settings,
        )

    def state(self, application: str, bootstrap: str) -> tuple[str, str]:
        """The name of the application's state, and what it died of, if it did."""
        answer = self._ask(do="state", application=application, bootstrap=bootstrap)
        return answer["state"], answer.get("failed", "")

    def close(self, application: str, bootstrap: str) -> None:
        """End an application: it commits, and leaves its group. Returns at once."""
        self._ask(do="close", application=application, bootstrap=bootstrap)

    def kill(self) -> None:
        """End the JVM at once, as `kill -9`."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
        if self._errors is not None:
            self._errors.close()

    def _ask(self, **asked: Any) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with self._lock:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the JVM ended: {self._log.read_text(errors='replace')[-4000:]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{asked['do']} {asked['application']}: {answer['error']}")
        return answer
