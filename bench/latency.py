"""`python -m bench.latency`: how long one record takes through a worker that is mostly idle. Needs Java 17 and Maven.

At `--rate` records a second a record goes into the input topic, through an application and out of its output topic
again, seen by one consumer; what is measured is the time between, in milliseconds. All settings are the defaults: of
Kafka Streams and of streamkit the producer waits 100 ms for more records (`linger.ms`), which is most of what they
take. "floor" is the record read back from the input topic itself. The contenders run one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, Producer
from rich.console import Console
from rich.table import Table

from bench.__main__ import CHECKOUT, apache_kafka, bundled_broker
from bench.contenders import Contender, Place, java_contender, streamkit_contender
from bench.processes import cost_of, stop
from streamkit.log.client import Admin, NewTopic

sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

from java import java_classpath

PARTITIONS = 4
WARM_UP = 200
PATIENCE_S = 60.0


def stamped(number: int) -> tuple[bytes, bytes]:
    """Key and value of a record of now; the key comes out again, whatever the workload."""
    now = time.monotonic_ns()
    value = {"user": "u", "page": str(now), "at": 0, "ms": number % 900}
    return str(now).encode(), json.dumps(value).encode()


def latencies(bootstrap: str, source: str, sink: str, *, records: int, rate: float) -> list[float]:
    """Milliseconds of each record, the first `WARM_UP` left out."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"latency-{time.time_ns()}",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 500,
        }
    )
    consumer.subscribe([sink])
    taken: list[float] = []
    sent = 0
    due = time.monotonic()
    deadline = due + PATIENCE_S + (records + WARM_UP) / rate
    try:
        while len(taken) < records + WARM_UP:
            now = time.monotonic()
            if now > deadline:
                raise RuntimeError(f"only {len(taken)} of {sent} records came out")
            # Until the first one came out, one a second: the application is starting.
            if now >= due and sent < records + WARM_UP:
                key, value = stamped(sent)
                producer.produce(source, value, key)
                sent += 1
                due = now + (1 / rate if taken else 1.0)
            producer.poll(0)
            message = consumer.poll(min(max(due - time.monotonic(), 0.0), 0.01))
            if message is not None and message.error() is None:
                key = message.key() or b""
                taken.append((time.monotonic_ns() - int(key)) / 1e6)
    finally:
        consumer.close()
    return taken[WARM_UP:]


def measured(
    contender: Contender | None, bootstrap: str, workload: str, records: int, rate: float
) -> tuple[list[float], float]:
    """Latencies, and CPU seconds that the contender's process took for a second of running."""
    app = f"latency-{time.time_ns()}"
    source, sink = f"{app}-in", f"{app}-out"
    with Admin(bootstrap) as admin, tempfile.TemporaryDirectory() as state:
        admin.create_topics([NewTopic(source, PARTITIONS), NewTopic(sink, PARTITIONS)])
        if contender is None:
            return latencies(bootstrap, source, source, records=records, rate=rate), 0.0
        place = Place(workload, bootstrap, app, source, source, sink, state)
        with Path(state, "log").open("wb") as log:
            process = subprocess.Popen(
                list(contender.command(place)),
                env=os.environ | contender.environment(place),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=state,
            )
        try:
            found = latencies(bootstrap, source, sink, records=records, rate=rate)
            before, begin = cost_of(process.pid).cpu_seconds, time.monotonic()
            time.sleep(3)
            idle = (cost_of(process.pid).cpu_seconds - before) / (time.monotonic() - begin)
        finally:
            stop(process)
        admin.delete_topics([source, sink])
        return found, idle


def quantile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def entrants(compiled: Path, classpath: str, classes: Path) -> Iterator[Contender | None]:
    yield None
    yield java_contender(classpath, classes)
    yield streamkit_contender("streamkit, interpreted", sys.executable)
    if compiled.exists():
        yield streamkit_contender("streamkit, compiled", str(compiled))


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    options.add_argument("--workload", choices=["transform", "count"], default="count")
    options.add_argument("--records", type=int, default=2_000)
    options.add_argument("--rate", type=float, default=100.0, help="records a second")
    options.add_argument("--bundled", action="store_true", help="on the bundled broker")
    options.add_argument(
        "--compiled", type=Path, default=CHECKOUT / ".venv-compiled" / "bin" / "python"
    )
    chosen = options.parse_args()
    drawn = Table(title=f"{chosen.workload}, {chosen.rate:.0f} records/s, milliseconds")
    for heading in ("", "p50", "p90", "p99", "max", "CPU % when idle"):
        drawn.add_column(heading, justify="left" if not heading else "right")
    with (
        tempfile.TemporaryDirectory() as name,
        bundled_broker() if chosen.bundled else apache_kafka() as bootstrap,
    ):
        classpath = java_classpath()
        source = str(CHECKOUT / "bench" / "peers" / "Workloads.java")
        subprocess.run(["javac", "-cp", classpath, "-d", name, source], check=True)
        for contender in entrants(chosen.compiled, classpath, Path(name)):
            found, idle = measured(
                contender, bootstrap, chosen.workload, chosen.records, chosen.rate
            )
            drawn.add_row(
                "floor" if contender is None else contender.name,
                *(f"{quantile(found, part):.1f}" for part in (0.5, 0.9, 0.99)),
                f"{max(found):.1f}",
                "" if contender is None else f"{idle * 100:.1f}",
            )
    Console(width=100).print(drawn)


if __name__ == "__main__":
    main()
