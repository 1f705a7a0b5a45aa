"""Programs of other languages ask the bundled broker and Apache Kafka the same, and get the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest
from conformance import Verdict, ask_program, franz_go, kafkajs, missing
from conformance_scenarios import DIFFERENCES, SCENARIOS, clients_of
from kcat_scenarios import ask_kcat
from tool_scenarios import ask_tools

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

Answers = tuple[Mapping[str, Verdict], Mapping[str, Verdict]]

_ASK: dict[str, Callable[[str], Mapping[str, Verdict]]] = {
    "kafka-tools": ask_tools,
    "kcat": ask_kcat,
    "kafkajs": lambda bootstrap: ask_program(kafkajs(), bootstrap, timeout_s=200),
    "franz-go": lambda bootstrap: ask_program(franz_go(), bootstrap, timeout_s=200),
}


class Pair(Protocol):
    """Both brokers' addresses, from the fixture in `conftest`."""

    @property
    def bundled(self) -> str: ...
    @property
    def kafka(self) -> str: ...


@pytest.fixture(scope="session")
def answers(brokers: Pair) -> Callable[[str], Answers]:
    """What a client was answered by both brokers, which are asked at the same time and once."""
    known: dict[str, Answers] = {}

    def ask(client: str) -> Answers:
        if client not in known:
            if (problem := missing(client)) is not None:
                pytest.skip(problem)
            with ThreadPoolExecutor(2) as pool:
                ours, kafkas = pool.map(_ASK[client], (brokers.bundled, brokers.kafka))
            known[client] = (ours, kafkas)
        return known[client]

    return ask


@pytest.mark.parametrize(
    ("client", "scenario"),
    [(client, name) for client in _ASK for name in SCENARIOS if client in clients_of(name)],
)
def test_both_brokers_answer_alike(
    answers: Callable[[str], Answers], client: str, scenario: str
) -> None:
    ours, kafkas = answers(client)
    ours_now, kafkas_now = ours[scenario], kafkas[scenario]
    assert not kafkas_now.failure, f"Apache Kafka: {kafkas_now.failure}"
    assert not ours_now.failure
    if scenario in DIFFERENCES:
        assert ours_now.answer != kafkas_now.answer, "declared as different, and isn't"
    else:
        assert ours_now.answer == kafkas_now.answer


@pytest.mark.parametrize("client", _ASK)
def test_no_answer_is_left_unread(answers: Callable[[str], Answers], client: str) -> None:
    ours, _ = answers(client)
    assert sorted(ours) == sorted(name for name in SCENARIOS if client in clients_of(name))
