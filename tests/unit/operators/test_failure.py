"""The message of a user's exception: operator, line, record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from operator_lab import Lab

from streamkit import KStream, Processor, Record, StreamsBuilder
from streamkit.errors import ProcessingError, SerdeError, StorageError
from streamkit.operators.failure import explain
from streamkit.operators.peek import Peek
from streamkit.testing.driver import TopologyTestDriver


def fail(build: Callable[[KStream[str, Any]], object], value: Any = "v") -> ProcessingError:
    """The error of the program's first record."""
    builder = StreamsBuilder()
    build(builder.stream("in", key=str))
    with TopologyTestDriver(builder, backend="memory") as driver:
        with pytest.raises(ProcessingError) as caught:
            driver.pipe_input("in", "UA", value, timestamp_ms=5)
        return caught.value


def test_message_names_operator_line_and_record() -> None:
    error = fail(lambda s: s.filter(lambda _, v: v["delay"] > 0, name="flown"), {"delay": None})
    lines = str(error).splitlines()
    assert lines[0] == (
        "operator 'flown' raised TypeError: '>' not supported between instances of 'NoneType' and 'int'"
    )
    assert "test_failure.py:" in lines[1]
    assert 'lambda _, v: v["delay"] > 0' in lines[1]
    assert lines[2] == "  record: topic in, partition 0, offset 0, key 'UA', value {'delay': None}"
    assert 'on_processing_error="continue"' in lines[3]
    assert (error.node, error.topic, error.partition, error.offset) == ("flown", "in", 0, 0)
    assert isinstance(error.__cause__, TypeError)


def test_dict_in_place_of_an_object_tells_to_name_the_type() -> None:
    """As in a program that makes objects, and doesn't say so before they go through a topic."""
    error = fail(lambda s: s.filter(lambda _, v: v.delay > 0), {"delay": 1})
    assert "JSON without a type is read as a dict: name the type, with value=" in str(error)
    error = fail(lambda s: s.filter(lambda _, v: v.delay > 0), 7)
    assert "JSON without a type" not in str(error)


def test_operator_is_found_among_several_of_its_kind() -> None:
    error = fail(
        lambda s: (
            s.map_values(lambda v: v, name="one")
            .map_values(lambda v: v, name="two")
            .map_values(lambda v: v / 0, name="three")
            .map_values(lambda v: v, name="four")
        ),
        7,
    )
    assert error.node == "three"


def test_operator_is_found_among_siblings() -> None:
    def build(s: KStream[str, Any]) -> None:
        s.map_values(lambda v: v, name="left").peek(print, name="below")
        s.map_values(lambda v: v / 0, name="right")

    assert fail(build, 7).node == "right"


def test_function_without_a_frame_of_its_own_is_found_by_the_way_of_the_record() -> None:
    error = fail(lambda s: s.filter(lambda *_: True).map_values(int, name="number"), "text")
    assert error.node == "number"
    assert "ValueError" in str(error)
    assert "  at " not in str(error)


def test_innermost_line_of_the_users_code_is_shown() -> None:
    def deep(value: int) -> float:
        return value / 0

    error = fail(lambda s: s.map_values(lambda v: deep(v)), 7)
    assert "return value / 0" in str(error)


def test_failing_aggregator_joiner_and_processor_are_named() -> None:
    class Fails(Processor[str, Any, str, Any]):
        def process(self, record: Record[str, Any]) -> None:
            self.context.forward(record)
            raise KeyError("mine")

    assert fail(lambda s: s.process(Fails, name="mine").peek(lambda *_: None)).node == "mine"
    after = fail(lambda s: s.process(_Forward, name="fine").peek(lambda *_: 1 / 0, name="after"))
    assert after.node == "after"
    folded = fail(lambda s: s.group_by_key().aggregate(lambda: 0, lambda *_: 1 / 0, name="fold"))
    assert folded.node == "fold"


class _Forward(Processor[str, Any, str, Any]):
    def process(self, record: Record[str, Any]) -> None:
        self.context.forward(record)


def test_value_that_a_sink_cant_write_is_told_with_the_record() -> None:
    error = fail(lambda s: s.to("out", value=int, name="write"), "text")
    assert error.node == "write"
    assert "record: topic in" in str(error)
    assert isinstance(error.__cause__, SerdeError)


def test_long_values_are_cut() -> None:
    error = fail(lambda s: s.map_values(lambda v: v / 0), "x" * 500)
    assert max(len(line) for line in str(error).splitlines()) < 300


def test_failing_punctuator_names_its_processor() -> None:
    class Tick(Processor[str, Any, str, Any]):
        def init(self, context: Any) -> None:
            context.schedule(1, lambda _: 1 / 0)

        def process(self, record: Record[str, Any]) -> None:
            pass

    error = fail(lambda s: s.process(Tick, name="ticker"))
    assert error.node == "ticker"
    assert "in a punctuator" in str(error)
    assert "record:" not in str(error)


def test_error_that_no_user_code_is_to_blame_for_stays_as_it_is() -> None:
    lab = Lab(Peek(print))
    disk = StorageError("disk full")
    assert explain(disk, lab.operator, lab.context) is disk
