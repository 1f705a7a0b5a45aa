"""The `streamkit broker` command as a process of its own, to be killed and started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO


class BrokerProcess:
    """Runs the command on a folder; `with` kills it at the end. Standard error goes to `errors`, if given.

    Attributes:
        bootstrap: where it listens.
        metrics: the URL of its metrics, with `--metrics`.
    """

    def __init__(
        self, folder: Path, *arguments: str, port: int = 0, errors: IO[str] | None = None
    ) -> None:
        self.folder = folder
        self._arguments = arguments
        self._port = port
        self._errors = errors
        self.process: subprocess.Popen[str] | None = None
        self.bootstrap = ""
        self.metrics = ""

    def start(self) -> BrokerProcess:
        """Start it and wait for its address; the port stays the same over restarts."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamkit", "broker", "--data-dir", str(self.folder)),
                *("--listen", f"127.0.0.1:{self._port}", *self._arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=self._errors or subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        while "listening on" not in (line := self.process.stdout.readline()):
            if not line:
                raise AssertionError(self.finish()[1])
            self.metrics = line.split()[-1]
        self.bootstrap = line.split()[-1]
        self._port = int(self.bootstrap.rpartition(":")[2])
        return self

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.finish()

    def terminate(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what was written to standard error."""
        assert self.process is not None
        self.process.terminate()
        return self.finish()

    def finish(self) -> tuple[int, str]:
        """Wait for its end; the exit code and what was written to standard error."""
        assert self.process is not None
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said or ""

    def __enter__(self) -> BrokerProcess:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
