"""The partition log: megabytes a second and microseconds a batch to append and to read.

    python bench/micro_log.py [--megabytes 200] [--batch-bytes 1000,16000,256000] [--idempotent]

For each batch size a fresh log takes `--megabytes`, one batch an append, and is read from its start as a
consumer reads it, up to 1 MiB a read: first what this process has written, then after a reopening, when
checksums are checked. The last column is opening it after a kill, which scans everything. Best of `--rounds`.
Everything stays in the page cache: this measures the log's own work, not the disk.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from streamkit.log.protocol import BatchBuilder
from streamkit.log.storage import LogConfig, PartitionLog
from streamkit.model import TopicPartition

READ_BYTES = 1024 * 1024
VALUE_BYTES = 100


def batch_of(size: int, producer_id: int, sequence: int) -> tuple[bytes, int]:
    """A batch of about `size` bytes, and the number of its records."""
    builder = BatchBuilder()
    while builder.size < size:
        builder.append(1_700_000_000_000 + builder.count, b"key", b"v" * VALUE_BYTES)
    epoch = 0 if producer_id >= 0 else -1
    data = builder.build(producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)
    return data, builder.count


def read_all(log: PartitionLog) -> int:
    offset = size = 0
    while offset < log.end_offset:
        result = log.read(offset, READ_BYTES)
        size += len(result.data)
        offset = result.next_offset
    return size


def opened(folder: Path, recovery_point: int | None) -> PartitionLog:
    config = LogConfig(retention_ms=-1)
    return PartitionLog(
        folder, TopicPartition("bench", 0), config=config, recovery_point=recovery_point
    )


def measure(batch_bytes: int, megabytes: int, *, idempotent: bool) -> tuple[float, ...]:
    """Seconds to append, read, read again after a reopening, and recover; then bytes and batches."""
    count = max(megabytes * 1_000_000 // batch_bytes, 1)
    data, records = batch_of(batch_bytes, 1 if idempotent else -1, 0 if idempotent else -1)
    sent = [data] * count
    if idempotent:
        sent = [batch_of(batch_bytes, 1, records * index)[0] for index in range(count)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bench-0"
        folder.mkdir()
        log = opened(folder, None)
        start = time.perf_counter()
        for one in sent:
            log.append(one, now_ms=1_700_000_000_000)
        appended = time.perf_counter()
        size = read_all(log)
        hot = time.perf_counter() - appended
        log.close()
        log = opened(folder, None)
        begun = time.perf_counter()
        assert read_all(log) == size
        cold = time.perf_counter() - begun
        log.abandon()
        begun = time.perf_counter()
        log = opened(folder, 0)
        recovery = time.perf_counter() - begun
        log.abandon()
    return appended - start, hot, cold, recovery, size, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--batch-bytes", default="1000,16000,256000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idempotent", action="store_true")
    arguments = parser.parse_args()
    print("batch bytes   append MB/s  us a batch   read MB/s   checked MB/s   recovery MB/s")
    for text in arguments.batch_bytes.split(","):
        rounds = [
            measure(int(text), arguments.megabytes, idempotent=arguments.idempotent)
            for _ in range(arguments.rounds)
        ]
        append, hot, cold, recovery = (
            min(column) for column in list(zip(*rounds, strict=True))[:4]
        )
        size, count = rounds[0][4] / 1e6, rounds[0][5]
        print(
            f"{int(text):11} {size / append:13.0f} {append / count * 1e6:11.1f} "
            f"{size / hot:11.0f} {size / cold:14.0f} {size / recovery:15.0f}"
        )


if __name__ == "__main__":
    main()
