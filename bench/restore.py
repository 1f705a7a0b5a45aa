"""`python -m bench.restore`: how fast a lost store comes back from its changelog. Needs Java 17 and Maven.

A count over `--records` records of `--keys` keys fills the store and its changelog. Then the process is ended, its
state folder emptied, one more record written, and the process started again: the time until that record's count comes
out is start-up, joining the group and the restore. The same with the state left in place says what the rest takes.
Each contender restores its own changelog, of one partition a task; all tasks belong to the one process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from bench.__main__ import CHECKOUT, apache_kafka, bundled_broker
from bench.contenders import Contender, Place, java_contender, streamkit_contender
from bench.processes import cost_of, stop
from bench.workloads import PARTITIONS, Input, key_name
from streamkit.log.client import Admin, NewTopic
from streamkit.model import TopicPartition

from java import java_classpath  # isort: skip - after the path that `bench.__main__` adds

_PATIENCE_S = 240.0


class Lab:
    """One contender's application, started again and again over the same topics."""

    def __init__(self, contender: Contender, admin: Admin, place: Place) -> None:
        self.contender = contender
        self.admin = admin
        self.place = place
        self.partitions = [TopicPartition(place.sink, number) for number in range(PARTITIONS)]

    def written(self) -> int:
        ends = self.admin.list_offsets(self.partitions)
        return sum(end.offset for end in ends.values() if end is not None)

    def run(self, outputs: int) -> tuple[float, float, int]:
        """Start it until it has written so many records: seconds, CPU seconds, peak bytes; then end it."""
        log = Path(self.place.state).parent / "log"
        started = time.monotonic()
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(self.contender.command(self.place)),
                env=os.environ | self.contender.environment(self.place),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            while self.written() < outputs:
                late = time.monotonic() - started > _PATIENCE_S
                if process.poll() is not None or late:
                    raise RuntimeError(f"{self.contender.name}: {log.read_text()[-2000:]}")
                time.sleep(0.02)
            taken = time.monotonic() - started
            cost = cost_of(process.pid)
            return taken, cost.cpu_seconds, cost.peak_bytes
        finally:
            # A graceful end commits, whatever the interval.
            stop(process)


def one_more(bootstrap: str, topic: str, key: str) -> None:
    """A record for each partition: every task has to be restored before the last count comes out."""
    producer = Producer({"bootstrap.servers": bootstrap})
    now_ms = int(time.time() * 1000)
    for partition in range(PARTITIONS):
        producer.produce(topic, b"{}", key.encode(), partition, timestamp=now_ms)
    producer.flush()


def row(
    contender: Contender, bootstrap: str, source: str, inputs: Input, folder: Path
) -> Sequence[str]:
    app = f"restore-{time.time_ns()}"
    state = folder / app / "state"
    state.mkdir(parents=True)
    with Admin(bootstrap) as admin:
        admin.create_topics([NewTopic(f"{app}-out", PARTITIONS)])
        place = Place("count", bootstrap, app, source, source, f"{app}-out", str(state))
        lab = Lab(contender, admin, place)
        begun = sum(
            end.offset
            for end in admin.list_offsets(
                [TopicPartition(source, number) for number in range(PARTITIONS)]
            ).values()
            if end is not None
        )
        lab.run(begun)
        one_more(bootstrap, source, key_name(0))
        with_state, state_cpu, _ = lab.run(begun + PARTITIONS)
        rmtree(state)
        state.mkdir()
        one_more(bootstrap, source, key_name(0))
        without, cpu, peak = lab.run(begun + 2 * PARTITIONS)
        admin.delete_topics([place.sink])
    restored = without - with_state
    return (
        contender.name,
        f"{with_state:.1f}",
        f"{without:.1f}",
        f"{inputs.key_count / restored:,.0f}" if restored > 0 else "",
        f"{(cpu - state_cpu) / inputs.key_count * 1e6:.2f}",
        f"{peak / 2**20:.0f}",
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.restore", description=__doc__)
    options.add_argument("--keys", type=int, default=1_000_000)
    options.add_argument("--bundled", action="store_true", help="on the bundled broker")
    options.add_argument("--only", default="", help="contenders whose name contains this")
    options.add_argument(
        "--compiled", type=Path, default=CHECKOUT / ".venv-compiled" / "bin" / "python"
    )
    chosen = options.parse_args()
    inputs = Unique(7, chosen.keys, int(time.time() * 1000) - chosen.keys)
    inputs = replace(inputs, key_count=chosen.keys)
    drawn = Table(title=f"a count of {chosen.keys:,} keys, started again")
    for heading in (
        "", "start with state, s", "without, s", "restored/s", "CPU s/million restored", "peak MB",
    ):  # fmt: skip
        drawn.add_column(heading, justify="left" if not heading else "right")
    with (
        tempfile.TemporaryDirectory() as name,
        bundled_broker() if chosen.bundled else apache_kafka() as bootstrap,
    ):
        classpath = java_classpath()
        source = str(CHECKOUT / "bench" / "peers" / "Workloads.java")
        subprocess.run(["javac", "-cp", classpath, "-d", name, source], check=True)
        inputs.write(bootstrap, "restore-in")
        entrants = [
            java_contender(classpath, Path(name)),
            streamkit_contender("streamkit, interpreted", sys.executable),
        ]
        if chosen.compiled.exists():
            entrants.append(streamkit_contender("streamkit, compiled", str(chosen.compiled)))
        for contender in entrants:
            if chosen.only in contender.name:
                drawn.add_row(*row(contender, bootstrap, "restore-in", inputs, Path(name)))
    Console(width=110).print(drawn)


class Unique(Input):
    """Every key once."""

    def keys(self) -> list[int]:
        return list(range(self.records))


if __name__ == "__main__":
    main()
