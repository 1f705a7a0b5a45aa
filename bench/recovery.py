"""`python -m bench.recovery`: how long a broker takes to start after kill -9, with a lot in its folder.

A folder of so many partitions and gigabytes is made, a broker is started on it as a process, and the time to its
first answer and the bytes that it read are shown; once more after a clean stop.

Options: `--partitions N` (1000), `--gigabytes N` (10), `--links`: closed segments are links to one file, which
takes no space on the disk; `--folder PATH`: where (a temporary folder, which is removed).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.processes import resident_bytes, stop

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

from large_folder import large_folder  # noqa: E402
from wire_client import WireClient  # noqa: E402

from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest  # noqa: E402

SEGMENTS = 4


def forget_cache(folder: Path) -> None:
    """Let the system forget what it has in memory of the files, as after a while."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bytes_read(pid: int) -> int:
    """What the process has read with system calls, from the disk or from memory."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    return 0


def started(folder: Path) -> tuple[subprocess.Popen[bytes], float]:
    """A broker on the folder, and the seconds from its start to its first answer."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamkit", "broker", "--data-dir", str(folder)),
            *("--listen", "127.0.0.1:0"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1].decode()
    with WireClient(address, timeout=600) as client:
        client.ask(ApiVersionsRequest(), 0)
    return process, time.perf_counter() - begun


def run(folder: Path, partitions: int, gigabytes: float, *, linked: bool) -> None:
    segment_bytes = int(gigabytes * 1e9 / partitions / (SEGMENTS + 0.25))
    begun = time.perf_counter()
    made = large_folder(
        folder,
        partitions=partitions,
        segments=SEGMENTS,
        segment_bytes=segment_bytes,
        tail_bytes=64 << 10,
        linked=linked,
    )
    print(
        f"{made.partitions:,} partitions, {made.size_bytes / 1e9:.1f} GB, "
        f"{made.tail_bytes >> 10} kB of each not on the disk for certain; "
        f"made in {time.perf_counter() - begun:.0f} s"
    )
    for what in ("after kill -9", "after kill -9 again", "after a clean stop"):
        forget_cache(folder)
        process, seconds = started(folder)
        read = bytes_read(process.pid) / 1e6
        memory = resident_bytes(process.pid) / 1e6
        print(f"{what}: {seconds:.2f} s, {read:.0f} MB read, {memory:.0f} MB of memory")
        if what == "after kill -9":
            process.kill()
            process.wait()
        else:
            stop(process, patience_s=120)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.recovery")
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name) / "data"
        run(folder, options.partitions, options.gigabytes, linked=options.links)


if __name__ == "__main__":
    main()
