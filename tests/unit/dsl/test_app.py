"""App: settings, decorators, agents and timers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import streamkit
from streamkit import App, ConfigError, KStream, KTable, ProcessorContext, Record
from streamkit.cli.main import cli
from streamkit.testing.driver import TopologyTestDriver

Context = ProcessorContext[Any, Any]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"app_id": "a b"}, "only ASCII letters"),
        ({"processing_guarantee": "maybe"}, "processing_guarantee is 'at_least_once', not 'maybe'"),
        ({"commit_interval_ms": 0}, "commit_interval_ms is at least 1 ms, not 0 ms"),
        ({"max_task_idle_ms": -2}, "max_task_idle_ms is an int of -1 or more, not -2"),
        ({"auto_offset_reset": "x"}, "'earliest' or 'latest', not 'x'"),
        ({"on_processing_error": "x"}, "'fail' or 'continue', not 'x'"),
        ({"on_deserialization_error": "x"}, "'fail' or 'continue', not 'x'"),
        ({"store_backend": "disk"}, "'rocksdb' or 'memory', not 'disk'"),
        ({"bootstrap": "localhost"}, "bootstrap is host:port"),
        ({"bootstrap": "a:1,b:99999"}, "bootstrap is host:port"),
    ],
)
def test_settings_out_of_range_are_refused_with_the_range(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        App(**{"app_id": "app", **settings})


def test_settings_are_kept() -> None:
    app = App(
        "app",
        bootstrap="one:9092, two:9093",
        state_dir="state",
        commit_interval_ms=timedelta(seconds=1),
        default_key=str,
    )
    assert app.app_id == "app"
    assert app.settings.state_dir == Path("state")
    assert app.settings.commit_interval_ms == 1000
    assert app.settings.default_key is not None


def test_stream_decorator_builds_with_the_topics_stream() -> None:
    app = App("app")
    numbers = app.topic("numbers", key=str, value=int)

    @app.stream(numbers)
    def double(numbers: KStream[str, int]) -> None:
        numbers.map_values(lambda value: 2 * value, value=int).to("doubles")

    assert callable(double)
    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_input("numbers", "k", 4, timestamp_ms=1)
        assert driver.read_all("doubles") == [Record("k", 8, 1)]


def test_asking_for_a_topic_again_gives_the_same_stream_or_table() -> None:
    app = App("app")
    lines, rows = app.topic("lines"), app.topic("rows")
    assert app.stream(lines) is app.stream(lines)
    assert app.stream("other") is app.stream("other")
    assert app.table(rows) is app.table(rows)
    assert app.global_table("codes") is app.global_table("codes")
    assert str(lines) == "lines"


@pytest.mark.parametrize("kind", ["stream", "table", "global_table", "agent"])
def test_topic_that_is_described_otherwise_the_second_time_is_refused(kind: str) -> None:
    """The first description would read it, whatever the second one said."""
    app = App("app")
    read = getattr(app, kind)
    read(app.topic("t", key=str, value=int))
    read(app.topic("t", key=str, value=int))
    with pytest.raises(ConfigError, match="'t' is read as str and int before, and as str and str"):
        read(app.topic("t", key=str, value=str))


def test_topic_that_was_read_by_its_name_alone_is_refused_as_other_types() -> None:
    app = App("app")

    @app.agent("t")
    def see(record: Any, context: Any) -> None: ...

    with pytest.raises(
        ConfigError, match="'t' is read as json and json before, and as str and int"
    ):
        app.stream(app.topic("t", key=str, value=int))
    app.stream(app.topic("t"))
    with pytest.raises(ConfigError, match="offset_reset=None before, and with 'latest'"):
        app.stream(app.topic("t", offset_reset="latest"))


def test_table_decorator_and_event_time_of_a_topic() -> None:
    app = App("app")
    prices = app.topic("prices", key=str, value=int, timestamp=lambda _, price: price * 10)

    @app.table(prices, store="prices")
    def dear(prices: KTable[str, int]) -> None:
        prices.filter(lambda _, price: price > 5).to_stream().to("dear")

    assert callable(dear)
    with TopologyTestDriver(app, backend="memory") as driver:
        driver.pipe_input("prices", "k", 7, timestamp_ms=1)
        assert driver.read_all("dear") == [Record("k", 7, 70)]


def test_agent_handles_records_with_its_stores_and_timers() -> None:
    app = App("app")
    app.store("sums", key=str, value=int)
    numbers = app.topic("numbers", key=str, value=int)
    sums = app.topic("sums-out", key=str, value=int)

    @app.agent(numbers, stores=["sums"], to=sums)
    def add(record: Record[str, int], context: Context) -> None:
        store = context.store("sums")
        store.put(record.key, (store.get(record.key) or 0) + record.value)

    @app.timer(every=timedelta(seconds=1))
    def send(timestamp_ms: int, context: Context) -> None:
        for key, value in context.store("sums").all():
            context.forward(Record(key, value, timestamp_ms))

    @app.timer(every=10, clock="wall", agent="add")
    def tick(timestamp_ms: int, context: Context) -> None:
        context.forward(Record("tick", timestamp_ms, timestamp_ms))

    with TopologyTestDriver(app, backend="memory") as driver:
        for value, timestamp in ((1, 5), (2, 900), (4, 1500)):
            driver.pipe_input("numbers", "k", value, timestamp_ms=timestamp)
        assert driver.read_all("sums-out") == [Record("k", 1, 5), Record("k", 7, 1500)]
        driver.advance_wall_clock(10)
        assert driver.read_all("sums-out") == [Record("tick", 10, 10)]


def test_agents_need_names_of_their_own_and_timers_an_agent() -> None:
    app = App("app")
    lines = app.topic("lines")
    with pytest.raises(ConfigError, match=r"a timer belongs to an agent.*none yet"):
        app.timer(every=5)

    @app.agent(lines, name="one")
    def handle(record: Record[Any, Any], context: Context) -> None: ...

    with pytest.raises(ConfigError, match="an agent named 'one' is there already"):
        app.agent(lines, name="one")(handle)
    app.agent(lines, name="two", to="out")(handle)
    with pytest.raises(ConfigError, match="there are: 'one', 'two'"):
        app.timer(every=5)
    with pytest.raises(ConfigError, match="clock is 'stream' or 'wall'"):
        app.timer(every=5, clock="moon", agent="one")


def test_every_public_name_can_be_imported() -> None:
    for name in streamkit.__all__:
        assert getattr(streamkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = streamkit.Nonsense  # type: ignore[attr-defined]  # on purpose
    assert "App" in dir(streamkit)


APP = """
import streamkit
app = streamkit.App("copy")
app.stream("in").to("out")
"""


def test_topology_command_prints_every_form(tmp_path: Path) -> None:
    path = tmp_path / "copy_app_for_topology_command.py"
    path.write_text(APP)
    runner = CliRunner()
    text = runner.invoke(cli, ["topology", str(path)], catch_exceptions=False)
    assert text.output.startswith("Topologies:\n   Sub-topology: 0\n    Source: KSTREAM-SOURCE-")
    mermaid = runner.invoke(
        cli, ["topology", str(path), "--format=mermaid"], catch_exceptions=False
    )
    assert mermaid.output.startswith("flowchart TD\n")
    as_json = runner.invoke(cli, ["topology", str(path), "--format=json"], catch_exceptions=False)
    assert '"sub_topologies"' in as_json.output
    svg = runner.invoke(cli, ["topology", str(path), "--format=svg"], catch_exceptions=False)
    assert svg.output.startswith("<svg ")
