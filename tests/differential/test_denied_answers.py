"""Clients that may not do one thing or another: the bundled broker refuses what Apache Kafka 4.3.0 refuses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from denied_requests import REQUESTS
from denied_script import (
    PROFILES,
    SETTINGS,
    Denied,
    kafka_client,
    recorded_denials,
    run_denied_script,
)
from kafka_broker import KafkaBroker
from wire_client import WireClient

from streamkit.log.broker.authorization import KafkaPrincipal, Operation, ResourceType
from streamkit.log.broker.registry import apis
from streamkit.testing import EmbeddedBroker


class Denying:
    """Denies everybody the operations of a profile."""

    def __init__(self, denied: Denied) -> None:
        self._denied = denied

    def allows(
        self,
        principal: KafkaPrincipal,
        host: str,
        operation: Operation,
        resource_type: ResourceType,
        name: str,
    ) -> bool:
        assert (str(principal), host) == ("User:ANONYMOUS", "127.0.0.1")
        assert name == "kafka-cluster" or resource_type is not ResourceType.CLUSTER
        return (operation, resource_type) not in self._denied

    def allows_any(
        self,
        principal: KafkaPrincipal,
        host: str,
        operation: Operation,
        resource_type: ResourceType,
    ) -> bool:
        return (operation, resource_type) not in self._denied


def test_denied_clients_are_answered_as_recorded_of_apache_kafka() -> None:
    with EmbeddedBroker(settings={"group.consumer.assignment.interval.ms": "0"}) as broker:

        def connect(number: int | None) -> WireClient:
            denying = None if number is None else Denying(PROFILES[number][1])
            broker.server.broker.authorizer = denying
            return WireClient(broker.bootstrap, timeout=20)

        found = list(run_denied_script(connect))
    expected = recorded_denials()
    assert [step for step, _ in found] == [step for step, _ in expected]
    for (step, said), (_, kafka_said) in zip(found, expected, strict=True):
        assert said == kafka_said, step


def test_every_api_is_among_the_requests() -> None:
    asked = {request.removesuffix("Request").lower() for request, _, _ in REQUESTS}
    assert asked == {api.key.name.replace("_", "").lower() for api in apis().values()}


@pytest.mark.kafka
@pytest.mark.skipif(sys.platform != "linux", reason="clients come from 127.0.0.10 and up")
def test_recorded_denials_are_still_apache_kafkas(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka", SETTINGS) as kafka:
        found = list(run_denied_script(kafka_client(kafka)))
    assert found == recorded_denials()
