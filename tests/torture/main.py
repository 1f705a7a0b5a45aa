"""kill -9 of the broker, again and again under load; then a check that it has kept what it promised.

    python tests/torture/main.py [--seconds 60] [--kills 0] [--seed 1] [--bug NAME] [--patience 40]
                                 [--folder FOLDER] [--python PYTHON]

Two idempotent and two transactional producers, two movers (consume, produce and commit in one transaction) and
groups of two readers, of the classic and of the consumer protocol; of our own client one producer of each kind and
a group of two readers: each is a process that writes a journal of what it is told (`workload.py`). In the end
`checker.py` reads everything by another client. The log's settings are such that segments roll every two seconds,
so that the internal topics are compacted all the time. Exit code 1 if a promise was broken. `--kills` lets it
go on, on a slow machine, until so many kills have met a broker at work. `--bug` runs `broken_broker.py`, to see
that it is found; `--python` names the interpreter of another installation for the broker:
`.venv-compiled/bin/python`, after `make compiled`, for the compiled one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from streamkit.log.client import Admin, NewTopic
from streamkit.log.storage.checkpoints import CLEANER_OFFSET_FILE, read_offsets

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from torture_journal import LEDGER, MOVED, PARTITIONS, PLAIN  # noqa: E402

LOAD = {
    "idempotent": 2,
    "transactional": 2,
    "own_idempotent": 1,
    "own_transactional": 1,
    "own_reader": 2,
    "mover": 2,
    "reader": 2,
    "new_reader": 2,
}
SETTINGS = {
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "log.segment.bytes": "1048576",
    "offsets.topic.segment.bytes": "100000",
    "transaction.state.log.segment.bytes": "100000",
    "log.cleaner.min.cleanable.ratio": "0.1",
    "log.cleaner.backoff.ms": "200",
    "log.roll.ms": "2000",
}

# A member that has gone without a word holds its group up until its session (6 s) is over, which takes a broker
# that lives for longer: so long it lives now and then, and in the end.
_CALM_S = 8.0
_KILLS_TO_A_CALM = 10

# However few kills have met a broker at work by then.
_LONGEST_S = 100.0


class TorturedBroker:
    """The broker's process, killed and started again at one address; its errors are kept in `log`."""

    def __init__(self, folder: Path, bug: str | None, python: str | None) -> None:
        self._log = (folder / "broker.log").open("a")
        self.log = folder / "broker.log"
        # Of another installation: then nothing of this one may be imported there.
        self._folder = folder if python else None
        self._environment = dict(os.environ)
        if python:
            self._environment.pop("PYTHONPATH", None)
        program = [str(HERE / "broken_broker.py"), bug] if bug else ["-m", "streamkit", "broker"]
        self.data = folder / "data"
        self._command = [python or sys.executable, *program, "--data-dir", str(self.data)]
        for name, value in SETTINGS.items():
            self._command += ["--set", f"{name}={value}"]
        self._process: subprocess.Popen[str] | None = None
        self.bootstrap = "127.0.0.1:0"

    def start(self) -> None:
        """Start it and wait for its address, which stays the same.

        Raises:
            RuntimeError: it didn't start; its log says why.
        """
        self._process = subprocess.Popen(
            [*self._command, "--listen", self.bootstrap],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=self._folder,
            env=self._environment,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the broker did not start:\n{self.log.read_text()[-4000:]}")
        self.bootstrap = line.split()[-1]

    def kill(self) -> bool:
        """kill -9; whether it was alive until then."""
        assert self._process is not None
        alive = self._process.poll() is None
        self._process.kill()
        self._process.communicate()
        return alive


def start_load(folder: Path, bootstrap: str, seed: int) -> dict[str, subprocess.Popen[bytes]]:
    """The processes of the load, by name."""
    processes = {}
    for role, count in LOAD.items():
        for number in range(count):
            name = f"{role}-{number}"
            command = [sys.executable, str(HERE / "workload.py"), role, name, bootstrap]
            command += [str(folder / f"{name}.journal"), str(seed)]
            with (folder / f"{name}.log").open("ab") as output:
                processes[name] = subprocess.Popen(command, stdout=output, stderr=output)
    return processes


def at_work(folder: Path) -> tuple[int, int]:
    """How much the producers, and the readers, have written into their journals."""
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.journal")}
    written = sum(size for name, size in sizes.items() if "idempotent" in name)
    return written, sum(size for name, size in sizes.items() if "reader" in name)


def end_load(processes: dict[str, subprocess.Popen[bytes]], patience_s: float) -> list[str]:
    """Let all end what they are at; who did not, and was killed."""
    for process in processes.values():
        process.terminate()
    running = processes
    deadline = time.monotonic() + patience_s
    while running and time.monotonic() < deadline:
        time.sleep(0.1)
        running = {name: process for name, process in running.items() if process.poll() is None}
    for process in running.values():
        process.send_signal(signal.SIGUSR1)  # it writes to its log where it hangs
        time.sleep(0.2)
        process.kill()
        process.wait()
    return list(running)


def torture(
    folder: Path,
    *,
    seconds: float,
    seed: int,
    bug: str | None = None,
    patience_s: float = 40,
    python: str | None = None,
    kills_at_work: int = 0,
) -> dict[str, object]:
    """Run it once.

    Args:
        folder: for data, journals and logs.
        seconds: for how long the broker is killed.
        seed: of when it is killed, and of the load.
        bug: of `broken_broker.py`; None: the broker as it is.
        patience_s: how long the load may take to end.
        python: the interpreter that runs the broker; None: this one.
        kills_at_work: how many kills, at least, are to meet a broker that has been written to and read from since its
            start; on a busy machine that takes longer.

    Returns:
        `violations`, a list of sentences, and `figures` by name.
    """
    generator = random.Random(seed)
    broker = TorturedBroker(folder, bug, python)
    broker.start()
    with Admin(broker.bootstrap) as admin:
        admin.create_topics([NewTopic(name, PARTITIONS) for name in (PLAIN, LEDGER, MOVED)])
    processes = start_load(folder, broker.bootstrap, seed)
    kills, met_at_work, violations, starts = 0, 0, [], []
    begun = time.monotonic()
    journals = at_work(folder)
    try:
        while (passed := time.monotonic() - begun) < seconds or (
            met_at_work < kills_at_work and passed < _LONGEST_S
        ):
            calm = kills % _KILLS_TO_A_CALM == _KILLS_TO_A_CALM - 1
            time.sleep(_CALM_S if calm else generator.uniform(0.3, 4.0))
            if not broker.kill():
                violations.append("the broker ended by itself")
            kills += 1
            before, journals = journals, at_work(folder)
            met_at_work += all(now > then for now, then in zip(journals, before, strict=True))
            time.sleep(generator.uniform(0.0, 0.3))
            started_at = time.monotonic()
            broker.start()
            starts.append(time.monotonic() - started_at)
        time.sleep(_CALM_S)
    finally:
        stuck = end_load(processes, patience_s)
        broker.kill()
    if stuck:
        violations.append(f"the load did not end by itself: {', '.join(stuck)}")
    if "Traceback" in broker.log.read_text():
        violations.append(f"an unexpected error is in {broker.log}")
    broker.start()
    try:
        command = [sys.executable, str(HERE / "checker.py"), broker.bootstrap, str(folder)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        broker.kill()
    if checked.returncode:
        raise RuntimeError(f"the checker broke down:\n{checked.stderr}")
    report = json.loads(checked.stdout)
    cleaned = read_offsets(broker.data / CLEANER_OFFSET_FILE)
    started = {
        "kills": kills,
        "kills of a broker at work": met_at_work,
        "internal logs compacted": sum(
            1 for tp, at in cleaned.items() if at and tp.topic[:2] == "__"
        ),
        "slowest start, ms": round(max(starts) * 1000),
    }
    return {
        "violations": violations + report["violations"],
        "figures": started | report["figures"],
    }


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--kills", type=int, default=0, help="of a broker at work, at least")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--bug", help="one of broken_broker.py")
    options.add_argument("--patience", type=float, default=40, help="seconds for the load to end")
    options.add_argument("--folder", type=Path, help="keep everything here")
    options.add_argument("--python", help="the interpreter that runs the broker")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as temporary:
        folder: Path = (chosen.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        report = torture(
            folder,
            seconds=chosen.seconds,
            seed=chosen.seed,
            bug=chosen.bug,
            patience_s=chosen.patience,
            python=str(Path(chosen.python).absolute()) if chosen.python else None,
            kills_at_work=chosen.kills,
        )
    print(json.dumps(report, indent=2))
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
