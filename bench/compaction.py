"""`python -m bench.compaction`: how long clients wait while the broker compacts.

A broker process gets a compacted topic with many updates of many keys. A client asks for the API versions again and
again and notes how long each answer takes: first when nothing is compacted, then while the topic is; beside it a
producer writes 2,000 records a second to another topic, and a consumer reads them. What the second run adds is what
compaction holds up the broker's loop for. The kernel tells which part of the longest answer the broker's thread ran,
and for which it waited for a processor, since on a busy machine the latter is most of it. The broker's memory is
shown beside it.

Options: `--records N` (1,000,000) of 100 bytes, `--keys N` (300,000), `--records-a-batch N` (1,000; 80,000 at
most), `--seconds N` (5) of each run at least, `--python PYTHON`: the interpreter of the broker; without it the compiled one that `make bench` makes, if it is there.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka as ck

from bench.brokers import installed_python, is_compiled
from bench.processes import cost_of, resident_bytes, stop
from streamkit.log.protocol import BatchBuilder
from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest
from streamkit.log.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

from wire_client import WireClient  # isort: skip - after the path that `brokers` adds

TOPIC = "table"
OTHER_TOPIC = "traffic"
SEGMENT_BYTES = 8 << 20
CONFIGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(SEGMENT_BYTES),
    "max.message.bytes": str(SEGMENT_BYTES),
    "min.cleanable.dirty.ratio": "0.01",
}
RECORDS_A_BATCH = 1_000


def fill(client: WireClient, records: int, keys: int, a_batch: int) -> None:
    """Write the updates, `a_batch` of them at a time."""
    randomness = random.Random(1)
    configs = [CreatableTopicConfig(name=name, value=value) for name, value in CONFIGS.items()]
    topic = CreatableTopic(name=TOPIC, num_partitions=1, replication_factor=1, configs=configs)
    client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=10_000), 5)
    for _ in range(0, records, a_batch):
        builder = BatchBuilder()
        now_ms = int(time.time() * 1000)
        for _ in range(a_batch):
            builder.append(now_ms, b"key %010d" % randomness.randrange(keys), b"x" * 80)
        data = PartitionProduceData(index=0, records=builder.build())
        request = ProduceRequest(
            acks=1,
            timeout_ms=10_000,
            topic_data=[TopicProduceData(name=TOPIC, partition_data=[data])],
        )
        (answer,) = client.ask(request, 9).responses[0].partition_responses
        assert answer.error_code == 0


@contextmanager
def traffic(address: str) -> Iterator[None]:
    """A producer and a consumer of another topic, meanwhile."""
    over = threading.Event()

    def write() -> None:
        producer = ck.Producer({"bootstrap.servers": address, "linger.ms": 5})
        while not over.wait(0.01):
            for _ in range(20):
                producer.produce(OTHER_TOPIC, b"x" * 100)
            producer.poll(0)
        producer.flush()

    def read() -> None:
        consumer = ck.Consumer({"bootstrap.servers": address, "group.id": "bench"})
        consumer.subscribe([OTHER_TOPIC])
        while not over.is_set():
            consumer.consume(1_000, 0.1)
        consumer.close()

    threads = [threading.Thread(target=each) for each in (write, read)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@dataclass(frozen=True, slots=True, order=True)
class Wait:
    """Seconds of one answer; for how long of them the broker's thread ran, and had no processor to run on."""

    seconds: float
    ran: float
    held_up: float


def scheduled(pid: int) -> tuple[float, float]:
    """Seconds that the main thread of `pid` has run, and that it was ready to and didn't."""
    ran, held_up, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(held_up) / 1e9


def waits(client: WireClient, pid: int, seconds: float, is_over: Callable[[], bool]) -> list[Wait]:
    """What each answer took, in order of length, until `is_over` and the time is up."""
    found: list[Wait] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or not is_over():
        before, begun = scheduled(pid), time.perf_counter()
        client.ask(ApiVersionsRequest(), 3)
        took, after = time.perf_counter() - begun, scheduled(pid)
        found.append(Wait(took, after[0] - before[0], after[1] - before[1]))
        time.sleep(0.0005)
    return sorted(found)


def show(what: str, found: list[Wait]) -> None:
    p50, p99, longest = (found[int(len(found) * share)] for share in (0.5, 0.99, 1 - 1e-9))
    print(
        f"{what}: {len(found):,} answers; p50 {p50.seconds * 1e3:.2f} ms, p99 {p99.seconds * 1e3:.2f} ms, "
        f"longest {longest.seconds * 1e3:.1f} ms (the broker ran {longest.ran * 1e3:.1f} ms of it and waited "
        f"{longest.held_up * 1e3:.1f} ms for a processor); longest run "
        f"{max(wait.ran for wait in found) * 1e3:.1f} ms"
    )


def run(python: str, records: int, keys: int, a_batch: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = subprocess.Popen(
            [
                *(python, "-m", "streamkit", "broker", "--data-dir", str(folder)),
                *("--listen", "127.0.0.1:0", "--set", "log.cleaner.backoff.ms=20000"),
                *("--set", "log.segment.delete.delay.ms=0"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1].decode()
        files = folder / f"{TOPIC}-0"
        checkpoint = folder / "cleaner-offset-checkpoint"

        def is_clean() -> bool:
            if not checkpoint.exists():
                return False
            active = max(int(path.stem) for path in files.glob("*.log"))
            lines = checkpoint.read_text().splitlines()[2:]
            return any(int(line.split()[2]) >= active for line in lines if line)

        try:
            with WireClient(address, timeout=60) as client:
                # The cleaner has looked for work, found none, and rests while the topic is filled.
                time.sleep(2)
                fill(client, records, keys, a_batch)
                size = sum(path.stat().st_size for path in files.glob("*.log"))
                kind = "compiled" if is_compiled(python) else "interpreted"
                print(
                    f"{records:,} records of {keys:,} keys, {a_batch:,} a batch, {size / 1e6:.0f} MB; "
                    f"broker {kind}"
                )
                with traffic(address):
                    quiet = waits(client, process.pid, seconds, lambda: True)
                    show("nothing to compact", quiet)
                    before, begun = cost_of(process.pid), time.monotonic()
                    busy = waits(client, process.pid, seconds, is_clean)
                    after, took = cost_of(process.pid), time.monotonic() - begun
                show("while compacting", busy)
                time.sleep(2)
                left = sum(path.stat().st_size for path in files.glob("*.log"))
                print(
                    f"{size / 1e6:.0f} MB to {left / 1e6:.0f} MB in {took:.0f} s, of which at most 20 s "
                    f"were rest; {after.cpu_seconds - before.cpu_seconds:.1f} CPU s; memory "
                    f"{resident_bytes(process.pid) / 1e6:.0f} MB, peak {after.peak_bytes / 1e6:.0f} MB"
                )
        finally:
            stop(process)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compaction")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--records-a-batch", type=int, default=RECORDS_A_BATCH)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--python", default=installed_python())
    options = parser.parse_args()
    run(
        options.python,
        options.records,
        options.keys,
        options.records_a_batch,
        options.seconds,
    )


if __name__ == "__main__":
    main()
