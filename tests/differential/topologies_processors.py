"""Cases of the Processor API: process, process_values, punctuators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamkit.dsl import StreamsBuilder
from streamkit.model import Record
from streamkit.operators.process import (
    FixedKeyProcessor,
    FixedKeyProcessorContext,
    Processor,
    ProcessorContext,
)
from streamkit.serde import serde_for
from streamkit.state import StoreKind, StoreSpec

Params = Mapping[str, Any]


def add_store(builder: StreamsBuilder, name: str) -> None:
    builder.add_state_store(StoreSpec(name, StoreKind.KEY_VALUE, serde_for(str), serde_for(int)))


class RunningSum(Processor[Any, Any, str, int]):
    def init(self, context: ProcessorContext[str, int]) -> None:
        super().init(context)
        self.sums = context.store("sums")

    def process(self, record: Record[Any, Any]) -> None:
        if record.key is None or record.value is None:
            return
        total = (self.sums.get(record.key) or 0) + record.value
        self.sums.put(record.key, total)
        self.context.forward(Record(record.key, total, record.timestamp_ms))


def process_running_sum(builder: StreamsBuilder, params: Params) -> None:
    add_store(builder, "sums")
    builder.stream("in", key=str, value=int).process(
        RunningSum, stores=["sums"], key=str, value=int
    ).to("out")


class Delta(FixedKeyProcessor[Any, Any, Any]):
    def init(self, context: FixedKeyProcessorContext[Any]) -> None:
        super().init(context)
        self.previous = context.store("prev")

    def process(self, record: Record[Any, Any]) -> None:
        if record.key is None:
            self.context.forward(record.value)
        elif record.value is None:
            self.previous.delete(record.key)
            self.context.forward(None)
        else:
            before = self.previous.get(record.key)
            self.context.forward(record.value if before is None else record.value - before)
            self.previous.put(record.key, record.value)


def process_values_delta(builder: StreamsBuilder, params: Params) -> None:
    add_store(builder, "prev")
    builder.stream("in", key=str, value=int).process_values(Delta, stores=["prev"], value=int).to(
        "out"
    )


class Ticking(Processor[Any, Any, str, str]):
    def __init__(self, clock: str, every_ms: int) -> None:
        self.clock = clock
        self.every_ms = every_ms

    def init(self, context: ProcessorContext[str, str]) -> None:
        super().init(context)
        self.sums = context.store("sums")
        context.schedule(self.every_ms, self.punctuate, clock=self.clock)

    def process(self, record: Record[Any, Any]) -> None:
        if record.key is not None and record.value is not None:
            self.sums.put(record.key, (self.sums.get(record.key) or 0) + record.value)

    def punctuate(self, timestamp_ms: int) -> None:
        self.context.forward(Record("tick", f"{self.clock}:{timestamp_ms}", timestamp_ms))
        for key, total in self.sums.all():
            self.context.forward(Record(key, f"{self.clock}:{total}", timestamp_ms))
            self.sums.delete(key)


def punctuate_stream_time(builder: StreamsBuilder, params: Params) -> None:
    add_store(builder, "sums")
    builder.stream("in", key=str, value=int).process(
        lambda: Ticking("stream", params["stream_time_interval_ms"]),
        stores=["sums"],
        key=str,
        value=str,
    ).to("out")


punctuate_stream_time_edge = punctuate_stream_time


def punctuate_wall_clock(builder: StreamsBuilder, params: Params) -> None:
    add_store(builder, "sums")
    builder.stream("in", key=str, value=int).process(
        lambda: Ticking("wall", params["wall_clock_interval_ms"]),
        stores=["sums"],
        key=str,
        value=str,
    ).to("out")
