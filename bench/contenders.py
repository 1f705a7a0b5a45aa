"""Who takes part in the end-to-end benchmarks, and how one of them is measured.

Each contender starts on the whole input; its speed is taken between the first and the last record that it
writes, seen from outside by the end offsets of its output topic. All run on the same broker, one after the
other, in the same run, so that the ratios mean something where the absolute figures are noisy. What they
wrote is compared too: a contender with other results is not faster.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from confluent_kafka import Consumer as LibrdkafkaConsumer
from confluent_kafka import TopicPartition as LibrdkafkaPartition

from bench.processes import Cost, cost_of, stop
from bench.workloads import PARTITIONS, Workload
from streamkit.log.client import Admin, NewTopic
from streamkit.model import TopicPartition

__all__ = [
    "Contender",
    "Place",
    "Result",
    "java_contender",
    "loop_contender",
    "measure",
    "streamkit_contender",
]

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run takes place: the broker, the topics, an application id and a folder of its own."""

    workload: str
    bootstrap: str
    app: str
    left: str
    right: str
    sink: str
    state: str


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do a workload.

    Attributes:
        name: for the table.
        command: makes the command line.
        environment: makes variables that the process gets in addition.
        workloads: those that it can do; empty: all.
    """

    name: str
    command: Callable[[Place], Sequence[str]]
    environment: Callable[[Place], Mapping[str, str]] = lambda _: {}
    workloads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed, from the first record written to the last.

    Attributes:
        name: the contender's.
        inputs: records read in that time.
        digest: of all that was written, in whatever order the partitions were worked on.
    """

    name: str
    inputs: float
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    startup_seconds: float
    digest: int

    @property
    def records_per_second(self) -> float:
        return self.inputs / self.seconds

    @property
    def cpu_per_million(self) -> float:
        return self.cpu_seconds / self.inputs * 1_000_000


def measure(
    contender: Contender,
    workload: Workload,
    topics: tuple[str, str],
    bootstrap: str,
    *,
    inputs: int,
    outputs: int,
    log: Path,
    timeout_s: float = 180,
) -> Result:
    """Run `contender` over the whole input once.

    Args:
        contender: who.
        workload: what.
        topics: the left and the right input topic.
        bootstrap: the broker.
        inputs: how many records the workload reads.
        outputs: how many it gives.
        log: the file that gets what the process prints.
        timeout_s: when to give up.

    Raises:
        RuntimeError: it ended early or took too long; the message has the end of its log.
    """
    app = f"bench-{time.time_ns()}"
    sink = f"{app}-out"
    with Admin(bootstrap) as admin, tempfile.TemporaryDirectory() as state:
        admin.create_topics([NewTopic(sink, PARTITIONS)])
        partitions = [TopicPartition(sink, number) for number in range(PARTITIONS)]
        place = Place(workload.name, bootstrap, app, *topics, sink, state)

        def written() -> int:
            ends = admin.list_offsets(partitions)
            return sum(end.offset for end in ends.values() if end is not None)

        started = time.monotonic()
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(contender.command(place)),
                env=os.environ | contender.environment(place),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=state,
            )
        try:
            first: tuple[float, int, Cost] | None = None
            while True:
                count = written()
                now = time.monotonic()
                if first is None and count:
                    first = (now, count, cost_of(process.pid))
                if count >= outputs:
                    last = cost_of(process.pid)
                    break
                if process.poll() is not None or now - started > timeout_s:
                    tail = log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(
                        f"{contender.name} wrote {count} of {outputs} records, then "
                        f"{'ended' if process.poll() is not None else 'took too long'}:\n{tail}"
                    )
                time.sleep(0.02)
        finally:
            stop(process)
        digest = _digest(bootstrap, sink)
        admin.delete_topics([sink])
        assert first is not None
        return Result(
            name=contender.name,
            inputs=inputs * (count - first[1]) / outputs,
            seconds=now - first[0],
            cpu_seconds=last.cpu_seconds - first[2].cpu_seconds,
            peak_bytes=last.peak_bytes,
            startup_seconds=first[0] - started,
            digest=digest,
        )


def _digest(bootstrap: str, topic: str) -> int:
    """A sum over all records' checksums, so that their order doesn't matter."""
    consumer = LibrdkafkaConsumer(
        {"bootstrap.servers": bootstrap, "group.id": "digest", "enable.partition.eof": False}
    )
    total = 0
    for number in range(PARTITIONS):
        end = consumer.get_watermark_offsets(LibrdkafkaPartition(topic, number), timeout=30)[1]
        consumer.assign([LibrdkafkaPartition(topic, number, 0)])
        position = 0
        while position < end:
            for message in consumer.consume(10_000, timeout=1):
                if message.error() is not None:
                    raise RuntimeError(f"{topic}: {message.error()}")
                key, value, timestamp = message.key(), message.value(), message.timestamp()[1]
                total += crc32(b"%r|%r|%d" % (key, value, timestamp))
                offset = message.offset()
                assert offset is not None
                position = offset + 1
    consumer.close()
    return total


def streamkit_contender(name: str, python: str) -> Contender:
    """streamkit's worker on the interpreter `python`, pure or compiled as it is installed there."""
    return Contender(
        name,
        lambda place: [
            *(python, "-m", "streamkit", "worker", str(HERE / "streams_app.py")),
            *("--bootstrap", place.bootstrap, "--state-dir", place.state),
        ],
        lambda place: {
            "BENCH_WORKLOAD": place.workload,
            "BENCH_APP": place.app,
            "BENCH_LEFT": place.left,
            "BENCH_RIGHT": place.right,
            "BENCH_SINK": place.sink,
        },
    )


def java_contender(classpath: str, classes: Path) -> Contender:
    """Kafka Streams with one thread."""
    return Contender(
        "kafka streams",
        lambda place: [
            *("java", "-Xmx1g", "-cp", f"{classpath}{os.pathsep}{classes}", "Workloads"),
            *(place.workload, place.bootstrap, place.app),
            *(place.left, place.right, place.sink, place.state),
        ],
    )


def loop_contender(store: str) -> Contender:
    """A hand-written loop on confluent-kafka with "dict" or "rocksdb"."""
    return Contender(
        f"confluent-kafka loop, {store}",
        lambda place: [
            *(sys.executable, str(HERE / "peers" / "confluent_loop.py")),
            *(place.bootstrap, place.app, place.left, place.sink, store, f"{place.state}/db"),
        ],
        workloads=frozenset({"count"}),
    )
