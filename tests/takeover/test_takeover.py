"""An application of Kafka Streams 4.3.0 goes on in streamkit, and the other way round, as if nobody had noticed.

The first side stops in mid-window, with a full suppress buffer, half joins and subscriptions by foreign key; the other
one goes on with an empty state folder, the same application id, group, commits and internal topics. Outputs and the
content of all changelogs are those of an uninterrupted Kafka Streams, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kafka_broker import KafkaBroker
from streams_application import StreamsApplications
from takeover_cases import CASES
from takeover_lab import Results, Run, Shift

from streamkit.testing import EmbeddedBroker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

JAVA, PYTHON = Shift("java"), Shift("python")


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamsApplications]:
    with StreamsApplications(tmp_path_factory.mktemp("java") / "log") as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_takeover_gives_what_an_uninterrupted_kafka_streams_gives(
    name: str, java: StreamsApplications, tmp_path: Path
) -> None:
    case = CASES[name]
    ways = [(JAVA,), (JAVA, PYTHON), (PYTHON, JAVA)]
    if case.forgets:
        ways.append((JAVA, JAVA))

    def work(shifts: tuple[Shift, ...]) -> Results:
        way = "-".join(shift.side for shift in shifts)
        with (
            EmbeddedBroker() as broker,
            Run(case, "takeover", broker.bootstrap, tmp_path / way, java) as run,
        ):
            return run.work(*shifts)

    with ThreadPoolExecutor(len(ways)) as pool:
        found = dict(zip(ways, pool.map(work, ways), strict=True))
    reference = found[(JAVA,)]
    assert any(reference.outputs.values())
    assert found[JAVA, PYTHON] == reference
    if case.forgets:
        assert found[JAVA, JAVA] != reference
        reference = found[JAVA, JAVA]
    assert found[PYTHON, JAVA] == reference


def test_takeover_on_apache_kafka(java: StreamsApplications, tmp_path: Path) -> None:
    """The same on Apache Kafka's own broker, which makes the internal topics and coordinates the group."""
    # Times are those of 1970: nobody shall come along and delete what is as old as that.
    settings = {"log.retention.ms": "-1", "log.cleaner.backoff.ms": "3600000"}
    with KafkaBroker(tmp_path / "kafka", settings) as broker:
        found = {}
        for shifts in ((JAVA,), (JAVA, PYTHON), (PYTHON, JAVA)):
            case = CASES["left join by a foreign key"]
            with Run(case, "takeover", broker.bootstrap, tmp_path / "state", java) as run:
                found[shifts] = run.work(*shifts)
                run.delete()
        assert found[JAVA, PYTHON] == found[(JAVA,)]
        assert found[PYTHON, JAVA] == found[(JAVA,)]
