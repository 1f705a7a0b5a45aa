"""Runs several worker processes as one: starts them, restarts what crashes, drains all together.

| a worker ends with | the supervisor |
| --- | --- |
| 0 | takes it for done; ends when all are |
| 1, 2 (an error that was told) | drains the others and ends with the same code |
| anything else: a signal, `TEMPORARY_FAILURE` | starts it again, after a pause that doubles up to 30 s |

A worker that ran for a minute starts from the shortest pause again. Each worker gets the write end of a pipe in
`STATUS_FD`, on which it reports as JSON, a line a report; the reports of all are added up. A worker that fails puts
its message there as `error` instead of printing it: when one fails, others often fail of the same record
before they are drained, and one message is enough.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["STATUS_FD", "TEMPORARY_FAILURE", "Supervisor"]

log = logging.getLogger(__name__)

STATUS_FD = "STREAMKIT_STATUS_FD"
"""Environment variable: the file descriptor that a worker reports on."""

TEMPORARY_FAILURE = 75
"""Exit code of a worker whose error may pass by itself (sysexits.h's EX_TEMPFAIL)."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_LISTEN_SECONDS = 2.0
_TOLD = (1, 2)


@dataclass(slots=True)
class _Child:
    """One slot; its process changes with each restart."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = _FIRST_PAUSE_SECONDS
    start_at: float = 0.0
    done: bool = False
    restarts: int = 0
    listener: threading.Thread | None = None
    status: dict[str, Any] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)


class Supervisor:
    """See the module.

    Args:
        command: the command line of worker number 0, 1, ….
        count: how many workers.
        drain_seconds: how long a worker may take to end before it is killed.
        on_status: called now and then, on the thread of `run`, with the sum of all reports.

    Attributes:
        error: what the first worker that failed for good had to say, empty if none did.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        count: int,
        *,
        drain_seconds: float = 60.0,
        on_status: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.error = ""
        self._command = command
        self._children = [_Child(number) for number in range(count)]
        self._drain_seconds = drain_seconds
        self._on_status = on_status
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Ask for the end of all workers. Safe in signal handlers."""
        self._stop.set()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [
            child.process.pid
            for child in self._children
            if child.process is not None and child.process.poll() is None
        ]

    def run(self) -> int:
        """Run until all workers are done, one fails for good, or `stop`; the exit code."""
        code = 0
        try:
            while not self._stop.is_set():
                code = self._watch()
                if code or all(child.done for child in self._children):
                    break
                self._show()
                self._stop.wait(0.2)
        finally:
            drained = self._drain()
            self._show()
        return code or drained

    def summary(self) -> Mapping[str, Any]:
        """The reports of all workers: numbers added up, lists put together; and how often one was restarted."""
        total: dict[str, Any] = {
            "workers": len(self._children),
            "restarts": 0,
            "tasks": [],
            "dropped_by": [],
        }
        with self._lock:
            for child in self._children:
                total["restarts"] += child.restarts
                for name in ("tasks", "dropped_by"):
                    total[name] += child.status.get(name, [])
                for name in {*child.before, *_numbers(child.status)}:
                    value = child.before.get(name, 0) + _numbers(child.status).get(name, 0)
                    total[name] = total.get(name, 0) + value
            states = [child.status.get("state", "starting") for child in self._children]
        total["state"] = states[0] if len(set(states)) == 1 else ", ".join(sorted(set(states)))
        return total

    def reports(self) -> dict[int, Mapping[str, Any]]:
        """The latest report of each worker by its number, and how often it was restarted. Any thread."""
        with self._lock:
            return {
                child.number: {**child.status, "restarts": child.restarts}
                for child in self._children
            }

    def _show(self) -> None:
        if self._on_status is not None:
            self._on_status(self.summary())

    def _watch(self) -> int:
        """Start and restart; the code of a worker that failed for good, else 0."""
        now = time.monotonic()
        for child in self._children:
            if child.done:
                continue
            if child.process is None:
                if now >= child.start_at:
                    self._spawn(child)
                continue
            code = child.process.poll()
            if code is None:
                continue
            child.process = None
            if child.listener is not None:
                child.listener.join(_LISTEN_SECONDS)
            if code == 0:
                child.done = True
            elif code in _TOLD:
                child.done = True
                self.error = str(child.status.get("error", ""))
                return code
            else:
                self._plan_restart(child, code, now)
        return 0

    def _plan_restart(self, child: _Child, code: int, now: float) -> None:
        if now - child.started > _STEADY_SECONDS:
            child.pause = _FIRST_PAUSE_SECONDS
        why = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if child.status.get("error"):
            why = f"{child.status['error']}"
        log.warning(
            "worker %d ended with %s; starting it again in %.1f s", child.number, why, child.pause
        )
        child.start_at = now + child.pause
        child.pause = min(child.pause * 2, _LONGEST_PAUSE_SECONDS)
        child.restarts += 1
        with self._lock:
            for name, value in _numbers(child.status).items():
                child.before[name] = child.before.get(name, 0) + value
            child.status = {}

    def _spawn(self, child: _Child) -> None:
        reading, writing = os.pipe()
        try:
            child.process = subprocess.Popen(
                list(self._command(child.number)),
                pass_fds=[writing],
                env={**os.environ, STATUS_FD: str(writing)},
            )
        finally:
            os.close(writing)
        child.started = time.monotonic()
        child.listener = threading.Thread(
            target=self._listen, args=(child, reading), name="streamkit-reports", daemon=True
        )
        child.listener.start()

    def _listen(self, child: _Child, reading: int) -> None:
        with os.fdopen(reading, "rb") as lines:
            for line in lines:
                try:
                    report = json.loads(line)
                except ValueError:
                    continue
                with self._lock:
                    child.status = report

    def _drain(self) -> int:
        """End all workers gracefully, by force after a while; the worst of their exit codes."""
        running = [child for child in self._children if child.process is not None]
        for child in running:
            assert child.process is not None
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + self._drain_seconds
        code = 0
        for child in running:
            assert child.process is not None
            try:
                ended = child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("worker %d did not end in time and is killed", child.number)
                child.process.kill()
                ended = child.process.wait()
            if ended in _TOLD:
                code = ended
        return code


def _numbers(status: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: value
        for name, value in status.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
