"""`python -m bench`: whole applications beside Kafka Streams, as tables of ratios. Needs Java 17 and Maven.

`--workload NAME`: count (W2, the default), transform, windows, suppress, sessions, stream-join, table-join, or all.
`--keys 1000000` makes states that no cache holds, `--partitions 64` many tasks. `--markdown` prints the tables as
`docs/internals/speed.md` has them. Beside it: `python -m bench.latency` (of one record through an idle worker) and
`python -m bench.restore` (of a store from its changelog).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders import (
    Contender,
    Result,
    java_contender,
    loop_contender,
    measure,
    streamkit_contender,
)
from bench.workloads import KEYS, PARTITIONS, WORKLOADS, Input, Workload

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

from java import java_classpath  # noqa: E402
from kafka_broker import KafkaBroker  # noqa: E402


@contextmanager
def bundled_broker() -> Iterator[str]:
    """The bundled broker in a process of its own, so that it doesn't share the bench's interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamkit", "broker"),
                *("--listen", "127.0.0.1:0", "--data-dir", folder),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        try:
            yield address
        finally:
            process.terminate()
            process.wait()


@contextmanager
def apache_kafka() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, KafkaBroker(Path(folder)) as broker:
        yield broker.bootstrap


def contenders(compiled: Path, classpath: str, classes: Path) -> list[Contender]:
    found = [
        java_contender(classpath, classes),
        loop_contender("dict"),
        loop_contender("rocksdb"),
        streamkit_contender("streamkit, interpreted", sys.executable),
    ]
    if compiled.exists():
        found.append(streamkit_contender("streamkit, compiled", str(compiled)))
    return found


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--workload", choices=[*WORKLOADS, "all"], default="count")
    options.add_argument("--records", type=int, default=1_000_000, help="of each input topic")
    options.add_argument("--keys", type=int, default=KEYS, help="of the input")
    options.add_argument("--partitions", type=int, default=PARTITIONS, help="of the input topics")
    options.add_argument("--markdown", action="store_true", help="one table for a page of the docs")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument(
        "--bundled", action="store_true", help="on the bundled broker instead of Apache Kafka"
    )
    options.add_argument("--only", default="", help="contenders whose name contains this")
    options.add_argument(
        "--compiled",
        type=Path,
        default=CHECKOUT / ".venv-compiled" / "bin" / "python",
        help="an interpreter with a compiled streamkit",
    )
    chosen = options.parse_args()
    # Drawn for a terminal; into a file, progress goes elsewhere and lines are as long as they are.
    console = Console(stderr=chosen.markdown)
    workloads = WORKLOADS.values() if chosen.workload == "all" else [WORKLOADS[chosen.workload]]
    # A record a millisecond up to now: older ones would fall to the topics' retention. The right side
    # lies a little earlier, so that a table is there before the stream that looks it up.
    begin_ms = int(time.time() * 1000) - chosen.records
    left = Input(7, chosen.records, begin_ms, chosen.keys, chosen.partitions)
    right = Input(11, chosen.records, begin_ms - 1, chosen.keys, chosen.partitions)
    topics = ("bench-left", "bench-right")
    with (
        tempfile.TemporaryDirectory() as name,
        bundled_broker() if chosen.bundled else apache_kafka() as bootstrap,
    ):
        folder = Path(name)
        classpath = java_classpath()
        source = str(CHECKOUT / "bench" / "peers" / "Workloads.java")
        subprocess.run(["javac", "-cp", classpath, "-d", name, source], check=True)
        entrants = [
            entrant
            for entrant in contenders(chosen.compiled.absolute(), classpath, folder)
            if chosen.only in entrant.name
        ]
        with console.status(f"writing {chosen.records:,} records"):
            left.write(bootstrap, topics[0])
            if any(workload.two_inputs for workload in workloads):
                right.write(bootstrap, topics[1])
        if chosen.markdown:
            print("\n".join(MARKDOWN_HEAD), flush=True)
        for workload in workloads:
            results: dict[str, list[Result]] = {}
            inputs, outputs = workload.inputs(left, right), workload.outputs(left, right)
            for round_number in range(chosen.rounds):
                for entrant in entrants:
                    if entrant.workloads and workload.name not in entrant.workloads:
                        continue
                    with console.status(f"{workload.name} {round_number + 1}: {entrant.name}"):
                        result = measure(
                            entrant,
                            workload,
                            topics,
                            bootstrap,
                            inputs=inputs,
                            outputs=outputs,
                            log=folder / "log",
                        )
                    results.setdefault(entrant.name, []).append(result)
            broker = "the bundled broker" if chosen.bundled else "Apache Kafka 4.3.0"
            if chosen.markdown:
                print("\n".join(markdown_rows(workload, results)), flush=True)
            else:
                console.print(table(workload, results, broker))


MARKDOWN_HEAD = (
    "| workload | | records/s | of Kafka Streams | CPU s / million | CPU of Kafka Streams' | peak MB | result |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
)


def median(runs: list[Result], attribute: str) -> float:
    return float(statistics.median(getattr(run, attribute) for run in runs))


def same_result(results: dict[str, list[Result]], name: str) -> str:
    right = next(iter(results.values()))[0].digest
    return "same" if all(run.digest == right for run in results[name]) else "DIFFERENT"


def markdown_rows(workload: Workload, results: dict[str, list[Result]]) -> Iterator[str]:
    """Medians, a row a contender, as the docs have them."""
    peer = results.get("kafka streams")
    title = workload.title
    for name, runs in results.items():
        speed, cpu = median(runs, "records_per_second"), median(runs, "cpu_per_million")
        faster = f"{speed / median(peer, 'records_per_second'):.2f}" if peer else ""
        cheaper = f"{cpu / median(peer, 'cpu_per_million'):.2f}" if peer else ""
        peak = median(runs, "peak_bytes") / 2**20
        yield (
            f"| {title} | {name} | {speed:,.0f} | {faster} | {cpu:.2f} | {cheaper} | {peak:.0f} | "
            f"{same_result(results, name)} |"
        )
        title = ""


def table(workload: Workload, results: dict[str, list[Result]], broker: str) -> Table:
    """Medians; ratios against Kafka Streams where it ran."""
    drawn = Table(title=f"{workload.title}, on {broker}")
    headings = (
        "",
        "records/s",
        "of Kafka Streams",
        "CPU s/million",
        "peak MB",
        "start s",
        "result",
    )
    for heading in headings:
        drawn.add_column(heading, justify="left" if not heading else "right")
    peer = results.get("kafka streams")
    for name, runs in results.items():
        speed = median(runs, "records_per_second")
        drawn.add_row(
            name,
            f"{speed:,.0f}",
            f"{speed / median(peer, 'records_per_second'):.2f}" if peer else "",
            f"{median(runs, 'cpu_per_million'):.2f}",
            f"{median(runs, 'peak_bytes') / 2**20:.0f}",
            f"{median(runs, 'startup_seconds'):.1f}",
            same_result(results, name),
        )
    return drawn


if __name__ == "__main__":
    main()
