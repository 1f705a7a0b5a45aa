"""What a running process costs, read from the kernel (Linux)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "cost_of", "resident_bytes", "stop"]

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds so far and the peak of resident memory, a process with its children."""

    cpu_seconds: float
    peak_bytes: int


def _family(pid: int) -> list[int]:
    family = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            family += _family(int(child))
    return family


def cost_of(pid: int) -> Cost:
    """The cost so far of `pid` and all its descendants."""
    cpu, peak = 0.0, 0
    for member in _family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / _TICKS
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak += int(line.split()[1]) * 1024
    return Cost(cpu, peak)


def resident_bytes(pid: int) -> int:
    """The memory that `pid` itself holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stop(process: subprocess.Popen[bytes], *, patience_s: float = 30) -> None:
    """End `process` by SIGTERM, by SIGKILL when it doesn't listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None:
            process.kill()
    process.wait()
