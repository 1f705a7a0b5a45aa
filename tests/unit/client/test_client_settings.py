"""Settings, pauses, and what members of a group tell each other."""

from __future__ import annotations

from random import Random

import pytest

from streamkit.errors import ConfigError, ProtocolError
from streamkit.log.client import Assignment, Consumer, Producer
from streamkit.log.client.backoff import Backoff
from streamkit.log.client.consumer_protocol import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from streamkit.log.client.settings import parse_bootstrap
from streamkit.model import TopicPartition


def test_bootstrap_is_a_list_of_addresses() -> None:
    assert parse_bootstrap("a:1, b ,[::1]:2,[::2]") == (
        ("a", 1),
        ("b", 9092),
        ("::1", 2),
        ("::2", 9092),
    )


@pytest.mark.parametrize("text", ["", " , ", "a:b", "a:0", "a:70000", ":9092"])
def test_bootstrap_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_bootstrap(text)


@pytest.mark.parametrize(
    "settings",
    [
        {"acks": 2},
        {"acks": 1},
        {"compression": "rar"},
        {"max_in_flight": 6},
        {"linger_ms": -1},
        {"batch_bytes": 0},
    ],
)
def test_producer_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Producer("localhost", **settings)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    "settings",
    [
        {"auto_offset_reset": "newest"},
        {"isolation_level": "serializable"},
        {"heartbeat_interval_ms": 50_000},
        {"max_poll_records": 0},
    ],
)
def test_consumer_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Consumer("localhost", **settings)  # type: ignore[arg-type]  # that is the point


def test_text_instead_of_topics_is_refused() -> None:
    """A text is a collection too: of one-letter topics."""
    with (
        Consumer("localhost:1", group_id="g") as consumer,
        pytest.raises(ConfigError, match="list"),
    ):
        consumer.subscribe("flights")


def test_pauses_double_up_to_the_longest_and_vary() -> None:
    backoff = Backoff(100, 1_000, Random(1))
    pauses = [backoff.next_seconds() for _ in range(8)]
    for pause, base in zip(pauses, [0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1], strict=True):
        assert 0.8 * base <= pause <= 1.2 * base
    assert len(set(pauses)) == 8
    backoff.reset()
    assert backoff.next_seconds() <= 0.12


def test_subscriptions_and_assignments_go_round() -> None:
    owned = [TopicPartition("t", 1), TopicPartition("t", 0), TopicPartition("u", 2)]
    s = decode_subscription(encode_subscription(["u", "t"], owned, b"data", 7), "i")
    assert (s.topics, s.owned_partitions, s.user_data) == (
        ("t", "u"),
        tuple(sorted(owned)),
        b"data",
    )
    assert (s.generation_id, s.group_instance_id, s.rack_id) == (7, "i", None)
    assignment = Assignment(tuple(sorted(owned)), b"x")
    assert decode_assignment(encode_assignment(assignment)) == assignment
    assert decode_assignment(b"") == Assignment()


def test_oldest_subscription_is_understood() -> None:
    """Version 0, as clients before 2.4 send it: topics and user data."""
    data = b"\0\0" + b"\0\0\0\1" + b"\0\1t" + b"\xff\xff\xff\xff"
    s = decode_subscription(data)
    assert (s.topics, s.user_data, s.owned_partitions, s.generation_id) == (("t",), None, (), -1)


def test_damaged_subscription_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        decode_subscription(b"\0\1\0\0")
