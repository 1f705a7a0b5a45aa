"""`python -m bench.broker`: the bundled broker beside Apache Kafka 4.3.0, as a table of ratios.

Both run on this machine at the same time and are measured in turn, so that the ratios mean something where the
absolute figures are noisy: throughput in and out by Kafka's performance tools and by librdkafka, processor seconds
of the broker a GB of payload, the round trip of a single record, start-up, memory. The last columns say what is aimed
at and whether it is met; what misses by less than two runs of one broker differ is called noise: 10 % in
throughput, 25 % in latency. Needs Java 17 and Maven.

Options: `--rounds N` (1; medians are shown), `--megabytes N` (200) a run, `--only TEXT`: throughput where the row
contains this; `--python PYTHON`: the interpreter of the bundled broker. Without it, the one with a compiled streamkit
that `make bench` makes, as from a wheel, or else this one; the table's title tells which.
"""

from __future__ import annotations

import argparse
import itertools
import math
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka as ck
from rich.console import Console
from rich.table import Table

from bench.acknowledgement import quantile, round_trips
from bench.brokers import Broker, apache_kafka, bundled_broker, installed_python, is_compiled
from bench.processes import cost_of, resident_bytes
from streamkit.log.client import Admin, NewTopic

from java import java_classpath  # isort: skip - after the path that `brokers` adds

ROUND_TRIPS = 10_000
STARTS = 5
LARGE_BATCH_BYTES = 256 << 10


# What is aimed at.


@dataclass(frozen=True, slots=True)
class Aim:
    """What a row should show: a bound of the ratio to Kafka, or of the figure itself.

    Attributes:
        bound: the least ratio, or the largest one if `most`.
        most: less is better.
        absolute: the bound is of the bundled broker's figure, whatever Kafka's is.
        noise: the share by which two runs of one broker differ.
    """

    bound: float
    most: bool = False
    absolute: bool = False
    noise: float = 0.0

    def __str__(self) -> str:
        return f"{'below' if self.most else 'at least'} {self.bound:g}"

    def verdict(self, kafka: float, ours: float) -> str:
        found = ours if self.absolute else ours / kafka
        missed_by = (found / self.bound - 1) * (1 if self.most else -1)
        if missed_by <= 0:
            return "met"
        return "noise" if missed_by < self.noise else "MISSED"


# What is measured: each takes a broker and a topic, and gives records a second.


@dataclass(frozen=True, slots=True)
class Shape:
    """A load: how many records of which size, in batches of at most so many bytes."""

    records: int
    record_bytes: int
    batch_bytes: int
    acks: str

    @property
    def payload_gb(self) -> float:
        return self.records * self.record_bytes / 1e9

    @property
    def aim(self) -> Aim:
        """Of its throughput; small batches cost a broker in Python more than one in Java."""
        return Aim(1.0 if self.batch_bytes >= LARGE_BATCH_BYTES else 0.8, noise=0.1)

    def __str__(self) -> str:
        return f"{self.record_bytes} B, batch {self.batch_bytes >> 10}k, acks {self.acks}"


def java_tool(name: str, *arguments: str) -> str:
    """What one of Kafka's tools printed.

    Raises:
        RuntimeError: it failed; the message has what it said.
    """
    command = ["java", "-Xmx512m", "-cp", java_classpath(), f"org.apache.kafka.tools.{name}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def java_produce(bootstrap: str, topic: str, shape: Shape) -> float:
    warm_up = shape.records // 4  # the tool's own JVM is cold too; what comes after is measured
    said = java_tool(
        "ProducerPerformance",
        *("--topic", topic, "--num-records", str(shape.records), "--throughput", "-1"),
        *("--warmup-records", str(warm_up)),
        *("--record-size", str(shape.record_bytes), "--producer-props"),
        *(f"bootstrap.servers={bootstrap}", f"batch.size={shape.batch_bytes}"),
        *("linger.ms=5", f"acks={shape.acks}"),
    )
    found = re.findall(r"([\d.]+) records/sec", said)
    return float(found[-1])


def java_consume(bootstrap: str, topic: str, shape: Shape) -> float:
    said = java_tool(
        "ConsumerPerformance",
        *("--bootstrap-server", bootstrap, "--topic", topic),
        *("--num-records", str(shape.records), "--timeout", "60000"),
    )
    fields = said.strip().splitlines()[-1].split(",")
    count, speed = int(fields[4]), float(fields[-1])
    if count < shape.records or not 0 < speed < math.inf:
        raise RuntimeError(f"{count} of {shape.records} records came, at {speed} a second:\n{said}")
    return speed


def librdkafka_produce(bootstrap: str, topic: str, shape: Shape) -> float:
    producer = ck.Producer(
        {
            "bootstrap.servers": bootstrap,
            "batch.size": shape.batch_bytes,
            "batch.num.messages": 100_000,
            "linger.ms": 5,
            "acks": shape.acks,
            "queue.buffering.max.messages": 200_000,
        }
    )
    value = b"x" * shape.record_bytes
    begun = time.perf_counter()
    for _ in range(shape.records):
        while True:
            try:
                producer.produce(topic, value, partition=0)
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    return shape.records / (time.perf_counter() - begun)


def librdkafka_consume(bootstrap: str, topic: str, shape: Shape) -> float:
    """From the first record that comes to the last."""
    consumer = ck.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 1 << 20,
            # With its queue full it would fetch no more for a second, and show nothing of the broker.
            "fetch.queue.backoff.ms": 1,
        }
    )
    consumer.assign([ck.TopicPartition(topic, 0, ck.OFFSET_BEGINNING)])
    first = len(consumer.consume(1, 10))
    begun, count = time.perf_counter(), first
    while count < shape.records:
        got = len(consumer.consume(min(10_000, shape.records - count), 10))  # it waits for all
        if not got:
            raise RuntimeError(f"{count} of {shape.records} records came")
        count += got
    taken = time.perf_counter() - begun
    consumer.close()
    return (count - first) / taken


# The run.

Measure = Callable[[str, str, Shape], float]


@dataclass(slots=True)
class Row:
    """What was found of one quantity, by broker."""

    aim: Aim | None
    figures: dict[str, list[float]]


LATENCY = Aim(1.0, most=True, noise=0.25)
CLIENTS: Mapping[str, tuple[Measure, Measure]] = {
    "Kafka's tools": (java_produce, java_consume),
    "librdkafka": (librdkafka_produce, librdkafka_consume),
}
# Some 12,000 Produce requests and a thousand fetches.
WARM_UP = [
    *(Shape(400_000, 100, 4_096, acks) for acks in ("all", "1")),
    *(Shape(60_000, 1000, 16_384, acks) for acks in ("all", "1")),
    *(Shape(60_000, 1000, 262_144, acks) for acks in ("all", "1")),
]


def shapes(megabytes: int) -> list[Shape]:
    return [
        Shape(megabytes * 1_000_000 // size, size, batch_bytes, acks)
        for size, batch_bytes, acks in itertools.product(
            (100, 1000), (16 << 10, LARGE_BATCH_BYTES), ("1", "all")
        )
    ]


class Run:
    """Measures brokers in turn and collects what it finds in `figures`."""

    def __init__(self, brokers: list[Broker], console: Console) -> None:
        self.rows: dict[str, Row] = {}
        self._brokers = brokers
        self._console = console
        self._numbers = itertools.count()

    def note(self, name: str, broker: str, figure: float, aim: Aim | None = None) -> None:
        row = self.rows.setdefault(name, Row(aim, {}))
        row.figures.setdefault(broker, []).append(figure)

    def new_topic(self, broker: Broker) -> str:
        topic = f"bench-{next(self._numbers)}"
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic(topic, 1)])
        return topic

    def throughput(self, client: str, shape: Shape, *, read: bool) -> None:
        """Write a topic and, if `read`, read it again; on each broker."""
        for broker in self._brokers:
            topic = self.new_topic(broker)
            for way, measure in zip(("in", "out"), CLIENTS[client], strict=True):
                if way == "out" and not read:
                    continue
                name = f"{client} {way}: {shape}"
                with self._console.status(f"{broker.name}: {name}"):
                    before = cost_of(broker.pid).cpu_seconds
                    try:
                        speed = measure(broker.bootstrap, topic, shape)
                    except RuntimeError as error:
                        # One row is lost, and not what hours of the others have shown.
                        self._console.print(f"{broker.name}: {name}: {error}")
                        continue
                    spent = cost_of(broker.pid).cpu_seconds - before
                self.note(f"{name}, records/s", broker.name, speed, shape.aim)
                self.note(f"{name}, CPU s/GB", broker.name, spent / shape.payload_gb)
            with Admin(broker.bootstrap) as admin:
                admin.delete_topics([topic])

    def latency(self) -> None:
        with self._console.status("round trips"):
            found = round_trips(self._brokers, ROUND_TRIPS, topic=f"bench-{next(self._numbers)}")
        for broker, times in found.items():
            for what, seconds in (
                ("acknowledgement", times.acknowledged),
                ("end to end", times.arrived),
            ):
                for name, share in (("p50", 0.5), ("p99", 0.99)):
                    figure = quantile(seconds, share) * 1000
                    self.note(f"{what}, {name} ms", broker, figure, LATENCY)

    def memory(self, row: str, aim: Aim | None = None) -> None:
        for broker in self._brokers:
            self.note(row, broker.name, resident_bytes(broker.pid) / 2**20, aim)

    def warm_up(self) -> None:
        """A JVM is slow until its compiler has seen each path often; both brokers get the same."""
        for broker in self._brokers:
            with self._console.status(f"{broker.name}: warming up"):
                for shape in WARM_UP:
                    topic = self.new_topic(broker)
                    librdkafka_produce(broker.bootstrap, topic, shape)
                    for _ in range(3):
                        librdkafka_consume(broker.bootstrap, topic, shape)
                    with Admin(broker.bootstrap) as admin:
                        admin.delete_topics([topic])


def table(rows: Mapping[str, Row], title: str) -> Table:
    """Medians and their ratio; above 1.0 the bundled broker is ahead where more is better."""
    drawn = Table(title=title)
    for heading in ("", "kafka", "streamkit", "ratio", "aim", ""):
        drawn.add_column(heading, justify="right" if heading else "left", no_wrap=bool(heading))
    for name, row in rows.items():
        if len(row.figures) < 2:
            continue  # one of them failed, or the run was ended early
        kafka, ours = (statistics.median(row.figures[each]) for each in ("kafka", "streamkit"))
        digits = 0 if kafka >= 100 else 2 if kafka >= 1 else 3
        ratio = f"{ours / kafka:.2f}" if kafka else ""
        aim = () if row.aim is None or not kafka else (str(row.aim), row.aim.verdict(kafka, ours))
        drawn.add_row(name, f"{kafka:,.{digits}f}", f"{ours:,.{digits}f}", ratio, *aim)
    return drawn


def start_seconds(folder: Path, python: str) -> list[float]:
    """How long the bundled broker takes to start, without the start that makes the bytecode."""
    found = []
    for number in range(STARTS + 1):
        with bundled_broker(folder / f"start-{number}", python) as broker:
            found.append(broker.start_seconds)
    return found[1:]


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.broker", description=__doc__)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--python", default=installed_python())
    options.add_argument("--only", default="")
    chosen = options.parse_args()
    console = Console()
    if not console.is_terminal:
        console.width = 120
    kind = "compiled" if is_compiled(chosen.python) else "interpreted"
    title = f"The bundled broker ({kind}) beside Apache Kafka 4.3.0"
    # Ended early, it stops both brokers and shows what it has.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended early"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with console.status("starting both"):
            starts = start_seconds(folder, chosen.python)
            brokers = [
                stack.enter_context(apache_kafka(folder / "kafka")),
                stack.enter_context(bundled_broker(folder / "streamkit", chosen.python)),
            ]
        run = Run(brokers, console)
        stack.callback(lambda: console.print(table(run.rows, title)))
        short = Aim(0.3, most=True, absolute=True)
        run.note("start-up, s", "kafka", brokers[0].start_seconds, short)
        run.note("start-up, s", "streamkit", statistics.median(starts), short)
        run.memory("memory at rest, MB", Aim(80, most=True, absolute=True))
        run.warm_up()
        for _ in range(chosen.rounds):
            brokers.reverse()  # none is always the one that finds the disk busy
            run.latency()
            for client, shape in itertools.product(CLIENTS, shapes(chosen.megabytes)):
                if chosen.only in f"{client}: {shape}":
                    # What is read doesn't depend on how its writer waited.
                    run.throughput(client, shape, read=shape.acks == "all")
        run.memory("memory after the load, MB")


if __name__ == "__main__":
    main()
