"""Users' processors behind their adapter, in a test driver: stores, timers, forwarding by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamkit import (
    ConfigError,
    FixedKeyProcessor,
    FixedKeyProcessorContext,
    Processor,
    ProcessorContext,
    Record,
    StoreKind,
    StoreSpec,
    StreamsBuilder,
    StringSerde,
    TopologyError,
)
from streamkit.errors import ProcessingError
from streamkit.testing.driver import TopologyTestDriver
from streamkit.topology import Topology


class Upper(Processor[str, str, str, str]):
    def process(self, record: Record[str, str]) -> None:
        self.context.forward(Record(record.key, record.value.upper(), record.timestamp_ms + 1))


def store(name: str = "last") -> StoreSpec:
    return StoreSpec(name, StoreKind.KEY_VALUE, StringSerde(), StringSerde())


def driver_of(builder: StreamsBuilder) -> TopologyTestDriver:
    return TopologyTestDriver(builder, backend="memory")


def test_processor_forwards_what_it_likes() -> None:
    builder = StreamsBuilder()
    builder.stream("in", key=str, value=str).process(Upper, key=str, value=str).to("out")
    with driver_of(builder) as driver:
        driver.pipe_input("in", "k", "v", timestamp_ms=5)
        assert driver.read_all("out") == [Record("k", "V", 6)]


def test_processor_forwards_to_one_child_by_name() -> None:
    class Route(Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            self.context.forward(record, to=record.value)

    topology = Topology()
    topology.add_source("source", "in", key=str, value=str)
    topology.add_processor("route", Route, "source")
    topology.add_sink("left", "left-out", "route", key=str, value=str)
    topology.add_sink("right", "right-out", "route", key=str, value=str)
    with TopologyTestDriver(topology, backend="memory") as driver:
        driver.pipe_input("in", "k", "right", timestamp_ms=5)
        assert driver.read_all("left-out") == []
        assert driver.read_all("right-out") == [Record("k", "right", 5)]
        with pytest.raises(ProcessingError, match="'nowhere', which is not one of its children"):
            driver.pipe_input("in", "k", "nowhere", timestamp_ms=6)


def test_processor_sees_its_task_its_record_and_its_stores() -> None:
    seen: dict[str, Any] = {}

    class Look(Processor[str, str, str, str]):
        def init(self, context: ProcessorContext[str, str]) -> None:
            super().init(context)
            seen["init"] = (context.application_id, str(context.task_id), context.name)

        def process(self, record: Record[str, str]) -> None:
            self.context.store("last").put(record.key, record.value)
            seen["info"] = self.context.record_info
            seen["times"] = (self.context.stream_time_ms, self.context.wall_time_ms)
            self.context.commit()

    builder = StreamsBuilder()
    builder.add_state_store(store())
    builder.stream("in", key=str, value=str).process(Look, stores=["last"], name="look")
    with driver_of(builder) as driver:
        driver.pipe_input("in", "k", "v", timestamp_ms=5)
        assert driver.store("last").get("k") == "v"  # type: ignore[attr-defined]  # a key-value store
    assert seen["init"][1:] == ("0_0", "look")
    assert (seen["info"].topic, seen["info"].offset, seen["info"].timestamp_ms) == ("in", 0, 5)
    assert seen["times"][0] == 5


def test_store_that_is_not_connected_is_named_in_the_error() -> None:
    class Look(Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            self.context.store("last")

    builder = StreamsBuilder()
    builder.stream("in", key=str, value=str).process(Look)
    with (
        driver_of(builder) as driver,
        pytest.raises(ProcessingError, match="not connected to a store"),
    ):
        driver.pipe_input("in", "k", "v")


def test_punctuators_forward_and_can_be_cancelled() -> None:
    class Tick(Processor[str, str, str, str]):
        def init(self, context: ProcessorContext[str, str]) -> None:
            super().init(context)
            self.timer = context.schedule(timedelta(seconds=1), self.tick)

        def tick(self, timestamp_ms: int) -> None:
            assert self.context.record_info is None
            self.context.forward(Record("tick", str(timestamp_ms), timestamp_ms))
            if timestamp_ms >= 1000:
                self.timer.cancel()

        def process(self, record: Record[str, str]) -> None:
            pass

    builder = StreamsBuilder()
    builder.stream("in", key=str, value=str).process(Tick, key=str, value=str).to("out")
    with driver_of(builder) as driver:
        for timestamp in (5, 900, 1100, 2500):
            driver.pipe_input("in", "k", "v", timestamp_ms=timestamp)
        assert driver.read_all("out") == [Record("tick", "5", 5), Record("tick", "1100", 1100)]


@pytest.mark.parametrize(
    ("every", "clock", "message"),
    [(0, "stream", "at least 1 ms"), (5, "sun", "'stream' or 'wall', not 'sun'")],
)
def test_schedule_refuses_what_it_cant_do(every: int, clock: str, message: str) -> None:
    class Tick(Processor[str, str, str, str]):
        def init(self, context: ProcessorContext[str, str]) -> None:
            context.schedule(every, lambda _: None, clock=clock)

    builder = StreamsBuilder()
    builder.stream("in").process(Tick)
    with pytest.raises((ConfigError, ProcessingError), match=message), driver_of(builder):
        pass


def test_value_processor_keeps_the_key() -> None:
    class Twice(FixedKeyProcessor[str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            self.context.forward(record.value)
            self.context.forward(record.value, timestamp_ms=9)

    builder = StreamsBuilder()
    builder.stream("in", key=str, value=str).process_values(Twice, value=str).to("out")
    with driver_of(builder) as driver:
        driver.pipe_input("in", "k", "v", timestamp_ms=5)
        assert driver.read_all("out") == [Record("k", "v", 5), Record("k", "v", 9)]


def test_value_processor_has_no_key_to_forward_in_a_punctuator() -> None:
    class Tick(FixedKeyProcessor[str, str, str]):
        def init(self, context: FixedKeyProcessorContext[str]) -> None:
            super().init(context)
            context.schedule(10, lambda _: context.forward("x"))

        def process(self, record: Record[str, str]) -> None:
            pass

    builder = StreamsBuilder()
    builder.stream("in", key=str, value=str).process_values(Tick, value=str).to("out")
    with (
        driver_of(builder) as driver,
        pytest.raises(ProcessingError, match="use process\\(\\) instead"),
    ):
        driver.pipe_input("in", "k", "v", timestamp_ms=50)


def test_processors_are_closed() -> None:
    closed: list[str] = []

    class Close(Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            pass

        def close(self) -> None:
            closed.append("stream")

    class CloseValues(FixedKeyProcessor[str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            pass

        def close(self) -> None:
            closed.append("values")

    builder = StreamsBuilder()
    stream = builder.stream("in", key=str, value=str)
    stream.process(Close)
    stream.process_values(CloseValues)
    with driver_of(builder):
        pass
    assert sorted(closed) == ["stream", "values"]


def test_global_store_is_filled_by_a_processor_of_the_users() -> None:
    class Fill(Processor[str, str, None, None]):
        def process(self, record: Record[str, str]) -> None:
            self.context.store("codes").put(record.key, record.value + "!")

    class Read(Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            value = self.context.store("codes").get(record.value)
            self.context.forward(Record(record.key, value, record.timestamp_ms))

    topology = Topology()
    topology.add_global_store(
        store("codes"), "codes", Fill, source_name="g", processor_name="fill", key=str, value=str
    )
    topology.add_source("source", "in", key=str, value=str)
    topology.add_processor("read", Read, "source")
    topology.add_sink("sink", "out", "read", key=str, value=str)
    with TopologyTestDriver(topology, backend="memory") as driver:
        driver.pipe_input("codes", "a", "first")
        driver.pipe_input("in", "k", "a", timestamp_ms=3)
        assert driver.read_all("out") == [Record("k", "first!", 3)]


def test_connecting_a_global_store_is_an_error() -> None:
    topology = Topology()
    topology.add_global_store(store("codes"), "codes", source_name="g", processor_name="fill")
    topology.add_source("source", "in")
    with pytest.raises(TopologyError, match="needs no connection"):
        topology.add_processor("p", Upper, "source", stores=["codes"])


@pytest.mark.parametrize(
    ("clock", "start", "calls"),
    [
        ("stream", 25, [25, 35]),  # ahead: the first call is there
        ("stream", 3, [7, 13, 25, 35]),  # a grid of its own
        ("wall", 25, [25, 35]),
        ("wall", 3, [7, 13, 25, 35]),
        ("wall", datetime(1970, 1, 1, 0, 0, 0, 25_000, tzinfo=UTC), [25, 35]),
    ],
)
def test_punctuations_are_anchored_at_a_start(
    clock: str, start: datetime | int, calls: list[int]
) -> None:
    """KIP-1146. A grid of 10 ms from the start on; records and wall clock come to 7, 13, 22, 25, 35."""
    called: list[int] = []

    class Anchored(Processor[str, str, str, str]):
        def init(self, context: ProcessorContext[str, str]) -> None:
            context.schedule(10, called.append, clock=clock, start=start)

        def process(self, record: Record[str, str]) -> None:
            pass

    builder = StreamsBuilder()
    builder.stream("in", key=str, value=str).process(Anchored)
    with TopologyTestDriver(builder, backend="memory", wall_clock_start_ms=0) as driver:
        before = 0
        for time in (7, 13, 22, 25, 35):
            if clock == "stream":
                driver.pipe_input("in", "k", "v", timestamp_ms=time)
            else:
                driver.advance_wall_clock(time - before)
            before = time
    assert called == calls


def test_start_that_is_no_time_is_refused() -> None:
    def refused(start: datetime | int) -> str:
        class Anchored(Processor[str, str, str, str]):
            def init(self, context: ProcessorContext[str, str]) -> None:
                context.schedule(10, print, start=start)

        builder = StreamsBuilder()
        builder.stream("in", key=str, value=str).process(Anchored)
        with pytest.raises(ConfigError) as raised:
            TopologyTestDriver(builder, backend="memory").close()
        return str(raised.value)

    assert "needs a time zone" in refused(datetime(2026, 1, 1))
    assert "1970 or later" in refused(-1)
