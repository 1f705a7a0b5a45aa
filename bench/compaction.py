"""`python -m bench.compaction`: how long clients wait while the broker compacts.

A broker process gets a compacted topic with many updates of many keys. A client asks for the API versions again and
again and notes how long each answer takes: first when nothing is compacted, then while the topic is. What the
second run adds is what compaction holds up the broker's loop for. The broker's memory is shown beside it.

Options: `--records N` (1,000,000) of 100 bytes, `--keys N` (300,000), `--seconds N` (5) of each run at least,
`--python PYTHON`: the interpreter of the broker, for one with a compiled streamkit.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "support"))

from wire_client import WireClient  # noqa: E402

TOPIC = "table"
SEGMENT_BYTES = 8 << 20
CONFIGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(SEGMENT_BYTES),
    "min.cleanable.dirty.ratio": "0.01",
}
RECORDS_A_BATCH = 1_000


def fill(client: WireClient, records: int, keys: int) -> None:
    """Write the updates, in batches of 1,000."""
    randomness = random.Random(1)
    configs = [CreatableTopicConfig(name=name, value=value) for name, value in CONFIGS.items()]
    topic = CreatableTopic(name=TOPIC, num_partitions=1, replication_factor=1, configs=configs)
    client.ask(CreateTopicsRequest(topics=[topic], timeout_ms=10_000), 5)
    for _ in range(0, records, RECORDS_A_BATCH):
        builder = BatchBuilder()
        now_ms = int(time.time() * 1000)
        for _ in range(RECORDS_A_BATCH):
            builder.append(now_ms, b"key %010d" % randomness.randrange(keys), b"x" * 80)
        data = PartitionProduceData(index=0, records=builder.build())
        request = ProduceRequest(
            acks=1,
            timeout_ms=10_000,
            topic_data=[TopicProduceData(name=TOPIC, partition_data=[data])],
        )
        (answer,) = client.ask(request, 9).responses[0].partition_responses
        assert answer.error_code == 0


def waits(client: WireClient, seconds: float, is_over: Callable[[], bool]) -> list[float]:
    """Seconds that each answer took, in order of length, until `is_over` and the time is up."""
    found: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or not is_over():
        begun = time.perf_counter()
        client.ask(ApiVersionsRequest(), 3)
        found.append(time.perf_counter() - begun)
        time.sleep(0.0005)
    return sorted(found)


def show(what: str, found: list[float]) -> None:
    p50, p99, longest = (found[int(len(found) * share)] for share in (0.5, 0.99, 1 - 1e-9))
    print(
        f"{what}: {len(found):,} answers; p50 {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, "
        f"longest {longest * 1e3:.1f} ms"
    )


def run(python: str, records: int, keys: int, seconds: float) -> None:
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
                fill(client, records, keys)
                size = sum(path.stat().st_size for path in files.glob("*.log"))
                print(f"{records:,} records of {keys:,} keys, {size / 1e6:.0f} MB")
                quiet = waits(client, seconds, lambda: True)
                show("nothing to compact", quiet)
                before, begun = cost_of(process.pid), time.monotonic()
                busy = waits(client, seconds, is_clean)
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
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    run(options.python, options.records, options.keys, options.seconds)


if __name__ == "__main__":
    main()
