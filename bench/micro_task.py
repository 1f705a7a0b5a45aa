"""Where a record's time goes in W2, in one thread without sockets: nanoseconds a record and step.

`python -m bench.micro_task [records]`. Steps inside the task are told apart by leaving out what follows.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamkit as sk
from streamkit._version import build_mode
from streamkit.clock import SystemClock
from streamkit.log.client.accumulator import Accumulator
from streamkit.log.protocol.batch import BatchBuilder, batches, decode_batch
from streamkit.log.protocol.compression import Compression
from streamkit.model import EMPTY_HEADERS, TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.runtime.collector import ProducerCollector
from streamkit.runtime.partition_group import Columns
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.state import StoreSettings
from streamkit.topology.plan import plan

BATCH_RECORDS = 5_000
KEYS = 10_000


class Discarded:
    """The producer's own accumulator; what it seals is built into bytes and thrown away."""

    def __init__(self) -> None:
        self.building = 0
        self._accumulator = Accumulator(
            batch_bytes=1_000_000,
            max_record_bytes=1_000_000,
            max_buffer_bytes=1 << 40,
            max_block_ms=0,
            compression=Compression.NONE,
            compression_level=None,
            partitions_of=lambda _topic: 4,
            notify=lambda: None,
            random=random.Random(1),
        )
        self.append = self._accumulator.append

    def build(self) -> None:
        """What the network thread does with sealed batches, before it sends them."""
        begin = time.perf_counter_ns()
        sealed = self._accumulator.sealed
        while sealed:
            sealed.popleft().builder.build(producer_id=1, producer_epoch=0, base_sequence=0)
        self.building += time.perf_counter_ns() - begin

    def partitions_for(self, _topic: str) -> int:
        return 4


def encoded_batches(records: int) -> list[bytes]:
    generator = random.Random(1)
    made = []
    for first in range(0, records, BATCH_RECORDS):
        builder = BatchBuilder(Compression.NONE, max_bytes=10_000_000)
        for number in range(first, first + BATCH_RECORDS):
            key = f"user-{generator.randrange(KEYS):05d}".encode()
            builder.append(1_700_000_000_000 + number, key, b"x" * 110, EMPTY_HEADERS)
        made.append(bytes(builder.build(base_offset=first)))
    return made


def source_only(builder: sk.StreamsBuilder) -> None:
    builder.stream("in", key=str, value=bytes).filter(nothing)


def counted(builder: sk.StreamsBuilder) -> None:
    builder.stream("in", key=str, value=bytes).group_by_key().count(store="counts")


def written(builder: sk.StreamsBuilder) -> None:
    builder.stream("in", key=str, value=bytes).group_by_key().count(store="counts").to_stream().to(
        "out", key=str, value=int
    )


def nothing(_key: object, _value: object) -> bool:
    return False


def spent(
    build: Callable[[sk.StreamsBuilder], None], data: list[bytes]
) -> tuple[int, int, int, int]:
    """Nanoseconds for decoding, processing, committing and building batches of all of `data`."""
    builder = sk.StreamsBuilder()
    build(builder)
    planned = plan(builder.build(), "micro")
    producer: Any = Discarded()
    with tempfile.TemporaryDirectory() as folder:
        factory = TaskFactory(
            planned,
            planned.resolve({"in": 1}),
            settings=TaskSettings("micro"),
            collector=ProducerCollector(producer),
            clock=SystemClock(),
            store_settings=StoreSettings(),
        )
        task = factory.task(TaskId(0, 0), directory=Path(folder), global_stores={})
        task.start({})
        source = TopicPartition("in", 0)
        decode = process = commit = 0
        for number, raw in enumerate(data, start=1):
            begin = time.perf_counter_ns()
            for position, header in batches(raw):
                columns = decode_batch(raw, position, header)
            decoded = time.perf_counter_ns()
            task.add(
                source,
                Columns(
                    columns.offsets,
                    columns.timestamps,
                    columns.keys,
                    columns.values,
                    columns.headers,
                    columns.offsets[-1] + 1,
                ),
            )
            while task.process(1000):
                pass
            processed = time.perf_counter_ns()
            decode += decoded - begin
            process += processed - decoded
            producer.build()
            processed = time.perf_counter_ns()
            if number % 20 == 0:
                task.seal()
                task.write_changelog()
                task.persist({TopicPartition("micro-counts-changelog", 0): number})
                task.committed()
                commit += time.perf_counter_ns() - processed
        task.close()
    return decode, process, commit, producer.building


def main(records: int = 500_000) -> None:
    data = encoded_batches(records)
    steps = {build.__name__: spent(build, data) for build in (source_only, counted, written)}
    source, count, full = (steps[name][1] for name in ("source_only", "counted", "written"))
    rows = (
        ("decode the batch", steps["written"][0]),
        ("task loop, source, one call of a lambda", source),
        ("count in the store, minus that call", count - source),
        ("to_stream, sink, into the producer's buffer", full - count),
        ("changelog and RocksDB, at the commit", steps["written"][2]),
        ("output batches to bytes, checksums", steps["written"][3]),
        ("all", sum(steps["written"])),
    )
    print(f"{build_mode()}: nanoseconds a record over {records:,} records")
    for name, nanoseconds in rows:
        print(f"  {name:46}{nanoseconds / records:8.0f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
