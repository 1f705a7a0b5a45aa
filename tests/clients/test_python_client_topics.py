"""What happens to records after they were written, and to topics that aren't there, seen by Python's clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest
from client_drivers import Driver, Fetch, Message, RefusedError, new_topic, wait_until

Name = Callable[[str], str]
HOUR_MS = 3_600_000


@pytest.fixture
def make(driver: Driver, name: Name) -> Callable[[Mapping[str, str]], str]:
    """Makes a topic of one partition with these settings."""

    def topic(configs: Mapping[str, str]) -> str:
        return new_topic(driver, name("topic"), 1, configs)

    return topic


Make = Callable[[Mapping[str, str]], str]


def offsets(messages: list[Message]) -> list[int]:
    return [message.offset for message in messages]


@pytest.mark.scenario("large_record")
def test_large_records_come_through_small_limits(driver: Driver, make: Make) -> None:
    topic = make({"max.message.bytes": "10000000"})
    value = b"large" * 1_000_000
    placed = driver.produce(
        topic, [Message(value), Message(b"after")], settings=driver.size_settings(9_000_000)
    )
    assert placed == [(0, 0), (0, 1)]
    small = Fetch(max_bytes=1_000, partition_bytes=1_000)
    found = driver.read(topic, [0], 2, fetch=small)
    assert [m.value == value for m in found] == [True, False]
    assert found[1].value == b"after"


@pytest.mark.scenario("small_fetches")
def test_fetches_of_a_byte_bring_every_record(driver: Driver, topic: str) -> None:
    driver.produce(topic, [Message(str(n).encode(), partition=n % 3) for n in range(60)])
    found = driver.read(topic, range(3), 60, fetch=Fetch(max_bytes=1, partition_bytes=1))
    assert sorted((m.partition, m.offset) for m in found) == [
        (partition, offset) for partition in range(3) for offset in range(20)
    ]


@pytest.mark.scenario("patient_fetches")
def test_fetch_that_waits_for_more_than_comes_ends(driver: Driver, topic: str) -> None:
    driver.produce(topic, [Message(b"v")])
    fetch = Fetch(min_bytes=1_000_000, wait_ms=500)
    assert [m.value for m in driver.read(topic, [0], 1, fetch=fetch)] == [b"v"]


@pytest.mark.scenario("timestamps")
def test_timestamps_out_of_the_range_of_the_topic_are_refused(driver: Driver, make: Make) -> None:
    an_hour = str(HOUR_MS)
    topic = make(
        {"message.timestamp.before.max.ms": an_hour, "message.timestamp.after.max.ms": an_hour}
    )
    now_ms = int(time.time() * 1000)
    for shift_ms in (-2 * HOUR_MS, 2 * HOUR_MS):
        with pytest.raises(RefusedError) as refused:
            driver.produce(topic, [Message(b"v", timestamp_ms=now_ms + shift_ms)])
        assert refused.value.name == "INVALID_TIMESTAMP"
    assert driver.produce(topic, [Message(b"v", timestamp_ms=now_ms + 60_000)]) == [(0, 0)]


@pytest.mark.scenario("delete_records")
def test_deleted_records_are_gone(driver: Driver, topic: str) -> None:
    admin = driver.admin()
    for n in range(10):
        driver.produce(topic, [Message(str(n).encode())])
    assert admin.delete_records(topic, 0, 4) == 4
    assert driver.watermarks(topic, 0) == (4, 10)
    assert offsets(driver.read(topic, [0], 6)) == [4, 5, 6, 7, 8, 9]
    # A position below the start is set to it.
    assert offsets(driver.read(topic, [0], 6, start=1)) == [4, 5, 6, 7, 8, 9]
    assert admin.delete_records(topic, 0, 2) == 4
    with pytest.raises(RefusedError) as refused:
        admin.delete_records(topic, 0, 11)
    assert refused.value.name == "OFFSET_OUT_OF_RANGE"
    assert admin.delete_records(topic, 0, -1) == 10
    assert driver.watermarks(topic, 0) == (10, 10)
    assert driver.produce(topic, [Message(b"next")]) == [(0, 10)]


@pytest.mark.scenario("compaction")
def test_compaction_keeps_the_newest_record_of_each_key(driver: Driver, make: Make) -> None:
    topic = make(
        {
            "cleanup.policy": "compact",
            "min.cleanable.dirty.ratio": "0.001",
            "segment.ms": "100",
            "delete.retention.ms": "0",
        }
    )
    for n in range(12):
        value = None if n == 10 else f"value {n}".encode()
        driver.produce(topic, [Message(value, f"key {n % 3}".encode())])
    with pytest.raises(RefusedError) as refused:
        driver.produce(topic, [Message(b"without a key")])
    # aiokafka has no name for the error's number.
    assert refused.value.name == ("UNKNOWN" if driver.name == "aiokafka" else "INVALID_RECORD")

    def left() -> list[tuple[int, bytes | None, bytes | None]]:
        # The newest segment isn't compacted: filler closes those before it.
        time.sleep(0.15)
        ((_, newest),) = driver.produce(topic, [Message(b"filler", b"filler")])
        found = driver.read(topic, [0], 1_000, last=newest)
        return [(m.offset, m.key, m.value) for m in found if m.key != b"filler"]

    wait_until(lambda: len(left()) <= 2, "compaction")
    # Key 1's newest record was a tombstone, which is gone, too.
    assert left() == [(9, b"key 0", b"value 9"), (11, b"key 2", b"value 11")]


@pytest.mark.scenario("retention")
def test_old_records_go_after_their_time(driver: Driver, make: Make) -> None:
    topic = make({"retention.ms": "60000", "segment.ms": "100"})
    an_hour_ago = int(time.time() * 1000) - HOUR_MS
    for _ in range(3):
        driver.produce(topic, [Message(b"old", timestamp_ms=an_hour_ago)])
    wait_until(lambda: driver.watermarks(topic, 0) == (3, 3), "retention")
    assert driver.produce(topic, [Message(b"new")]) == [(0, 3)]
    assert [m.value for m in driver.read(topic, [0], 1, start=0)] == [b"new"]


@pytest.mark.scenario("unknown_topic")
def test_unknown_topic_is_told_by_name_and_not_made(driver: Driver, name: Name) -> None:
    admin, topic = driver.admin(), name("unknown")
    calls: tuple[Callable[[], None], ...] = (
        lambda: driver.delete_topic(topic),
        lambda: admin.create_partitions(topic, 3),
        lambda: admin.alter_config("topic", topic, "retention.ms", "1000"),
    )
    for call in calls:
        with pytest.raises(RefusedError) as refused:
            call()
        assert refused.value.name == "UNKNOWN_TOPIC_OR_PART"
    assert topic not in driver.topics()
