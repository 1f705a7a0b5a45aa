"""Produce, read, topics and their settings: what each of Python's Kafka clients can do, it can do here."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from client_driver import wait_until
from client_drivers import Driver, Message, RefusedError, new_topic

Name = Callable[[str], str]


@pytest.mark.scenario("codec_{codec}")
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_come_back_as_they_were_sent(driver: Driver, topic: str, codec: str) -> None:
    if codec not in driver.codecs:
        pytest.skip(f"{driver.name} has no {codec}")
    now_ms = int(time.time() * 1000)
    no_value = None if driver.null_headers else b""
    sent = [
        Message(b"value", b"key", 0, now_ms, (("a", b"1"), ("b", no_value), ("a", b"2"))),
        Message(None, b"tombstone", 0, now_ms + 1),
        Message(b"", None, 0, now_ms + 2),
        Message(b"x" * 50_000, b"", 0, now_ms + 3, (("", b""),)),
        *(Message(f"value {n}".encode(), f"{n % 7}".encode(), 0, now_ms + n) for n in range(200)),
    ]
    placed = driver.produce(topic, sent, codec=codec)
    assert placed == [(0, offset) for offset in range(len(sent))]
    found = driver.read(topic, [0], len(sent))
    assert [(m.key, m.value, m.timestamp_ms, m.headers) for m in found] == [
        (m.key, m.value, m.timestamp_ms, m.headers) for m in sent
    ]
    assert [m.offset for m in found] == list(range(len(sent)))


@pytest.mark.scenario("acks")
@pytest.mark.parametrize("acks", ["1", "all"])
def test_acknowledged_records_have_their_offsets(driver: Driver, topic: str, acks: str) -> None:
    for expected in range(3):
        assert driver.produce(topic, [Message(b"v", partition=2)], acks=acks) == [(2, expected)]


@pytest.mark.scenario("acks")
def test_records_without_acknowledgement_arrive(driver: Driver, topic: str) -> None:
    """After one with: a new topic of a cluster takes a moment to have a leader, and nobody would tell."""
    driver.produce(topic, [Message(b"a")])
    driver.produce(topic, [Message(b"b"), Message(b"c")], acks="0")
    assert [m.value for m in driver.read(topic, [0], 3)] == [b"a", b"b", b"c"]


@pytest.mark.scenario("idempotence")
def test_idempotent_producer_keeps_order_over_partitions(driver: Driver, topic: str) -> None:
    sent = [Message(str(n).encode(), partition=n % 4) for n in range(400)]
    driver.produce(topic, sent, idempotent=True)
    found = driver.read(topic, range(4), len(sent))
    for partition in range(4):
        values = [int(m.value or b"") for m in found if m.partition == partition]
        assert values == list(range(partition, 400, 4))


@pytest.mark.scenario("auto_created_topic")
def test_topic_is_created_when_it_is_first_written_to(driver: Driver, name: Name) -> None:
    topic = name("auto")
    driver.produce(topic, [Message(b"v", partition=-1, key=b"k")])
    assert driver.topics()[topic] == 1
    assert [m.value for m in driver.read(topic, [0], 1)] == [b"v"]


@pytest.mark.scenario("topics")
def test_topics_are_made_listed_and_deleted(driver: Driver, name: Name) -> None:
    topic = name("made")
    driver.create_topic(topic, 3)
    assert driver.topics()[topic] == 3
    with pytest.raises(RefusedError) as refused:
        driver.create_topic(topic, 3)
    assert refused.value.name == "TOPIC_ALREADY_EXISTS"
    driver.delete_topic(topic)
    deadline = time.monotonic() + 10
    while topic in driver.topics() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert topic not in driver.topics()
    with pytest.raises(RefusedError) as refused:
        driver.delete_topic(topic)
    assert refused.value.name == "UNKNOWN_TOPIC_OR_PART"


@pytest.mark.scenario("refused_topics")
@pytest.mark.parametrize(
    ("topic", "partitions", "configs", "error"),
    [
        ("not/a/name", 1, {}, "TOPIC_EXCEPTION"),
        ("no-partitions", 0, {}, "INVALID_PARTITIONS"),
        ("no-such-config", 1, {"no.such.config": "1"}, "INVALID_CONFIG"),
        ("bad-value", 1, {"retention.ms": "soon"}, "INVALID_CONFIG"),
    ],
)
def test_topic_that_can_not_be_is_refused(
    driver: Driver, topic: str, partitions: int, configs: dict[str, str], error: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        driver.create_topic(topic, partitions, configs)
    assert refused.value.name == error


@pytest.mark.scenario("topic_configs")
def test_topic_has_the_settings_it_was_made_with(driver: Driver, name: Name) -> None:
    topic = name("configured")
    new_topic(driver, topic, 1, {"retention.ms": "1234567", "cleanup.policy": "compact"})
    wait_until(lambda: topic in driver.topics(), "the broker to hear of it from Kafka's controller")
    configs = driver.topic_configs(topic)
    assert configs["retention.ms"] == "1234567"
    assert configs["cleanup.policy"] == "compact"
    assert configs["max.message.bytes"] == "1048588"
    assert configs["message.timestamp.type"] == "CreateTime"


@pytest.mark.scenario("too_large_record")
def test_record_larger_than_the_topic_takes_is_refused(driver: Driver, name: Name) -> None:
    topic = name("small")
    driver.create_topic(topic, 1, {"max.message.bytes": "1000"})
    with pytest.raises(RefusedError) as refused:
        driver.produce(topic, [Message(b"x" * 2_000)])
    assert refused.value.name == "MSG_SIZE_TOO_LARGE"
    assert driver.produce(topic, [Message(b"x" * 100)]) == [(0, 0)]


@pytest.mark.scenario("offsets_by_time")
def test_offsets_are_found_by_time(driver: Driver, topic: str) -> None:
    base_ms = 1_600_000_000_000
    driver.produce(
        topic, [Message(b"v", timestamp_ms=base_ms + 1_000 * n) for n in range(10)], codec="gzip"
    )
    assert driver.offsets_for_time(topic, 0, base_ms - 1) == 0
    assert driver.offsets_for_time(topic, 0, base_ms + 4_000) == 4
    assert driver.offsets_for_time(topic, 0, base_ms + 4_001) == 5
    assert driver.offsets_for_time(topic, 0, base_ms + 9_001) is None
    assert driver.offsets_for_time(topic, 1, base_ms) is None


@pytest.mark.scenario("watermarks")
def test_watermarks_bound_what_is_there(driver: Driver, topic: str) -> None:
    assert driver.watermarks(topic, 0) == (0, 0)
    driver.produce(topic, [Message(b"v")] * 5)
    assert driver.watermarks(topic, 0) == (0, 5)


@pytest.mark.scenario("timestamps")
def test_broker_stamps_records_where_the_topic_says_so(driver: Driver, name: Name) -> None:
    topic = name("stamped")
    driver.create_topic(topic, 1, {"message.timestamp.type": "LogAppendTime"})
    before_ms = int(time.time() * 1000)
    driver.produce(topic, [Message(b"v", timestamp_ms=1_600_000_000_000)], codec="gzip")
    (found,) = driver.read(topic, [0], 1)
    assert found.timestamp_ms is not None
    assert before_ms <= found.timestamp_ms <= int(time.time() * 1000)
