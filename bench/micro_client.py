"""The client: CPU per record to append, to send over a socket, and to read back.

    python bench/micro_client.py [--records 500000] [--value-bytes 100] [--bootstrap HOST:PORT] [--peer]

Without `--bootstrap` the bundled broker runs as a process of its own. "append" is the caller's thread alone, into a
buffer that nobody empties; "produce" and "consume" go over the socket: CPU of the calling thread, CPU of
the whole client process, and wall time. `--peer` adds confluent-kafka's produce and consume beside them.
Best of `--rounds`.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from streamkit._version import build_mode
from streamkit.log.broker.local import local_broker
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.log.client.accumulator import Accumulator
from streamkit.log.protocol.compression import Compression
from streamkit.model import EMPTY_HEADERS, TopicPartition

TOPIC = "micro-client"
PARTITIONS = 4
TIMESTAMP = 1_700_000_000_000


def measured(name: str, count: int, rounds: int, work: Callable[[], None]) -> None:
    """Print microseconds a record: calling thread, process, wall; each the best of the rounds."""
    best = [float("inf")] * 3
    for _ in range(rounds):
        start = (time.thread_time(), time.process_time(), time.perf_counter())
        work()
        end = (time.thread_time(), time.process_time(), time.perf_counter())
        best = [min(b, e - s) for b, s, e in zip(best, start, end, strict=True)]
    thread, process, wall = (f"{b / count * 1e6:10.3f}" for b in best)
    print(f"{name:<34}{thread}{process}{wall}")


def append_only(keys: list[bytes], value: bytes, partition: int) -> Callable[[], None]:
    def work() -> None:
        accumulator = Accumulator(
            batch_bytes=1_000_000,
            max_record_bytes=8_000_000,
            max_buffer_bytes=1 << 40,
            max_block_ms=1_000,
            compression=Compression.NONE,
            compression_level=None,
            partitions_of=lambda _: PARTITIONS,
            notify=lambda: None,
            random=Random(1),
        )
        append = accumulator.append
        for key in keys:
            append(TOPIC, partition, key, value, TIMESTAMP, EMPTY_HEADERS)

    return work


def produce(
    bootstrap: str, keys: list[bytes], value: bytes, compression: str
) -> Callable[[], None]:
    def work() -> None:
        with Producer(bootstrap, compression=compression) as producer:
            append = producer.append
            for key in keys:
                append(TOPIC, -1, key, value, TIMESTAMP, EMPTY_HEADERS)

    return work


def consume(bootstrap: str, count: int) -> Callable[[], None]:
    def work() -> None:
        with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition(TOPIC, p) for p in range(PARTITIONS)])
            left = count
            while left > 0:
                left -= sum(len(batch.columns) for batch in consumer.poll_batches(1.0))

    return work


def peer_produce(bootstrap: str, keys: list[bytes], value: bytes) -> Callable[[], None]:
    import confluent_kafka

    def work() -> None:
        producer = confluent_kafka.Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        for index, key in enumerate(keys):
            producer.produce(TOPIC, value, key, timestamp=TIMESTAMP)
            if index % 1_000 == 0:
                producer.poll(0)
        producer.flush()

    return work


def peer_consume(bootstrap: str, count: int) -> Callable[[], None]:
    import confluent_kafka

    def work() -> None:
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "peer", "auto.offset.reset": "earliest"}
        )
        consumer.assign([confluent_kafka.TopicPartition(TOPIC, p, 0) for p in range(PARTITIONS)])
        left = count
        while left > 0:
            for message in consumer.consume(10_000, 1.0):
                message.key(), message.value(), message.timestamp(), message.offset()
                left -= 1
        consumer.close()

    return work


@contextlib.contextmanager
def cluster(bootstrap: str | None) -> Iterator[str]:
    if bootstrap is not None:
        yield bootstrap
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        local_broker(Path(folder), idle_exit_seconds=2) as address,
    ):
        yield address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--value-bytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bootstrap")
    parser.add_argument("--peer", action="store_true")
    options = parser.parse_args()
    keys = [b"key-%d" % (i % 10_000) for i in range(options.records)]
    value = bytes(Random(1).randbytes(options.value_bytes))
    count, rounds = options.records, options.rounds
    print(f"{build_mode()}; {count:,} records of {options.value_bytes} bytes; µs a record")
    print(f"{'':<34}{'thread':>10}{'process':>10}{'wall':>10}")
    measured("append, partition given", count, rounds, append_only(keys, value, 0))
    measured("append, by key", count, rounds, append_only(keys, value, -1))
    with cluster(options.bootstrap) as bootstrap, Admin(bootstrap) as admin:

        def fresh() -> None:
            admin.delete_topics([TOPIC], missing_ok=True)
            admin.create_topics([NewTopic(TOPIC, PARTITIONS, configs={"retention.ms": "-1"})])

        for compression in ("zstd", "lz4", "none"):
            fresh()
            measured(
                f"produce, {compression}",
                count,
                rounds,
                produce(bootstrap, keys, value, compression),
            )
        measured("consume", count, rounds, consume(bootstrap, count))
        if options.peer:
            measured("confluent-kafka consume", count, rounds, peer_consume(bootstrap, count))
            fresh()
            measured("confluent-kafka produce", count, rounds, peer_produce(bootstrap, keys, value))


if __name__ == "__main__":
    main()
