"""`python -m bench.broker`: the bundled broker beside Apache Kafka 4.3.0, as a table of ratios.

Both run on this machine at the same time and are measured in turn, so that the ratios mean something where the
absolute figures are noisy: throughput in and out by Kafka's performance tools and by librdkafka, processor seconds
of the broker a GB of payload, the round trip of a single record, start-up, memory. Needs Java 17 and Maven.

Options: `--rounds N` (1; medians are shown), `--megabytes N` (200) a run, `--python PYTHON`: the interpreter of the
bundled broker, for one with a compiled streamkit; `--only TEXT`: what contains this.
"""

from __future__ import annotations

import argparse
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import confluent_kafka as ck
from rich.console import Console
from rich.table import Table

from bench.processes import cost_of, resident_bytes, stop
from streamkit.log.client import Admin, NewTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

from broker_lab import batch, fetch_request  # noqa: E402
from java import java_classpath  # noqa: E402
from kafka_broker import KafkaBroker  # noqa: E402
from wire_client import WireClient  # noqa: E402

ROUND_TRIPS = 5_000
_FOR_QUICK_TESTS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs: where, as which process, and how long its start took."""

    name: str
    bootstrap: str
    pid: int
    start_seconds: float


class WarmKafka(KafkaBroker):
    """Apache Kafka with the JVM's own defaults and Kafka's heap, not with those for a quick start."""

    start_seconds = 0.0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _command(self, main: str, *arguments: str) -> list[str]:
        command = super()._command(main, *arguments)
        kept = [each for each in command if each not in _FOR_QUICK_TESTS]
        return ["-Xmx1g" if each.startswith("-Xmx") else each for each in kept]

    def _start(self, output: IO[bytes]) -> None:
        begun = time.monotonic()
        super()._start(output)
        self.start_seconds = time.monotonic() - begun


@contextmanager
def apache_kafka(folder: Path) -> Iterator[Broker]:
    kafka = WarmKafka(folder)
    with kafka:
        yield Broker("kafka", kafka.bootstrap, kafka.pid, kafka.start_seconds)


@contextmanager
def bundled_broker(folder: Path, python: str) -> Iterator[Broker]:
    """The bundled broker on an interpreter of choice, away from the checkout's sources."""
    folder.mkdir()
    begun = time.monotonic()
    with (folder / "broker.log").open("ab") as output:
        process = subprocess.Popen(
            [
                *(python, "-m", "streamkit", "broker", "--listen", "127.0.0.1:0"),
                *("--data-dir", str(folder / "data")),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=output,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line:
            raise RuntimeError(f"no broker:\n{(folder / 'broker.log').read_text()[-2000:]}")
        yield Broker("streamkit", line.split()[-1], process.pid, time.monotonic() - begun)
    finally:
        stop(process)


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
    return float(said.strip().splitlines()[-1].split(",")[-1])


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
    first = len(consumer.consume(10_000, 10))
    begun, count = time.perf_counter(), first
    while count < shape.records:
        got = len(consumer.consume(10_000, 10))
        if not got:
            raise RuntimeError(f"{count} of {shape.records} records came")
        count += got
    taken = time.perf_counter() - begun
    consumer.close()
    return (count - first) / taken


def round_trips(bootstrap: str, topic: str) -> dict[str, float]:
    """Milliseconds of a single record: to its acknowledgement, and to a consumer that waits for it."""
    record = batch(b"x" * 100, timestamp=int(time.time() * 1000))
    data = PartitionProduceData(index=0, records=record)
    produce = ProduceRequest(
        acks=-1,
        timeout_ms=5_000,
        topic_data=[TopicProduceData(name=topic, partition_data=[data])],
    )
    acknowledged, arrived = [], []
    with WireClient(bootstrap) as writer, WireClient(bootstrap) as waiter:
        for number in range(2 * ROUND_TRIPS):
            begun = time.perf_counter()
            answer = writer.ask(produce, 9)
            if number >= ROUND_TRIPS:  # the first half warms it up
                acknowledged.append(time.perf_counter() - begun)
            if error := answer.responses[0].partition_responses[0].error_code:
                raise RuntimeError(f"record {number} was refused: error {error}")
        for number in range(ROUND_TRIPS):
            fetch = fetch_request(topic, [(0, 2 * ROUND_TRIPS + number)], max_wait_ms=1_000)
            waiter.send(fetch, 12)
            begun = time.perf_counter()
            writer.send(produce, 9)
            waiter.receive()
            arrived.append(time.perf_counter() - begun)
            writer.receive()
    return {
        f"{what}, {name} ms": sorted(times)[int(len(times) * share)] * 1000
        for what, times in (("acknowledgement", acknowledged), ("end to end", arrived))
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


# The run.

Figures = dict[str, dict[str, list[float]]]  # by row, then by broker
Measure = Callable[[str, str, Shape], float]

CLIENTS: Mapping[str, tuple[Measure, Measure]] = {
    "Kafka's tools": (java_produce, java_consume),
    "librdkafka": (librdkafka_produce, librdkafka_consume),
}
MORE_IS_BETTER = "records/s"
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
            (100, 1000), (16_384, 262_144), ("1", "all")
        )
    ]


class Run:
    """Measures brokers in turn and collects what it finds in `figures`."""

    def __init__(self, brokers: list[Broker], console: Console) -> None:
        self.figures: Figures = {}
        self._brokers = brokers
        self._console = console
        self._numbers = itertools.count()

    def note(self, row: str, broker: Broker, figure: float) -> None:
        self.figures.setdefault(row, {}).setdefault(broker.name, []).append(figure)

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
                    speed = measure(broker.bootstrap, topic, shape)
                    spent = cost_of(broker.pid).cpu_seconds - before
                self.note(f"{name}, {MORE_IS_BETTER}", broker, speed)
                self.note(f"{name}, CPU s/GB", broker, spent / shape.payload_gb)
            with Admin(broker.bootstrap) as admin:
                admin.delete_topics([topic])

    def latency(self) -> None:
        for broker in self._brokers:
            topic = self.new_topic(broker)
            with self._console.status(f"{broker.name}: round trips"):
                found = round_trips(broker.bootstrap, topic)
            for row, figure in found.items():
                self.note(row, broker, figure)

    def memory(self, row: str) -> None:
        for broker in self._brokers:
            self.note(row, broker, resident_bytes(broker.pid) / 2**20)

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


def table(figures: Figures) -> Table:
    """Medians and their ratio; above 1.0 the bundled broker is ahead where more is better."""
    drawn = Table(title="The bundled broker beside Apache Kafka 4.3.0")
    for heading in ("", "kafka", "streamkit", "ratio"):
        drawn.add_column(heading, justify="right" if heading else "left", no_wrap=bool(heading))
    for row, of_row in figures.items():
        kafka, ours = (statistics.median(of_row[name]) for name in ("kafka", "streamkit"))
        digits = 0 if kafka >= 100 else 2
        ratio = f"{ours / kafka:.2f}" if kafka else ""
        drawn.add_row(row, f"{kafka:,.{digits}f}", f"{ours:,.{digits}f}", ratio)
    return drawn


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.broker", description=__doc__)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--megabytes", type=int, default=200)
    options.add_argument("--python", default=sys.executable)
    options.add_argument("--only", default="")
    chosen = options.parse_args()
    console = Console()
    if not console.is_terminal:
        console.width = 110
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with console.status("starting both"):
            brokers = [
                stack.enter_context(apache_kafka(folder / "kafka")),
                stack.enter_context(bundled_broker(folder / "streamkit", chosen.python)),
            ]
        run = Run(brokers, console)
        for broker in brokers:
            run.note("start-up, s", broker, broker.start_seconds)
        run.memory("memory at rest, MB")
        run.warm_up()
        for _ in range(chosen.rounds):
            brokers.reverse()  # none is always the one that finds the disk busy
            run.latency()
            for client, shape in itertools.product(CLIENTS, shapes(chosen.megabytes)):
                if chosen.only in f"{client}: {shape}":
                    # What is read doesn't depend on how its writer waited.
                    run.throughput(client, shape, read=shape.acks == "all")
        run.memory("memory after the load, MB")
    console.print(table(run.figures))


if __name__ == "__main__":
    main()
