"""The record that an error names where it isn't the one just read: it waited, or a timer sent it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import ProcessingError
from streamkit.testing import TopologyTestDriver

Input = tuple[str, str | None, str | None, int]


def boom(*_arguments: Any) -> Any:
    raise ValueError("boom")


def on(bad: str) -> Callable[[Any], Any]:
    """Raises for values with that text in them."""
    return lambda value: boom() if bad in str(value) else value


def failing(
    build: Callable[[sk.StreamsBuilder], object], inputs: list[Input], **options: Any
) -> ProcessingError:
    """What the last input makes of a program; those before it must pass."""
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    build(builder)
    with TopologyTestDriver(builder, backend="memory", **options) as driver:
        for topic, key, value, time in inputs[:-1]:
            driver.pipe_input(topic, key, value, timestamp_ms=time)
            driver.advance_wall_clock(1000)  # joins look for what waits once in that time
        topic, key, value, time = inputs[-1]
        with pytest.raises(ProcessingError) as caught:
            driver.pipe_input(topic, key, value, timestamp_ms=time)
    return caught.value


def told(error: ProcessingError) -> str:
    """The line that names the record, after checks of the lines before it."""
    lines = str(error).splitlines()
    assert lines[0].startswith(f"operator {error.node!r} raised ValueError")
    assert "test_failed_record.py:" in lines[1]
    assert lines[2].startswith("  record: ")
    return lines[2].removeprefix("  record: ")


def joined_with_grace(builder: sk.StreamsBuilder, joiner: Callable[..., Any]) -> Any:
    rows = builder.table("t", store="rows", history=100)
    return builder.stream("in").left_join(rows, joiner, grace=10, value=str, name="join")


WAITED: list[Input] = [("in", "k", "first", 5), ("in", "x", "second", 30)]


def test_joiner_behind_a_grace_period_fails_with_the_record_that_waited() -> None:
    error = failing(lambda b: joined_with_grace(b, lambda v, _: on("first")(v)), WAITED)
    assert error.node == "join"
    assert told(error) == "topic in, partition 0, offset 0, key 'k', value 'first'"
    assert (error.topic, error.partition, error.offset) == ("in", 0, 0)


def test_operator_below_a_join_with_grace_fails_with_the_record_that_waited() -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        joined = joined_with_grace(builder, lambda v, _: v)
        joined.map_values(on("first"), name="below")

    error = failing(build, WAITED)
    assert error.node == "below"
    assert told(error) == "topic in, partition 0, offset 0, key 'k', value 'first'"


def test_operator_below_suppress_fails_with_the_change_that_waited() -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        rows = builder.table("in", store="rows")
        late = rows.suppress(sk.UntilTimeLimit(10))
        late.to_stream().map_values(on("first"), name="below")

    error = failing(build, WAITED)
    assert error.node == "below"
    assert told(error) == "topic in, partition 0, offset 0, key 'k', value 'first'"
    assert (error.topic, error.partition, error.offset) == ("in", 0, 0)


def test_operator_below_suppressed_windows_fails_with_the_window() -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        counts = (
            builder.stream("in").group_by_key().windowed_by(sk.TumblingWindows(10, grace=0)).count()
        )
        final = counts.suppress(sk.UntilWindowCloses())
        final.to_stream().map_values(boom, name="below")

    error = failing(build, [("in", "k", "v", 3), ("in", "k", "w", 5), ("in", "k", "x", 30)])
    assert error.node == "below"
    assert "topic in, partition 0, offset 1, key Windowed(key='k'" in told(error)
    assert told(error).endswith("value 2")


@pytest.mark.parametrize(
    "windows",
    [
        sk.TumblingWindows(10, grace=0),
        sk.HoppingWindows(10, advance=5, grace=0),
        sk.SlidingWindows(10, grace=0),
    ],
    ids=["tumbling", "hopping", "sliding"],
)
def test_operator_below_windows_emitted_on_close_fails_with_the_window(windows: Any) -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        windowed = builder.stream("in").group_by_key().windowed_by(windows)
        windowed.emit_on_close(every=0).count(retention=1000).to_stream().map_values(
            boom, name="below"
        )

    error = failing(build, [("in", "k", "first", 12), ("in", "x", "second", 50)])
    assert error.node == "below"
    assert told(error).startswith("key Windowed(key='k', window=")
    assert told(error).endswith("value 1, sent on when topic in, partition 0, offset 1 came")
    assert (error.topic, error.partition, error.offset) == ("in", 0, 1)


def test_operator_below_sessions_emitted_on_close_fails_with_the_session() -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        sessions = builder.stream("in").group_by_key().windowed_by(sk.SessionWindows(10, grace=0))
        sessions.emit_on_close(every=0).count(retention=1000).to_stream().map_values(
            boom, name="below"
        )

    error = failing(build, [("in", "k", "first", 12), ("in", "x", "second", 50)])
    assert error.node == "below"
    assert told(error).startswith("key Windowed(key='k', window=")
    assert told(error).endswith("value 1, sent on when topic in, partition 0, offset 1 came")


@pytest.mark.parametrize("outer", [False, True], ids=["left", "outer"])
@pytest.mark.parametrize("below", [False, True], ids=["joiner", "below"])
def test_record_that_waited_for_a_partner_is_named(outer: bool, below: bool) -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        left = builder.stream("in")
        join = left.outer_join if outer else left.left_join
        joiner: Any = (lambda v, _: v) if below else (lambda v, _: on("first")(v))
        joined = join(
            builder.stream("other"), joiner, windows=sk.JoinWindows(10), value=str, name="join"
        )
        joined.map_values(on("first"), name="below")

    error = failing(build, WAITED)
    assert error.node is not None
    assert error.node == "below" if below else error.node.startswith("join")
    assert told(error) == (
        "key 'k', value 'first', sent on when topic in, partition 0, offset 1 came"
    )


class Sends(sk.Processor[str, str, str, str]):
    """Sends a record by a timer."""

    def init(self, context: sk.ProcessorContext[str, str]) -> None:
        super().init(context)
        context.schedule(10, self.send)

    def send(self, timestamp_ms: int) -> None:
        if timestamp_ms >= 10:
            self.context.forward(sk.Record("k", "first", timestamp_ms))

    def process(self, record: sk.Record[str, str]) -> None:
        pass


class Fails(sk.Processor[str, str, str, str]):
    def process(self, record: sk.Record[str, str]) -> None:
        boom(record)


def test_operator_below_a_punctuator_fails_with_what_it_sent() -> None:
    error = failing(
        lambda b: b.stream("in").process(Sends, name="timer").map_values(boom, name="below"),
        [("in", "k", "v", 0), ("in", "k", "v", 12)],
    )
    assert error.node == "below"
    assert "raised ValueError in a punctuator: boom" in str(error)
    assert told(error) == "key 'k', value 'first', sent on by a timer"
    assert (error.topic, error.partition, error.offset) == (None, None, None)


def test_processor_below_a_punctuator_of_another_is_named() -> None:
    error = failing(
        lambda b: b.stream("in").process(Sends, name="timer").process(Fails, name="below"),
        [("in", "k", "v", 0), ("in", "k", "v", 12)],
    )
    assert error.node == "below"


@pytest.mark.parametrize("cache", [100, 10_000_000], ids=["full at once", "at the commit"])
@pytest.mark.parametrize("again", [False, True], ids=["below", "in a cached operator below"])
def test_operator_below_a_cache_fails_with_the_change_that_waited(cache: int, again: bool) -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        counts = builder.stream("in").group_by_key().count(store="counts")
        if again:
            counts.map_values(boom, name="below", store="more", value=str)
        else:
            counts.to_stream().map_values(boom, name="below")

    inputs: list[Input] = [("in", "k", "v", 3)]
    error = failing(build, inputs, statestore_cache_max_bytes=cache)
    assert error.node == "below"
    assert told(error) == "topic in, partition 0, offset 0, key 'k', value 1"


def test_processor_of_a_global_store_fails_with_its_record() -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        text = sk.serde_for(str)
        spec = sk.StoreSpec("names", sk.StoreKind.KEY_VALUE, text, text)
        builder.add_global_store(spec, "g", Fails, key=str, value=str)
        builder.stream("in").to("out")

    error = failing(build, [("g", "k", "first", 1)])
    assert told(error) == "topic g, partition 0, offset 0, key 'k', value 'first'"


class RaisesWhenLookedUp(sk.ValueTransformer[str, str, str]):
    def transform(self, key: str, value: str | None) -> str | None:
        if self.context.record_info is None:
            raise ValueError("boom")
        return value


def test_transformed_view_that_a_join_looks_up_fails_with_the_joined_record() -> None:
    def build(builder: sk.StreamsBuilder) -> None:
        rows = builder.table("t").transform_values(RaisesWhenLookedUp, value=str)
        builder.stream("in").join(rows, lambda left, _: left, value=str, name="join")

    error = failing(build, [("t", "k", "row", 1), ("in", "k", "first", 2)])
    assert error.node == "join"
    assert told(error) == "topic in, partition 0, offset 0, key 'k', value 'first'"


def seen_beside(
    build: Callable[[sk.StreamsBuilder], sk.KStream[str, str]], inputs: list[Input]
) -> list[tuple[str | None, int, int]]:
    """What a topic extractor learns of records, as a child after one whose failures are passed over."""
    seen: list[tuple[str | None, int, int]] = []

    def extract(_key: str, _value: str, info: sk.RecordInfo) -> str:
        seen.append((info.topic, info.offset, info.timestamp_ms))
        return "out"

    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    build(builder).to(extract)
    with TopologyTestDriver(builder, backend="memory", on_processing_error="continue") as driver:
        for topic, key, value, time in inputs:
            driver.pipe_input(topic, key, value, timestamp_ms=time)
    return seen


def test_operator_beside_a_failed_look_up_sees_its_own_record() -> None:
    def build(builder: sk.StreamsBuilder) -> sk.KStream[str, str]:
        rows = builder.table("t").transform_values(RaisesWhenLookedUp, value=str)
        stream = builder.stream("in")
        stream.join(rows, lambda left, _: left, value=str)
        return stream

    inputs: list[Input] = [("t", "k", "row", 1), ("in", "k", "first", 2), ("in", "k", "v", 3)]
    assert seen_beside(build, inputs) == [("in", 0, 2), ("in", 1, 3)]


def test_operator_beside_a_failed_join_with_grace_sees_its_own_record() -> None:
    def build(builder: sk.StreamsBuilder) -> sk.KStream[str, str]:
        rows = builder.table("t", store="rows", history=100)
        stream = builder.stream("in")
        stream.left_join(rows, lambda v, _: on("first")(v), grace=10, value=str)
        return stream

    assert seen_beside(build, WAITED) == [("in", 0, 5), ("in", 1, 30)]


def test_record_that_fails_behind_a_grace_period_is_lost_and_the_next_is_joined() -> None:
    """In Kafka Streams it stays first in the buffer, fails with every record, and nothing behind it goes on."""
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    joined_with_grace(builder, lambda v, _: on("first")(v)).to("out", value=str)
    inputs = [("first", 5), ("next", 6), ("v", 30), ("w", 31)]
    with TopologyTestDriver(builder, backend="memory", on_processing_error="continue") as driver:
        for value, time in inputs:
            driver.pipe_input("in", "k", value, timestamp_ms=time)
        assert [record.value for record in driver.read_all("out")] == ["next"]


def test_record_that_fails_without_a_partner_is_lost_and_the_next_goes_out() -> None:
    """In Kafka Streams it fails with every record, which is lost, too."""
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    joined = builder.stream("in").left_join(
        builder.stream("other"),
        lambda v, _: on("first")(v),
        windows=sk.JoinWindows(10),
        value=str,
        every=0,
    )
    joined.to("out")
    inputs = [("a", 4), ("first", 5), ("next", 5), ("b", 6), ("v", 30), ("w", 31), ("x", 60)]
    with TopologyTestDriver(builder, backend="memory", on_processing_error="continue") as driver:
        for value, time in inputs:
            driver.pipe_input("in", "k", value, timestamp_ms=time)
        sent = [record.value for record in driver.read_all("out")]
    assert sent == ["a", "next", "b", "w"]


def test_processor_that_passes_over_an_error_below_sees_its_own_record() -> None:
    """Also where no app-wide policy does so."""
    seen: list[tuple[str | None, int]] = []

    class Careful(sk.FixedKeyProcessor[str, str, str]):
        def process(self, record: sk.Record[str, str]) -> None:
            with suppress(ValueError):
                self.context.forward(record.value)
            info = self.context.record_info
            assert info is not None
            seen.append((info.topic, info.offset))

    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    rows = builder.stream("in").process_values(Careful, value=str).to_table(store="rows")
    rows.suppress(sk.UntilTimeLimit(0)).to_stream().map_values(boom)
    with TopologyTestDriver(builder, backend="memory") as driver:
        driver.pipe_input("in", "k", "v", timestamp_ms=1)
        driver.pipe_input("in", "k", "w", timestamp_ms=2)
    assert seen == [("in", 0), ("in", 1)]
