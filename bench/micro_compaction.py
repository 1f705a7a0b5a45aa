"""`python -m bench.micro_compaction`: how long the longest step of a compaction is, by the size of batches.

Three batches of tiny records with some keys in common are compacted, as the broker does it: step by step. What is
shown is processor time of this thread, the least of some runs: of the longest step, which holds up clients, and of all
together. Run it with a compiled streamkit, too.
"""

from __future__ import annotations

import random
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

from streamkit._version import build_mode
from streamkit.log.protocol import BatchBuilder, Compression
from streamkit.log.storage import LogConfig, PartitionLog
from streamkit.log.storage.cleaner import compact
from streamkit.log.storage.compaction import cleanable_range
from streamkit.log.storage.flushing import FlushJob
from streamkit.model import TopicPartition

RUNS = 5
BATCHES = 3
CONFIG = LogConfig(
    cleanup_policy=frozenset({"compact"}), segment_bytes=1 << 30, max_message_bytes=1 << 30
)


def run_now(job: FlushJob) -> Future[None]:
    done: Future[None] = Future()
    job.run()
    done.set_result(None)
    return done


def steps_of(folder: Path, batches: list[bytes]) -> list[float]:
    """Seconds of each step."""
    folder.mkdir()
    log = PartitionLog(folder, TopicPartition("t", 0), config=CONFIG)
    for data in batches:
        log.append(data, now_ms=0)
    log.roll(0)
    found = cleanable_range(
        log.segments, log.config, first_dirty=0, last_stable_offset=log.end_offset, now_ms=0
    )
    passing = compact(log, found, now_ms=0, run=run_now, max_keys=1 << 30)
    seconds: list[float] = []
    over = False
    while not over:
        begun = time.thread_time()
        over = next(passing, None) is None
        seconds.append(time.thread_time() - begun)
    log.close()
    return seconds


def measure(records: int, codec: Compression) -> None:
    randomness = random.Random(1)
    batches = []
    for _ in range(BATCHES):
        builder = BatchBuilder(codec)
        for _ in range(records):
            builder.append(1_000, b"key %08d" % randomness.randrange(2 * records), b"tiny")
        batches.append(builder.build())
    with tempfile.TemporaryDirectory() as name:
        runs = [steps_of(Path(name) / f"t-{run}", batches) for run in range(RUNS)]
    longest, whole = min(max(run) for run in runs), min(sum(run) for run in runs)
    print(
        f"{records:9,} records a batch, {codec.name.lower():6} {len(batches[0]) / 1e3:7,.0f} KB: longest step "
        f"{longest * 1e3:6.1f} ms of {len(runs[0]):5,}, together {whole * 1e3:6.0f} ms"
    )


def main() -> None:
    print(f"{BATCHES} batches, {build_mode()}")
    for records in (1_000, 20_000, 50_000):
        for codec in (Compression.NONE, Compression.ZSTD, Compression.GZIP):
            measure(records, codec)


if __name__ == "__main__":
    main()
