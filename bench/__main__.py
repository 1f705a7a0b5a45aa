"""`python -m bench`: the end-to-end benchmarks, as tables of ratios. Needs Java 17 and Maven.

Options: `--records N` (1,000,000), `--rounds N` (1), `--bundled`: on the bundled broker instead of Apache
Kafka, `--compiled PYTHON`: an interpreter with a compiled streamkit (default: .venv-compiled).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import w2

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


def contenders(compiled: Path, classpath: str, classes: Path) -> list[w2.Contender]:
    found = [
        w2.java_contender(classpath, classes),
        w2.loop_contender("dict"),
        w2.loop_contender("rocksdb"),
        w2.streamkit_contender("streamkit, interpreted", sys.executable),
    ]
    if compiled.exists():
        found.append(w2.streamkit_contender("streamkit, compiled", str(compiled)))
    return found


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--bundled", action="store_true")
    options.add_argument("--only", default="", help="contenders whose name contains this")
    options.add_argument(
        "--compiled", type=Path, default=CHECKOUT / ".venv-compiled" / "bin" / "python"
    )
    chosen = options.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classpath = java_classpath()
        source = str(CHECKOUT / "bench" / "peers" / "CountPerKey.java")
        subprocess.run(["javac", "-cp", classpath, "-d", name, source], check=True)
        entrants = [
            entrant
            for entrant in contenders(chosen.compiled, classpath, folder)
            if chosen.only in entrant.name
        ]
        results: dict[str, list[w2.Result]] = {entrant.name: [] for entrant in entrants}
        with bundled_broker() if chosen.bundled else apache_kafka() as bootstrap:
            with console.status(f"writing {chosen.records:,} records"):
                w2.feed(bootstrap, "w2-input", chosen.records)
            for round_number in range(chosen.rounds):
                for entrant in entrants:
                    with console.status(f"round {round_number + 1}: {entrant.name}"):
                        result = w2.measure(
                            entrant, bootstrap, "w2-input", chosen.records, log=folder / "log"
                        )
                    results[entrant.name].append(result)
    console.print(table(results, "the bundled broker" if chosen.bundled else "Apache Kafka 4.3.0"))


def table(results: dict[str, list[w2.Result]], broker: str) -> Table:
    """Medians; ratios against Kafka Streams where it ran."""
    drawn = Table(title=f"W2: count per key, store and changelog, on {broker}")
    for heading in ("", "records/s", "of Kafka Streams", "CPU s/million", "peak MB", "start s"):
        drawn.add_column(heading, justify="left" if not heading else "right")

    def median(name: str, attribute: str) -> float:
        return float(statistics.median(getattr(result, attribute) for result in results[name]))

    base = median("kafka streams", "records_per_second") if "kafka streams" in results else None
    for name in results:
        speed = median(name, "records_per_second")
        drawn.add_row(
            name,
            f"{speed:,.0f}",
            f"{speed / base:.2f}" if base else "",
            f"{median(name, 'cpu_per_million'):.2f}",
            f"{median(name, 'peak_bytes') / 2**20:.0f}",
            f"{median(name, 'startup_seconds'):.1f}",
        )
    return drawn


if __name__ == "__main__":
    main()
