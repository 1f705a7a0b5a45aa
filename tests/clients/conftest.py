"""The same suite on two brokers: the bundled one, and (marked `kafka`) Apache Kafka 4.3.0."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from client_drivers import DRIVERS, Driver
from kafka_broker import KafkaBroker

from streamkit.testing.embedded_broker import EmbeddedBroker

_SETTINGS = {"group.min.session.timeout.ms": "1000"}


@dataclass(frozen=True)
class Cluster:
    """A broker to be judged."""

    kind: str
    bootstrap: str


@pytest.fixture(
    scope="session", params=["streamkit", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    if request.param == "streamkit":
        with EmbeddedBroker(settings=_SETTINGS) as broker:
            yield Cluster("streamkit", broker.bootstrap)
    else:
        with KafkaBroker(tmp_path_factory.mktemp("kafka"), _SETTINGS) as kafka:
            yield Cluster("kafka", kafka.bootstrap)


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
    topic = name("topic")
    driver.create_topic(topic, 4)
    return topic
