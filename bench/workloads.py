"""What the end-to-end benchmarks do: the input of each workload, and how many records it must give.

The input: JSON records of about 120 bytes with 10,000 keys drawn evenly, a millisecond apart, in topics of
4 partitions, unless said otherwise. Every workload's output is the same on every run and for every contender, record for record, so
that it can be compared.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from confluent_kafka import Producer as LibrdkafkaProducer

from streamkit.log.client import Admin, NewTopic
from streamkit.log.client.partitioner import partition_for_key

__all__ = ["KEYS", "PARTITIONS", "WORKLOADS", "Input", "Workload"]

PARTITIONS = 4
KEYS = 10_000
SESSION_GAP_MS = 5_000
JOIN_DIFFERENCE_MS = 5_000
WINDOW_MS = 60_000
FAST_MS = 900


@dataclass(frozen=True, slots=True)
class Input:
    """One input topic: which keys it has, and when.

    Attributes:
        seed: of the keys and the values.
        records: how many.
        begin_ms: the first one's timestamp; the others follow, a millisecond apart.
        key_count: how many keys there are.
        partitions: of the topic.
    """

    seed: int
    records: int
    begin_ms: int
    key_count: int = KEYS
    partitions: int = PARTITIONS

    def keys(self) -> list[int]:
        """The key number of each record."""
        generator = random.Random(self.seed)
        return [generator.randrange(self.key_count) for _ in range(self.records)]

    def milliseconds(self) -> list[int]:
        """Field `ms` of each record."""
        generator = random.Random(self.seed + 1)
        return [generator.randrange(1000) for _ in range(self.records)]

    def encoded(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(timestamp in ms, key, value) of each record."""
        generator = random.Random(self.seed + 2)
        for number, (key, ms) in enumerate(zip(self.keys(), self.milliseconds(), strict=True)):
            at = self.begin_ms + number
            value = {
                "user": key_name(key),
                "page": f"/products/{generator.randrange(100_000):06d}",
                "at": at,
                "ms": ms,
                "agent": "Mozilla/5.0",
                "ok": True,
            }
            yield at, key_name(key).encode(), json.dumps(value).encode()

    def write(self, bootstrap: str, topic: str) -> None:
        """Create `topic` and fill it."""
        with Admin(bootstrap) as admin:
            admin.create_topics([NewTopic(topic, self.partitions)])
        producer = LibrdkafkaProducer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "linger.ms": 50,
                "queue.buffering.max.messages": 200_000,
            }
        )
        for at, key, value in self.encoded():
            while True:
                try:
                    producer.produce(topic, value, key, timestamp=at)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush()


def key_name(number: int) -> str:
    """A key, by its number."""
    return f"user-{number:05d}"


@dataclass(frozen=True, slots=True)
class Workload:
    """A topology that every contender runs.

    Attributes:
        name: as `--workload` and both programs know it.
        title: for the table.
        outputs: how many records the topology gives for the left and the right input.
        two_inputs: whether it reads the right input.
    """

    name: str
    title: str
    outputs: Callable[[Input, Input], int]
    two_inputs: bool = False

    def inputs(self, left: Input, right: Input) -> int:
        """How many records the topology reads."""
        return left.records + (right.records if self.two_inputs else 0)


def _every_record(left: Input, _right: Input) -> int:
    return left.records


def _fast_ones(left: Input, _right: Input) -> int:
    return sum(ms < FAST_MS for ms in left.milliseconds())


def _session_updates(left: Input, _right: Input) -> int:
    """One for a session that begins; two for one that grows: the old one's end, and the new one."""
    last: dict[int, int] = {}
    updates = 0
    for at, key in enumerate(left.keys()):
        before = last.get(key)
        updates += 2 if before is not None and at - before <= SESSION_GAP_MS else 1
        last[key] = at
    return updates


def _closed_windows(left: Input, _right: Input) -> int:
    """Keys and minutes that end before the last record of their partition."""
    counts: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
    last: dict[int, int] = {}
    partition_of: dict[int, int] = {}
    for at, key in enumerate(left.keys(), start=left.begin_ms):
        partition = partition_of.get(key)
        if partition is None:
            partition = partition_for_key(key_name(key).encode(), left.partitions)
            partition_of[key] = partition
        counts[partition].add((key, at // WINDOW_MS))
        last[partition] = at
    return sum(
        (minute + 1) * WINDOW_MS <= last[partition]
        for partition, windows in counts.items()
        for _, minute in windows
    )


def _pairs(left: Input, right: Input) -> int:
    """Records of both sides that have the same key and are near enough in time."""
    times: defaultdict[int, list[int]] = defaultdict(list)
    for number, key in enumerate(right.keys()):
        times[key].append(right.begin_ms + number)
    found = 0
    for number, key in enumerate(left.keys()):
        at, there = left.begin_ms + number, times[key]
        first = bisect_left(there, at - JOIN_DIFFERENCE_MS)
        found += bisect_right(there, at + JOIN_DIFFERENCE_MS) - first
    return found


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("count", "W2: count per key, store and changelog", _every_record),
        Workload("transform", "parse JSON, filter, map, write JSON", _fast_ones),
        Workload("windows", "count per key and minute", _every_record),
        Workload("suppress", "count per key and minute, the last result alone", _closed_windows),
        Workload("sessions", "count per key and session of 5 s", _session_updates),
        Workload("stream-join", "join two streams within 5 s", _pairs, two_inputs=True),
        Workload("table-join", "look a stream up in a table", _every_record, two_inputs=True),
    )
}
