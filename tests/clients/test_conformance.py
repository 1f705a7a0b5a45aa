"""Programs of other languages ask the bundled broker and Apache Kafka the same, and get the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest
from conformance import Verdict, ask_program, franz_go, kafkajs
from conformance_scenarios import DIFFERENCES, SCENARIOS, clients_of
from conformance_shown import DIFFERENT_LINES, other_lines, shows
from java import JAVA_FOLDER, java_command
from judges import need
from kcat_scenarios import ask_kcat
from tool_scenarios import ask_tools

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

Answers = tuple[Mapping[str, Verdict], Mapping[str, Verdict]]

_JAVA = frozenset(
    [
        "acks",
        "auto_created_topic",
        "broker_configs",
        "committed_offsets",
        "compaction",
        "delete_offsets",
        "delete_records",
        "described_topic",
        "feature_levels",
        "features",
        "idempotence",
        "large_record",
        "log_dirs",
        "open_transaction",
        "partitions",
        "patient_fetches",
        "quorum",
        "refused_topics",
        "reset_offsets",
        "retention",
        "single_node",
        "small_fetches",
        "timestamps",
        "topic_configs",
        "unknown_broker_setting",
        "unknown_topic",
        "unregister",
        "watermarks",
    ]
)
"""What the Java client is asked here; the rest of its column stands in the tests named after it."""

_ASK: dict[str, Callable[[str], Mapping[str, Verdict]]] = {
    "java": lambda bootstrap: ask_program(
        java_command(JAVA_FOLDER / "ConformanceJudge.java"), bootstrap, timeout_s=200
    ),
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
            need(client)
            with ThreadPoolExecutor(2) as pool:
                ours, kafkas = pool.map(_ASK[client], (brokers.bundled, brokers.kafka))
            known[client] = (ours, kafkas)
        return known[client]

    return ask


def _asked(client: str) -> list[str]:
    names = [name for name in SCENARIOS if client in clients_of(name)]
    return [name for name in names if name in _JAVA] if client == "java" else names


@pytest.mark.parametrize(
    ("client", "scenario"), [(client, name) for client in _ASK for name in _asked(client)]
)
def test_both_brokers_answer_alike(
    answers: Callable[[str], Answers], client: str, scenario: str
) -> None:
    ours, kafkas = answers(client)
    ours_now, kafkas_now = ours[scenario], kafkas[scenario]
    assert not kafkas_now.failure, f"Apache Kafka: {kafkas_now.failure}"
    assert not ours_now.failure
    answer, expected = ours_now.answer or (), kafkas_now.answer or ()
    assert shows(client, scenario, answer), f"it shows nothing: {answer}"
    if scenario not in DIFFERENCES:
        assert answer == expected
        return
    kafkas_lines, our_lines = DIFFERENT_LINES[scenario][client]
    alike = other_lines(expected, kafkas_lines)
    assert alike is not None, f"Apache Kafka's answer is another one: {expected}"
    assert other_lines(answer, our_lines) == alike, f"not the declared difference: {answer}"


@pytest.mark.parametrize("client", _ASK)
def test_no_answer_is_left_unread(answers: Callable[[str], Answers], client: str) -> None:
    ours, _ = answers(client)
    assert sorted(ours) == sorted(_asked(client))
