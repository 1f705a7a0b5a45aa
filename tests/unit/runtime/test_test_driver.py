"""TopologyTestDriver: the worker's own task, step by step."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import streamkit as sk
import streamkit.runtime.task
import streamkit.runtime.task_factory
import streamkit.runtime.task_manager
import streamkit.testing.driver
from streamkit.errors import ClosedError, ConfigError, ProcessingError, SerdeError
from streamkit.model import Record
from streamkit.state import TimestampedKeyValueStore
from streamkit.testing import TopologyTestDriver
from streamkit.topology.topology import Topology


def words() -> sk.StreamsBuilder:
    builder = sk.StreamsBuilder()
    (
        builder.stream("lines", key=str, value=str)
        .flat_map_values(str.split, value=str)
        .group_by(lambda _, word: word, key=str)
        .count(store="words")
        .to_stream()
        .to("totals", key=str, value=int)
    )
    return builder


def test_runs_the_class_that_the_worker_runs() -> None:
    """The same class from the same module, made by the same factory."""
    with TopologyTestDriver(words()) as driver:
        for task in driver.tasks:
            assert type(task) is streamkit.runtime.task.Task
    worker_parts = vars(streamkit.runtime.task_manager)
    driver_parts = vars(streamkit.testing.driver)
    assert worker_parts["Task"] is driver_parts["Task"] is streamkit.runtime.task.Task
    assert worker_parts["TaskFactory"] is driver_parts["TaskFactory"]
    assert driver_parts["TaskFactory"] is streamkit.runtime.task_factory.TaskFactory


@pytest.mark.parametrize("backend", ["rocksdb", "memory"])
def test_input_goes_through_repartition_topics_to_the_very_end(backend: str) -> None:
    with TopologyTestDriver(words(), backend=backend) as driver:
        assert len(driver.tasks) == 2
        driver.pipe_input("lines", None, "the log is the truth", timestamp_ms=7)
        assert driver.read_all("totals") == [
            Record("the", 1, 7),
            Record("log", 1, 7),
            Record("is", 1, 7),
            Record("the", 2, 7),
            Record("truth", 1, 7),
        ]
        assert driver.read_output("totals") is None
        store = driver.store("words")
        assert isinstance(store, TimestampedKeyValueStore)
        assert store.get("the") == (2, 7)
        assert "test-words-repartition" in driver.output_topics
        assert "test-words-changelog" in driver.output_topics


def test_state_survives_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    for expected in (1, 2):
        with TopologyTestDriver(words(), state_dir=tmp_path) as driver:
            driver.pipe_input("lines", None, "again")
            assert [record.value for record in driver.read_all("totals")] == [expected]


def test_unknown_topics_and_stores_are_named() -> None:
    with TopologyTestDriver(words(), backend="memory") as driver:
        with pytest.raises(ConfigError, match=r"doesn't read topic 'nothing'.*lines"):
            driver.pipe_input("nothing", "k", "v")
        with pytest.raises(ConfigError, match="no store 'nothing'; it has: words"):
            driver.store("nothing")


def test_value_of_another_type_is_refused() -> None:
    with TopologyTestDriver(words(), backend="memory") as driver, pytest.raises(SerdeError):
        driver.pipe_input("lines", None, 5)


def test_undecodable_bytes_are_an_error_or_counted() -> None:
    with TopologyTestDriver(words(), backend="memory") as driver, pytest.raises(SerdeError):
        driver.pipe_raw("lines", None, b"\xff")
    with TopologyTestDriver(
        words(), backend="memory", on_deserialization_error="continue"
    ) as driver:
        driver.pipe_raw("lines", None, b"\xff")
        assert sum(driver.dropped.values()) == 1


def test_raising_function_is_a_processing_error() -> None:
    builder = sk.StreamsBuilder()
    builder.stream("in", key=str, value=int).map_values(lambda value: 1 // value).to("out")
    with (
        TopologyTestDriver(builder) as driver,
        pytest.raises(ProcessingError, match="ZeroDivision"),
    ):
        driver.pipe_input("in", "k", 0)


def test_wall_clock_moves_by_hand() -> None:
    times: list[int] = []

    class Tick(sk.Processor[str, str, str, str]):
        def init(self, context: sk.ProcessorContext[str, str]) -> None:
            context.schedule(timedelta(seconds=1), times.append, clock="wall")

        def process(self, record: Record[str, str]) -> None:
            pass

    topology = Topology()
    topology.add_source("in", "in", key=str, value=str)
    topology.add_processor("tick", Tick, "in")
    with TopologyTestDriver(topology, wall_clock_start_ms=500) as driver:
        driver.advance_wall_clock(999)
        driver.advance_wall_clock(timedelta(milliseconds=1))
        driver.advance_wall_clock(2_700)
        assert driver.wall_clock_ms == 4_200
    assert times == [1_500, 4_200]


def test_global_table_is_updated_at_once() -> None:
    builder = sk.StreamsBuilder()
    names = builder.global_table("names", key=str, value=str, store="names-store")
    builder.stream("in", key=str, value=str).join_global(
        names, key=lambda _, value: value, joiner=lambda value, name: f"{value}={name}", value=str
    ).to("out", key=str, value=str)
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("in", "k", "a")
        driver.pipe_input("names", "a", "Anna")
        driver.pipe_input("in", "k", "a")
        assert [record.value for record in driver.read_all("out")] == ["a=Anna"]


def test_closed_driver_is_closed() -> None:
    driver = TopologyTestDriver(words(), backend="memory")
    driver.close()
    driver.close()
    with pytest.raises(ClosedError):
        driver.pipe_input("lines", None, "x")
