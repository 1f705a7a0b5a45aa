"""W2: count per key with a store and a changelog, every update emitted.

A million JSON records of about 120 bytes with 10,000 keys lie in a topic of 4 partitions. Each contender
starts on the whole topic; its speed is taken between the first and the last record that it writes, seen
from outside by the end offsets of its output topic. All run on the same broker, one after the other, in
the same run, so that the ratios mean something where the absolute figures are noisy.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer as LibrdkafkaProducer

from bench.processes import Cost, cost_of, stop
from streamkit.log.client import Admin, NewTopic
from streamkit.model import TopicPartition

__all__ = ["Contender", "Result", "feed", "measure"]

HERE = Path(__file__).resolve().parent
PARTITIONS = 4
KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do W2.

    Attributes:
        name: for the table.
        command: makes the command line from (bootstrap, application id, source, sink, state folder).
        environment: makes variables that the process gets in addition, from the same.
    """

    name: str
    command: Callable[[str, str, str, str, str], Sequence[str]]
    environment: Callable[[str, str, str, str, str], dict[str, str]] = lambda *_: {}


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed, from the first record written to the last."""

    name: str
    records: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    startup_seconds: float

    @property
    def records_per_second(self) -> float:
        return self.records / self.seconds

    @property
    def cpu_per_million(self) -> float:
        return self.cpu_seconds / self.records * 1_000_000


def feed(bootstrap: str, topic: str, records: int, *, seed: int = 7) -> None:
    """Write the input: keys drawn evenly, values of about 120 bytes of JSON."""
    with Admin(bootstrap) as admin:
        admin.create_topics([NewTopic(topic, PARTITIONS)])
    generator = random.Random(seed)
    # A million milliseconds up to now: older records would fall to the topic's retention.
    begin_ms = int(time.time() * 1000) - records
    producer = LibrdkafkaProducer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 50,
            "queue.buffering.max.messages": 200_000,
        }
    )
    for number in range(records):
        key = f"user-{generator.randrange(KEYS):05d}"
        value = json.dumps(
            {
                "user": key,
                "page": f"/products/{generator.randrange(100_000):06d}",
                "at": begin_ms + number,
                "ms": generator.randrange(1000),
                "agent": "Mozilla/5.0",
                "ok": True,
            }
        ).encode()
        while True:
            try:
                producer.produce(topic, value, key.encode(), timestamp=begin_ms + number)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def measure(
    contender: Contender,
    bootstrap: str,
    source: str,
    records: int,
    *,
    log: Path,
    timeout_s: float = 120,
) -> Result:
    """Run `contender` over the whole topic once.

    Raises:
        RuntimeError: it ended early or took too long; the message has the end of its log.
    """
    app = f"w2-{time.time_ns()}"
    sink = f"{app}-out"
    with Admin(bootstrap) as admin, tempfile.TemporaryDirectory() as state:
        admin.create_topics([NewTopic(sink, PARTITIONS)])
        partitions = [TopicPartition(sink, number) for number in range(PARTITIONS)]
        arguments = (bootstrap, app, source, sink, state)

        def written() -> int:
            ends = admin.list_offsets(partitions)
            return sum(end.offset for end in ends.values() if end is not None)

        started = time.monotonic()
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(contender.command(*arguments)),
                env=os.environ | contender.environment(*arguments),
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
                if count >= records:
                    last = cost_of(process.pid)
                    break
                if process.poll() is not None or now - started > timeout_s:
                    tail = log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(
                        f"{contender.name} wrote {count} of {records} records, then "
                        f"{'ended' if process.poll() is not None else 'took too long'}:\n{tail}"
                    )
                time.sleep(0.02)
        finally:
            stop(process)
        admin.delete_topics([sink])
        assert first is not None
        return Result(
            name=contender.name,
            records=count - first[1],
            seconds=now - first[0],
            cpu_seconds=last.cpu_seconds - first[2].cpu_seconds,
            peak_bytes=last.peak_bytes,
            startup_seconds=first[0] - started,
        )


def streamkit_contender(name: str, python: str) -> Contender:
    """streamkit's worker on the interpreter `python`, pure or compiled as it is installed there."""
    return Contender(
        name,
        lambda bootstrap, _app, _source, _sink, state: [
            *(python, "-m", "streamkit", "worker", str(HERE / "w2_app.py")),
            *("--bootstrap", bootstrap, "--state-dir", state),
        ],
        lambda _bootstrap, app, source, sink, _state: {
            "W2_APP": app,
            "W2_SOURCE": source,
            "W2_SINK": sink,
        },
    )


def java_contender(classpath: str, classes: Path) -> Contender:
    """Kafka Streams with one thread."""
    return Contender(
        "kafka streams",
        lambda bootstrap, app, source, sink, state: [
            *("java", "-Xmx1g", "-cp", f"{classpath}{os.pathsep}{classes}", "CountPerKey"),
            *(bootstrap, app, source, sink, state),
        ],
    )


def loop_contender(store: str) -> Contender:
    """A hand-written loop on confluent-kafka with "dict" or "rocksdb"."""
    return Contender(
        f"confluent-kafka loop, {store}",
        lambda bootstrap, app, source, sink, state: [
            *(sys.executable, str(HERE / "peers" / "confluent_loop.py")),
            *(bootstrap, app, source, sink, store, f"{state}/db"),
        ],
    )
