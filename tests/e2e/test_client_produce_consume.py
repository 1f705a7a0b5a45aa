"""Producer, consumer and admin against a live broker: the bundled one, and Apache Kafka (marked `kafka`)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka_broker import KafkaBroker

from streamkit.errors import BrokerError, ClosedError, ConfigError, NotReachableError
from streamkit.log.client import (
    Admin,
    Consumer,
    ConsumerRecord,
    NewTopic,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    OffsetResetError,
    Producer,
)
from streamkit.log.client.partitioner import partition_for_key
from streamkit.log.protocol import ErrorCode
from streamkit.model import EMPTY_HEADERS, TopicPartition
from streamkit.testing import EmbeddedBroker

_SETTINGS = {"group.min.session.timeout.ms": "1000", "auto.create.topics.enable": "true"}
_numbers = itertools.count(1)
BASE_MS = 1_700_000_000_000


@pytest.fixture(
    scope="module", params=["streamkit", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "streamkit":
        with EmbeddedBroker(settings=_SETTINGS) as broker:
            yield broker.bootstrap
    else:
        with KafkaBroker(tmp_path_factory.mktemp("kafka"), _SETTINGS) as kafka:
            yield kafka.bootstrap


@pytest.fixture
def admin(bootstrap: str) -> Iterator[Admin]:
    with Admin(bootstrap) as admin:
        yield admin


@pytest.fixture
def topic(admin: Admin) -> str:
    """A new topic of four partitions."""
    name = f"client-{next(_numbers)}"
    # Timestamps in these tests are years old; retention must not delete them.
    admin.create_topics([NewTopic(name, 4, configs={"retention.ms": "-1"})])
    return name


@pytest.fixture
def partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, p) for p in range(4)]


def fill(bootstrap: str, topic: str, count: int, **settings: object) -> None:
    with Producer(bootstrap, **settings) as producer:  # type: ignore[arg-type]  # settings of tests
        for i in range(count):
            producer.append(topic, -1, b"k%d" % i, b"v%d" % i, BASE_MS + i, EMPTY_HEADERS)


def read(consumer: Consumer, count: int, limit: int = 200) -> dict[bytes | None, bytes | None]:
    """`count` records by key; each key once."""
    found: dict[bytes | None, bytes | None] = {}
    for _ in range(limit):
        for batch in consumer.poll_batches(0.1):
            for key, value in zip(batch.columns.keys, batch.columns.values, strict=True):
                assert key not in found
                found[key] = value
        if len(found) >= count:
            break
    assert len(found) == count
    return found


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_brings_back_what_was_sent(
    bootstrap: str, topic: str, partitions: list[TopicPartition], compression: str
) -> None:
    fill(bootstrap, topic, 2_000, compression=compression)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        found = read(consumer, 2_000)
    assert found == {b"k%d" % i: b"v%d" % i for i in range(2_000)}


def test_receipts_tell_partition_offset_and_time(bootstrap: str, topic: str) -> None:
    with Producer(bootstrap) as producer:
        receipts = [
            producer.send(topic, b"v", key=b"UA", timestamp_ms=BASE_MS + i).result(10)
            for i in range(3)
        ]
    assert {r.partition for r in receipts} == {partition_for_key(b"UA", 4)}
    assert [r.offset for r in receipts] == [0, 1, 2]
    assert [r.timestamp_ms for r in receipts] == [BASE_MS, BASE_MS + 1, BASE_MS + 2]


def test_nulls_headers_and_timestamps_survive(bootstrap: str, topic: str) -> None:
    headers = (("a", b"1"), ("a", None), ("b", b""))
    with Producer(bootstrap) as producer:
        producer.send(topic, None, key=b"gone", partition=2, timestamp_ms=BASE_MS).result(10)
        producer.send(
            topic, b"", key=None, partition=2, timestamp_ms=BASE_MS + 5, headers=headers
        ).result(10)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 2)])
        records: list[ConsumerRecord] = []
        while len(records) < 2:
            records += consumer.poll(5.0)
    assert [(r.key, r.value, r.timestamp_ms, r.headers) for r in records] == [
        (b"gone", None, BASE_MS, ()),
        (None, b"", BASE_MS + 5, headers),
    ]


def test_many_threads_send_and_one_appends(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    """All hand-overs between appending, sending and the network thread at once."""
    with Producer(bootstrap, batch_bytes=2_000, linger_ms=0) as producer:

        def send(thread: int) -> None:
            for i in range(300):
                producer.send(topic, b"s", key=b"s%d-%d" % (thread, i))

        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(send, thread) for thread in range(4)]
            for i in range(3_000):
                producer.append(topic, -1, b"a%d" % i, b"a", BASE_MS, EMPTY_HEADERS)
            for job in jobs:
                job.result()
        producer.flush(30)
        assert producer.buffered_bytes == 0
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        assert len(read(consumer, 4_200)) == 4_200


def test_small_buffer_holds_the_caller_back_and_loses_nothing(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 5_000, max_buffer_bytes=4_096, batch_bytes=1_000)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        read(consumer, 5_000)


def test_batch_too_large_for_the_topic_is_split(bootstrap: str, admin: Admin) -> None:
    topic = f"small-{next(_numbers)}"
    admin.create_topics(
        [NewTopic(topic, 1, configs={"max.message.bytes": "2000", "retention.ms": "-1"})]
    )
    fill(bootstrap, topic, 500)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        keys = list(read(consumer, 500))
    assert keys == [b"k%d" % i for i in range(500)]


def test_record_too_large_fails_its_future_only(bootstrap: str, admin: Admin) -> None:
    topic = f"small-{next(_numbers)}"
    admin.create_topics([NewTopic(topic, 1, configs={"max.message.bytes": "2000"})])
    with Producer(bootstrap) as producer:
        large = producer.send(topic, b"x" * 5_000)
        with pytest.raises(BrokerError, match="MESSAGE_TOO_LARGE"):
            large.result(10)
        assert producer.send(topic, b"x").result(10).offset == 0


def test_failed_record_without_future_is_raised_once_by_flush(bootstrap: str, admin: Admin) -> None:
    topic = f"small-{next(_numbers)}"
    admin.create_topics([NewTopic(topic, 1, configs={"max.message.bytes": "2000"})])
    with Producer(bootstrap) as producer:
        producer.append(topic, 0, None, b"x" * 5_000, BASE_MS, EMPTY_HEADERS)
        with pytest.raises(BrokerError, match="MESSAGE_TOO_LARGE"):
            producer.flush(10)
        producer.flush(10)


@pytest.mark.parametrize("acks", [0, 1])
def test_weaker_acks_deliver_too(
    bootstrap: str, topic: str, partitions: list[TopicPartition], acks: int
) -> None:
    fill(bootstrap, topic, 100, acks=acks, idempotence=False)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        read(consumer, 100)


def test_unknown_topic_is_an_error_and_is_not_created(bootstrap: str, admin: Admin) -> None:
    """The broker would create topics on demand; this client does not ask for it."""
    with Producer(bootstrap) as producer, pytest.raises(BrokerError, match="does not exist"):
        producer.send("nobody-made-this", b"x")
    with Consumer(bootstrap) as consumer:
        assert consumer.partitions_for("nobody-made-this") is None
        with pytest.raises(BrokerError, match="does not exist"):
            consumer.end_offsets([TopicPartition("nobody-made-this", 0)])
    assert "nobody-made-this" not in admin.list_topics()


def test_topic_is_created_when_the_caller_asks(bootstrap: str, admin: Admin) -> None:
    topic = f"asked-for-{next(_numbers)}"
    with Producer(bootstrap, auto_create_topics=True) as producer:
        assert producer.send(topic, b"x").result(10).offset == 0
    assert topic in admin.list_topics()


def test_partition_beyond_the_last_is_refused(bootstrap: str, topic: str) -> None:
    with Producer(bootstrap) as producer, pytest.raises(BrokerError, match="4 partitions"):
        producer.send(topic, b"x", partition=4)


def test_closed_clients_say_so(bootstrap: str, topic: str) -> None:
    producer = Producer(bootstrap)
    producer.send(topic, b"x").result(10)
    producer.close()
    producer.close()
    with pytest.raises(ClosedError):
        producer.send(topic, b"x")
    with pytest.raises(ClosedError):
        producer.append(topic, 0, None, b"x", BASE_MS, EMPTY_HEADERS)
    consumer = Consumer(bootstrap)
    consumer.close()
    with pytest.raises(ClosedError):
        consumer.poll()


def test_poll_returns_at_most_max_poll_records_in_order(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 1_000)
    with Consumer(bootstrap, auto_offset_reset="earliest", max_poll_records=7) as consumer:
        consumer.assign(partitions)
        next_offsets = dict.fromkeys(range(4), 0)
        count = 0
        while count < 1_000:
            records = consumer.poll(5.0)
            assert 0 < len(records) <= 7
            count += len(records)
            for record in records:
                assert record.offset == next_offsets[record.partition]
                next_offsets[record.partition] += 1
        for tp in partitions:
            assert consumer.position(tp) == next_offsets[tp.partition]
            assert consumer.fetch_lag(tp) == 0


def test_seek_moves_back_and_forth(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 1_000)
    tp = partitions[1]
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([tp])
        assert consumer.poll(5.0)[0].offset == 0
        consumer.seek(tp, 100)
        assert consumer.position(tp) == 100
        assert consumer.poll(5.0)[0].offset == 100
        consumer.seek(tp, 50)
        [first, *_] = consumer.poll_batches(5.0)
        assert first.columns.offsets[0] == 50
        consumer.seek_to_beginning([tp])
        assert consumer.poll(5.0)[0].offset == 0
        consumer.seek_to_end()
        end = consumer.end_offsets([tp])[tp]
        assert consumer.position(tp) == end
        assert consumer.poll(0.05) == []


def test_paused_partitions_wait_and_lose_nothing(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 1_000)
    with Consumer(bootstrap, auto_offset_reset="earliest", max_poll_records=10) as consumer:
        consumer.assign(partitions)
        seen = {r.key for r in consumer.poll(5.0)}
        consumer.pause(partitions[:2])
        assert consumer.paused() == set(partitions[:2])
        while records := consumer.poll(0.5):
            assert {r.partition for r in records} <= {2, 3}
            seen |= {r.key for r in records}
        consumer.resume(partitions[:2])
        while len(seen) < 1_000:
            records = consumer.poll(5.0)
            assert records
            seen |= {r.key for r in records}
        assert seen == {b"k%d" % i for i in range(1_000)}


def test_offsets_by_time(bootstrap: str, topic: str) -> None:
    tp = TopicPartition(topic, 3)
    with Producer(bootstrap) as producer:
        for i in range(10):
            producer.append(topic, 3, None, b"x", BASE_MS + 10 * i, EMPTY_HEADERS)
    with Consumer(bootstrap) as consumer:
        assert consumer.beginning_offsets([tp]) == {tp: 0}
        assert consumer.end_offsets([tp]) == {tp: 10}
        found = consumer.offsets_for_times({tp: BASE_MS + 41})
        assert found == {tp: OffsetAndTimestamp(5, BASE_MS + 50)}
        assert consumer.offsets_for_times({tp: BASE_MS + 91}) == {tp: None}


def test_no_position_and_no_policy_is_an_error(bootstrap: str, topic: str) -> None:
    tp = TopicPartition(topic, 0)
    with Consumer(bootstrap, auto_offset_reset="none") as consumer:
        consumer.assign([tp])
        with pytest.raises(OffsetResetError) as caught:
            consumer.poll(10.0)
        assert caught.value.offsets == {tp: -1}
        consumer.seek(tp, 1_000)
        with pytest.raises(OffsetResetError) as caught:
            wait_for(lambda: bool(consumer.poll(0.2)))
        assert caught.value.offsets == {tp: 1_000}


def test_position_out_of_range_is_reset(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 100)
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        consumer.seek(partitions[0], 10_000)
        read(consumer, 100)


def test_wakeup_ends_a_waiting_poll(bootstrap: str, topic: str) -> None:
    with Consumer(bootstrap) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        timer = threading.Timer(0.2, consumer.wakeup)
        timer.start()
        assert consumer.poll(30.0) == []
        timer.join()


def test_commits_are_kept_with_their_metadata(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 100)
    group = f"g-{topic}"
    with Consumer(bootstrap, group_id=group, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        consumer.commit({partitions[0]: OffsetAndMetadata(3, "three"), partitions[1]: 4})
        consumer.commit_nowait({partitions[1]: 5}).result(10)
        assert consumer.committed(partitions[:3]) == {
            partitions[0]: OffsetAndMetadata(3, "three", -1),
            partitions[1]: OffsetAndMetadata(5, "", -1),
            partitions[2]: None,
        }
        consumer.assign([])
        consumer.assign(partitions)
        assert consumer.position(partitions[0]) == 3
        assert consumer.position(partitions[2]) == 0


def test_commit_needs_a_group(bootstrap: str) -> None:
    with Consumer(bootstrap) as consumer, pytest.raises(ConfigError, match="group_id"):
        consumer.commit()


def test_auto_commit_covers_what_was_polled(
    bootstrap: str, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 100)
    group = f"g-{topic}"
    settings = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": True}
    with Consumer(bootstrap, **settings) as consumer:  # type: ignore[arg-type]  # settings of tests
        consumer.assign(partitions)
        read(consumer, 100)
    with Consumer(bootstrap, **settings) as consumer:  # type: ignore[arg-type]  # settings of tests
        consumer.assign(partitions)
        assert consumer.poll(0.3) == []


def test_nobody_answers_is_one_clear_error() -> None:
    with (
        Producer("127.0.0.1:1", max_block_ms=300) as producer,
        pytest.raises(NotReachableError, match=r"127\.0\.0\.1:1.*streamkit broker"),
    ):
        producer.send("t", b"x")
    with (
        Admin("127.0.0.1:1,127.0.0.1:2", api_timeout_ms=300) as admin,
        pytest.raises(NotReachableError, match=r"127\.0\.0\.1:1.*127\.0\.0\.1:2"),
    ):
        admin.list_topics()


def test_topic_that_is_made_anew_is_written_and_read_again(
    bootstrap: str, admin: Admin, topic: str
) -> None:
    """Another topic id and an empty log, behind the back of producer and consumer."""
    tp = TopicPartition(topic, 0)
    with (
        Producer(bootstrap) as producer,
        Consumer(bootstrap, auto_offset_reset="earliest") as consumer,
    ):
        consumer.assign([tp])
        for i in range(5):
            producer.send(topic, b"old %d" % i, partition=0).result(10)
        while consumer.position(tp) < 5:
            consumer.poll(1.0)
        admin.delete_topics([topic])
        wait_for(lambda: topic not in admin.list_topics())
        admin.create_topics([NewTopic(topic, 4)])
        for i in range(3):
            producer.send(topic, b"new %d" % i, partition=0).result(30)
        values: list[bytes | None] = []
        while len(values) < 3:
            values += [record.value for record in consumer.poll(1.0)]
        assert values == [b"new 0", b"new 1", b"new 2"]


def test_poll_tells_when_nobody_answers() -> None:
    with Consumer("127.0.0.1:1", api_timeout_ms=200) as consumer:
        consumer.assign([TopicPartition("t", 0)])
        with pytest.raises(NotReachableError, match="127"):
            wait_for(lambda: bool(consumer.poll(0.5)))


def test_admin_describes_alters_and_deletes(bootstrap: str, admin: Admin) -> None:
    topic = f"admin-{next(_numbers)}"
    admin.create_topics([NewTopic(topic, 2, configs={"cleanup.policy": "compact"})])
    with pytest.raises(BrokerError) as caught:
        admin.create_topics([NewTopic(topic, 2)])
    assert caught.value.code == ErrorCode.TOPIC_ALREADY_EXISTS
    admin.create_topics([NewTopic(topic, 2)], exist_ok=True)
    described = admin.describe_topics([topic, "nope"])
    assert list(described) == [topic]
    assert [p.leader for p in described[topic].partitions] == [admin.nodes()[0].id] * 2
    assert admin.describe_configs(topic)["cleanup.policy"].value == "compact"
    admin.alter_configs(topic, {"cleanup.policy": "delete", "retention.ms": "-1"})
    # Apache Kafka answers before its brokers know of the change.
    wait_for(lambda: admin.describe_configs(topic)["cleanup.policy"].value == "delete")
    configs = admin.describe_configs(topic)
    assert not configs["retention.ms"].is_default
    fill(bootstrap, topic, 100)
    tps = [TopicPartition(topic, p) for p in range(2)]
    ends = admin.list_offsets(tps)
    assert sum(end.offset for end in ends.values() if end is not None) == 100
    assert admin.delete_records({tps[0]: 10, tps[1]: -1})[tps[0]] == 10
    first = admin.list_offsets([tps[0]], at="earliest")[tps[0]]
    assert first is not None
    assert first.offset == 10
    admin.delete_topics([topic])
    wait_for(lambda: topic not in admin.list_topics())  # a cluster takes a moment
    admin.delete_topics([topic], missing_ok=True)


def test_consumer_reads_from_deleted_records_on(
    bootstrap: str, admin: Admin, topic: str, partitions: list[TopicPartition]
) -> None:
    fill(bootstrap, topic, 100)
    tp = partitions[0]
    admin.delete_records({tp: 5})
    with Consumer(bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([tp])
        assert consumer.poll(5.0)[0].offset == 5


def test_groups_are_listed_described_and_deleted(
    bootstrap: str, admin: Admin, topic: str, partitions: list[TopicPartition]
) -> None:
    group = f"g-{topic}"
    with Consumer(bootstrap, group_id=group, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([topic])
        wait_for(lambda: bool(consumer.poll(0.1) or consumer.assignment()))
        assert group in [g.group_id for g in admin.list_groups()]
        described = admin.describe_groups([group])[group]
        assert (described.state, described.protocol_type) == ("Stable", "consumer")
        assert len(described.members) == 1
    admin.alter_group_offsets(group, {partitions[0]: 1})
    assert admin.group_offsets(group)[partitions[0]].offset == 1
    admin.delete_groups([group])
    assert group not in [g.group_id for g in admin.list_groups()]


def wait_for(condition: Callable[[], bool]) -> None:
    """Call until true; the test's own timeout bounds it."""
    while not condition():
        pass
