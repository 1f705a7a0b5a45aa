"""The same suite on two brokers: the bundled one, and (marked `kafka`) Apache Kafka 4.3.0.

Each runs once for the whole session. Tests that show a scenario of `conformance_scenarios` name it with the
marker `scenario`; at the end of a run in which Apache Kafka was asked, a table tells what was seen. Where such a
run leaves out what the bundled broker is asked (`-m kafka`), what `make test` saw of the same sources counts;
if nothing was kept, those tests are run, too.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

import conformance_outcomes
import pytest
from broker_pair import apache_kafka, bundled
from client_drivers import DRIVERS, Driver, new_topic
from conformance_scenarios import CLIENTS, DIFFERENCES, SCENARIOS, clients_of


@dataclass(frozen=True)
class Cluster:
    """A broker to be judged."""

    kind: str
    bootstrap: str


@dataclass(frozen=True)
class Brokers:
    """Both brokers' addresses."""

    bundled: str
    kafka: str


@pytest.fixture(scope="session")
def bundled_broker() -> Iterator[str]:
    with bundled() as address:
        yield address


@pytest.fixture(scope="session")
def kafka_broker_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def brokers(bundled_broker: str, kafka_broker_of_the_session: str) -> Brokers:
    return Brokers(bundled_broker, kafka_broker_of_the_session)


@pytest.fixture(
    scope="session", params=["streamkit", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    fixture = "bundled_broker" if request.param == "streamkit" else "kafka_broker_of_the_session"
    return Cluster(request.param, request.getfixturevalue(fixture))


@pytest.fixture(scope="session", params=list(DRIVERS))
def driver(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Driver]:
    driver = DRIVERS[request.param](cluster.bootstrap)
    yield driver
    driver.close()


_numbers = itertools.count(1)


@pytest.fixture
def name(driver: Driver) -> Callable[[str], str]:
    """Names that no other test has used."""
    return lambda what: f"{what}-{driver.name}-{next(_numbers)}"


@pytest.fixture
def topic(driver: Driver, name: Callable[[str], str]) -> str:
    """A new topic of four partitions."""
    return new_topic(driver, name("topic"), 4)


# The table.

_outcomes: dict[tuple[str, str, str], set[str]] = defaultdict(set)
"""What happened to the tests of a client, a scenario and a column."""

_halves: set[tuple[str, str, str]] = set()
"""Of these, those whose tests ask one broker only."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "scenario(name, client=None): shows a scenario of the conformance suite"
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Write client, scenario and column of each test into its report; take in what the table lacks."""
    places: dict[pytest.Item, tuple[str, str, str]] = {}
    for item in items:
        place = _place(item)
        # Parametrised tests skip the clients that lack a feature.
        if place is not None and place[0] in clients_of(place[1]):
            item.user_properties.append(("conformance", place))
            places[item] = place
    yield
    kept = set(items)
    halves = {places[item][:2] for item in kept & places.keys() if places[item][2] == "kafka"}
    if halves and not _picked(config, "::"):
        known = conformance_outcomes.load(_sources())
        items[:0] = [
            item
            for item, (client, scenario, column) in places.items()
            if item not in kept
            and column == "streamkit"
            and (client, scenario) in halves - known.keys()
        ]


def _picked(config: pytest.Config, *parts: str) -> bool:
    """Whether somebody wants certain tests: by words of their names, or by paths that have these parts."""
    return bool(config.option.keyword) or any(
        part in argument for argument in config.args for part in parts
    )


@functools.cache
def _sources() -> str:
    return conformance_outcomes.digest()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what was seen of the bundled broker alone: a part of a scenario's tests is no answer."""
    config = session.config
    cut = _picked(config, "::", ".py") or session.testsfailed or session.shouldstop
    if cut or hasattr(config, "workerinput"):
        return
    seen = {
        (client, scenario): outcomes
        for (client, scenario, column), outcomes in _outcomes.items()
        if column == "streamkit" and (client, scenario, "streamkit") in _halves
    }
    if seen:
        conformance_outcomes.save(_sources(), seen)


def _place(item: pytest.Item) -> tuple[str, str, str] | None:
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    if {"client", "scenario"} <= params.keys():
        return params["client"], params["scenario"], "both"
    marker = item.get_closest_marker("scenario")
    if marker is None:
        return None
    client = str(marker.kwargs.get("client") or params["driver"])
    brokers = (params[each] for each in ("cluster", "bootstrap", "verdicts") if each in params)
    column = str(next(brokers, "both"))
    scenario = str(marker.args[0]).format(
        **{k: str(v).replace("-", "_") for k, v in params.items()}
    )
    return client, scenario, column


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for key, place in report.user_properties:
        if key == "conformance" and (report.when == "call" or report.outcome != "passed"):
            client, scenario, column = cast(tuple[str, str, str], place)
            columns = ("streamkit", "kafka") if column == "both" else (column,)
            if column != "both":
                _halves.add((client, scenario, column))
            for each in columns:
                _outcomes[client, scenario, each].add(report.outcome)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not any(column == "kafka" for _, _, column in _outcomes):
        return
    for (client, scenario), outcomes in conformance_outcomes.load(_sources()).items():
        if (client, scenario, "kafka") in _halves:
            _outcomes[client, scenario, "streamkit"] |= outcomes
    terminalreporter.section("conformance: the bundled broker and Apache Kafka 4.3.0")
    width = max(map(len, SCENARIOS))
    terminalreporter.write_line(" " * width + "  " + "  ".join(CLIENTS))
    for scenario in SCENARIOS:
        cells = [_cell(client, scenario).center(len(client)) for client in CLIENTS]
        terminalreporter.write_line(f"{scenario.ljust(width)}  " + "  ".join(cells).rstrip())
    terminalreporter.write_line(
        "= alike on both, ≠ a difference with a reason, ! not alike, - skipped, ? not run"
    )
    for scenario, reason in DIFFERENCES.items():
        terminalreporter.write_line(f"≠ {scenario}: {reason}")


def _cell(client: str, scenario: str) -> str:
    if client not in clients_of(scenario):
        return ""
    seen = [_outcomes.get((client, scenario, column), set()) for column in ("streamkit", "kafka")]
    if any("failed" in outcomes for outcomes in seen):
        return "!"
    if all("passed" in outcomes for outcomes in seen):
        return "≠" if scenario in DIFFERENCES else "="
    return "-" if any("skipped" in outcomes for outcomes in seen) else "?"
