"""Compiled code keeps the interpreter's lock: chunks are what lets the network thread run."""

from __future__ import annotations

import asyncio
import threading

import streamkit as sk
from streamkit.clock import SystemClock
from streamkit.log.client import NetworkThread
from streamkit.model import Headers, TaskId, TopicPartition
from streamkit.operators.context import RecordCollector
from streamkit.runtime.partition_group import Columns
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_settings import TaskSettings
from streamkit.topology.plan import plan

CHUNKS = 300
CHUNK_RECORDS = 1_000
LONGEST_GAP = 100
"""Far above what the lock's switch interval allows (5 ms, a few chunks), far below never."""


class Nowhere(RecordCollector):
    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        pass


def test_network_thread_runs_between_chunks() -> None:
    """Its longest gap, counted in chunks that the processing thread finished meanwhile, is bounded."""
    builder = sk.StreamsBuilder()
    builder.stream("in", key=str, value=bytes).group_by_key().count(store="counts")
    planned = plan(builder.build(), "chunks")
    factory = TaskFactory(
        planned,
        planned.resolve({"in": 1}),
        settings=TaskSettings("chunks"),
        collector=Nowhere(),
        clock=SystemClock(),
    )
    task = factory.task(TaskId(0, 0), directory=None, global_stores={})
    task.start({})
    total = CHUNKS * CHUNK_RECORDS
    offsets = list(range(total))
    keys: list[bytes | None] = [b"key-%d" % (number % 1000) for number in offsets]
    values: list[bytes | None] = [b"value"] * total
    task.add(TopicPartition("in", 0), Columns(offsets, offsets, keys, values, None, total))

    done = longest = 0
    stop = False
    ticking = threading.Event()

    async def tick() -> None:
        nonlocal longest
        seen = done
        ticking.set()
        while not stop:
            await asyncio.sleep(0)
            longest = max(longest, done - seen)
            seen = done

    network = NetworkThread("chunk-test")
    try:
        ticker = network.submit(tick())
        assert ticking.wait(10)
        while task.process(CHUNK_RECORDS):
            done += 1
        stop = True
        ticker.result(10)
    finally:
        network.close()
        task.close()
    assert done == CHUNKS
    assert longest < LONGEST_GAP
