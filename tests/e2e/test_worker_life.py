"""A worker's life against the bundled broker, in process: start, commit, stop, restart, global tables."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

import streamkit as sk
from streamkit.errors import ProcessingError
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import Record, TaskId, TopicPartition
from streamkit.runtime.offset_metadata import OffsetMetadata
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as running:
        yield running


def create(broker: EmbeddedBroker, partitions: int = 2, *topics: str) -> None:
    with Admin(broker.bootstrap) as admin:
        admin.create_topics([NewTopic(topic, partitions) for topic in topics])


def feed(broker: EmbeddedBroker, topic: str, *records: tuple[str | None, str | int, int]) -> None:
    with Producer(broker.bootstrap) as producer:
        for key, value, timestamp in records:
            raw = value.encode() if isinstance(value, str) else value.to_bytes(8, "big")
            producer.append(topic, -1, key.encode() if key else None, raw, timestamp, ())
        producer.flush()


def read(broker: EmbeddedBroker, topic: str, partitions: int = 2) -> list[tuple[str, bytes | None]]:
    """Everything in a topic, by partition."""
    rows = []
    with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
        for number in range(partitions):
            partition = TopicPartition(topic, number)
            consumer.assign([partition])
            end = consumer.end_offsets([partition])[partition]
            consumer.seek_to_beginning()
            while consumer.position(partition) < end:
                rows += [((r.key or b"").decode(), r.value) for r in consumer.poll(0.2)]
    return rows


def settings(broker: EmbeddedBroker, folder: Path, **more: object) -> WorkerSettings:
    values: dict[str, object] = {
        "application_id": "life",
        "bootstrap": broker.bootstrap,
        "state_dir": folder,
        "commit_interval_ms": 100,
        "linger_ms": 5,
        "session_timeout_ms": 3_000,
        **more,
    }
    return WorkerSettings(**values)  # type: ignore[arg-type]  # by name


@contextmanager
def running(topology: sk.Topology, given: WorkerSettings) -> Iterator[Worker]:
    """A worker; what stops it is raised at the end."""
    worker = Worker(topology, given)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        assert worker.join(30), "the worker does not stop"


def wait_for(condition: Callable[[], bool], worker: Worker | None = None) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        if worker is not None:
            worker.join(0)
        time.sleep(0.01)


def word_count() -> sk.Topology:
    builder = sk.StreamsBuilder()
    (
        builder.stream("lines", key=str, value=str)
        .flat_map_values(str.split, value=str)
        .group_by(lambda _, word: word, key=str)
        .count(store="words")
        .to_stream()
        .to("totals", key=str, value=int)
    )
    return builder.build()


def totals(broker: EmbeddedBroker) -> dict[str, int]:
    return {
        key: int.from_bytes(value, "big")
        for key, value in read(broker, "totals")
        if value is not None
    }


def test_graceful_stop_commits_and_the_next_worker_restores_nothing(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    create(broker, 2, "lines", "totals")
    feed(broker, "lines", ("a", "the log is the truth", 1), ("b", "the end", 2))
    with running(word_count(), settings(broker, tmp_path, commit_interval_ms=60_000)) as worker:
        wait_for(lambda: worker.status.processed == 9, worker)
    assert worker.status.state == "stopped"
    with Admin(broker.bootstrap) as admin:
        committed = admin.group_offsets("life")
        ends = admin.list_offsets(list(committed))
        assert all(end and committed[tp].offset == end.offset for tp, end in ends.items())
        assert admin.describe_groups(["life"])["life"].members == ()
        assert (tmp_path / "life" / ".lock").read_text() == admin.cluster_id() != ""
    feed(broker, "lines", ("a", "the log", 3))
    restored = []
    with running(word_count(), settings(broker, tmp_path)) as worker:

        def processed() -> bool:
            restored.append(worker.status.restore_total)
            return worker.status.processed == 3

        wait_for(processed, worker)
    assert max(restored) == 0
    assert totals(broker) == {"the": 4, "log": 2, "is": 1, "truth": 1, "end": 1}


def test_wiped_state_is_restored_from_the_changelog(broker: EmbeddedBroker, tmp_path: Path) -> None:
    create(broker, 2, "lines", "totals")
    feed(broker, "lines", ("a", "the log is the truth", 1))
    with running(word_count(), settings(broker, tmp_path / "one")) as worker:
        wait_for(lambda: worker.status.processed == 6, worker)
    feed(broker, "lines", ("a", "the log", 3))
    with running(word_count(), settings(broker, tmp_path / "two")) as worker:
        wait_for(lambda: worker.status.processed == 3, worker)
    assert totals(broker) == {"the": 3, "log": 2, "is": 1, "truth": 1}


def test_changelog_made_anew_makes_an_old_folder_useless(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """A reset application must not find counts of its former life in the folder."""
    create(broker, 2, "lines", "totals")
    feed(broker, "lines", ("a", "the log", 1))
    with running(word_count(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: worker.status.processed == 3, worker)
    with Admin(broker.bootstrap) as admin:
        admin.delete_topics(
            ["life-words-changelog", "life-words-repartition", "totals", "lines"], missing_ok=True
        )
        admin.delete_groups(["life"])
    create(broker, 2, "lines", "totals")
    feed(broker, "lines", ("a", "the log", 1))
    with running(word_count(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: worker.status.processed == 3, worker)
    assert totals(broker) == {"the": 1, "log": 1}


def test_repartition_topic_is_purged_below_committed_offsets(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    create(broker, 2, "lines", "totals")
    feed(broker, "lines", ("a", "the log is the truth", 1))
    partitions = [TopicPartition("life-words-repartition", number) for number in range(2)]
    with (
        running(word_count(), settings(broker, tmp_path)) as worker,
        Admin(broker.bootstrap) as admin,
    ):
        wait_for(lambda: worker.status.processed == 6, worker)

        def purged() -> bool:
            first = admin.list_offsets(partitions, at="earliest")
            last = admin.list_offsets(partitions)
            return sum(o.offset for o in last.values() if o) == 5 and first == last

        wait_for(purged, worker)


def windowed() -> sk.Topology:
    builder = sk.StreamsBuilder()
    (
        builder.stream("lines", key=str, value=str)
        .group_by_key()
        .windowed_by(sk.TumblingWindows(size=timedelta(seconds=1), grace=timedelta(0)))
        .count(store="counts")
        .to_stream(lambda windowed_key, _: windowed_key.key, key=str)
        .to("totals", key=str, value=int)
    )
    return builder.build()


def test_restart_keeps_stream_time(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """A record of a window that was closed before the restart is late after it, too."""
    create(broker, 1, "lines", "totals")
    feed(broker, "lines", ("a", "x", 100), ("a", "x", 10_000))
    with running(windowed(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: worker.status.processed == 2, worker)
    with Admin(broker.bootstrap) as admin:
        saved = admin.group_offsets("life")[TopicPartition("lines", 0)]
    metadata = OffsetMetadata.decode(saved.metadata)
    assert metadata.partition_time_ms == 10_000
    assert 10_000 in metadata.node_times.values()
    feed(broker, "lines", ("a", "x", 150))
    with running(windowed(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: worker.status.processed == 1, worker)
    assert worker.status.dropped_records == 1


def test_global_table_is_filled_first_and_kept_up_to_date(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    builder = sk.StreamsBuilder()
    names = builder.global_table("names", key=str, value=str, store="names-store")
    builder.stream("lines", key=str, value=str).join_global(
        names, key=lambda _, value: value, joiner=lambda value, name: f"{value}={name}", value=str
    ).to("totals", key=str, value=str)
    create(broker, 2, "lines", "totals", "names")
    feed(broker, "names", *((f"n{number}", f"name {number}", 1) for number in range(200)))
    feed(broker, "lines", *((None, f"n{number}", 1) for number in range(200)))
    with running(builder.build(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: worker.status.processed == 200, worker)
        feed(broker, "names", ("n7", "another", 2))

        def renamed() -> bool:
            feed(broker, "lines", (None, "n7", 2))
            return any(value == b"n7=another" for _, value in read(broker, "totals"))

        wait_for(renamed, worker)
    values = {value for _, value in read(broker, "totals")}
    assert {f"n{number}=name {number}".encode() for number in range(200)} <= values


def test_two_workers_share_the_tasks_and_the_second_one_gives_them_back(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    create(broker, 4, "lines", "totals")
    everything = {TaskId(sub, partition) for sub in (0, 1) for partition in range(4)}
    with running(word_count(), settings(broker, tmp_path)) as one:
        wait_for(lambda: set(one.status.tasks) == everything, one)
        with running(word_count(), settings(broker, tmp_path)) as two:

            def shared() -> bool:
                mine, theirs = set(one.status.tasks), set(two.status.tasks)
                return len(mine) == len(theirs) == 4 and mine | theirs == everything

            wait_for(shared, one)
            wait_for(lambda: two.status.state == "running", two)
            feed(broker, "lines", *((f"k{number}", "one two", 1) for number in range(50)))
            wait_for(lambda: one.status.processed + two.status.processed == 150, one)
        wait_for(lambda: set(one.status.tasks) == everything, one)
        feed(broker, "lines", *((f"k{number}", "two three", 2) for number in range(50)))
        wait_for(lambda: sum(totals_by_word(broker).values()) == 200, one)
    assert totals_by_word(broker) == {"one": 50, "two": 100, "three": 50}


def totals_by_word(broker: EmbeddedBroker) -> dict[str, int]:
    return {
        key: int.from_bytes(value, "big")
        for key, value in read(broker, "totals", 4)
        if value is not None
    }


def test_error_stops_the_worker_and_leaves_the_group_without_a_commit(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    builder = sk.StreamsBuilder()
    builder.stream("lines", key=str, value=str).map_values(int, value=int).to("totals")
    create(broker, 1, "lines", "totals")
    feed(broker, "lines", ("a", "1", 1), ("a", "no number", 2))
    worker = Worker(builder.build(), settings(broker, tmp_path, commit_interval_ms=60_000))
    with pytest.raises(ProcessingError, match="partition 0, offset 1"):
        worker.run()
    assert worker.status.state == "failed"
    with Admin(broker.bootstrap) as admin:
        assert admin.group_offsets("life") == {}
        assert admin.describe_groups(["life"])["life"].members == ()


def test_worker_that_is_stuck_loses_its_tasks_and_gets_them_again(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Nothing of what a stuck worker did after it lost its tasks is committed."""
    slept: list[str] = []

    class Sleeper(sk.Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None:
            if not slept:
                slept.append(record.value)
                time.sleep(2.0)
            self.context.forward(record)

    topology = sk.Topology()
    topology.add_source("in", "lines", key=str, value=str)
    topology.add_processor("sleeper", Sleeper, "in")
    topology.add_sink("out", "totals", "sleeper", key=str, value=str)
    create(broker, 1, "lines", "totals")
    feed(broker, "lines", ("a", "x", 1), ("a", "y", 2))
    given = settings(broker, tmp_path, max_poll_interval_ms=700)
    with running(topology, given) as worker:
        wait_for(lambda: worker.status.commits > 0 and len(worker.status.tasks) == 1, worker)
        wait_for(
            lambda: [value for _, value in read(broker, "totals", 1)][-2:] == [b"x", b"y"], worker
        )


@pytest.mark.parametrize(
    ("hours", "expected"), [(2, ["young"]), (48, ["old", "young"])], ids=["young", "all"]
)
def test_source_begins_as_long_before_now_as_it_says(
    broker: EmbeddedBroker, tmp_path: Path, hours: int, expected: list[str]
) -> None:
    """KIP-1106, without a committed offset."""
    create(broker, 1, "in", "out")
    hour_ms = 3_600_000
    now = int(time.time() * 1000)
    feed(broker, "in", ("k", "old", now - 24 * hour_ms), ("k", "young", now - hour_ms))
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    builder.stream("in", offset_reset=timedelta(hours=hours)).to("out")
    with running(builder.build(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: ("k", b"young") in read(broker, "out", 1), worker)
    assert [(value or b"").decode() for _, value in read(broker, "out", 1)] == expected


def test_record_cache_sends_the_last_update_of_each_commit(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Over a restart too: what waits goes out with the commit that keeps it."""
    create(broker, 1, "in", "totals")
    builder = sk.StreamsBuilder(default_key=str, default_value=str)
    counts = builder.stream("in").group_by_key().count(store="counts")
    counts.to_stream().to("totals", key=str, value=int)
    given = settings(broker, tmp_path, statestore_cache_max_bytes=10_000_000)
    for total in (500, 1_000):
        feed(broker, "in", *((key, "x", 1) for _ in range(500) for key in "ab"))
        expected = {"a": total, "b": total}
        with running(builder.build(), given) as worker:
            wait_for(partial(has_totals, broker, expected), worker)
    assert len(read(broker, "totals", 1)) < 200


def has_totals(broker: EmbeddedBroker, expected: dict[str, int]) -> bool:
    rows = read(broker, "totals", 1)
    last = {key: int.from_bytes(value, "big") for key, value in rows if value is not None}
    return last == expected


def test_topic_that_a_pattern_finds_later_joins_the_tasks(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    builder = sk.StreamsBuilder()
    builder.stream(re.compile("lines-.*"), key=str, value=str).group_by_key().count(
        store="counts"
    ).to_stream().to("totals", key=str, value=int)
    create(broker, 2, "lines-one", "totals")
    feed(broker, "lines-one", ("a", "x", 1), ("b", "x", 2))
    with running(builder.build(), settings(broker, tmp_path)) as worker:
        wait_for(lambda: worker.status.processed == 2, worker)
        create(broker, 2, "lines-two")
        feed(broker, "lines-two", ("a", "y", 3))
        feed(broker, "lines-one", ("b", "y", 4))
        wait_for(lambda: totals(broker) == {"a": 2, "b": 2}, worker)


def test_broker_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """Same port, same data: the worker goes on where it was, and nothing is lost."""
    data = tmp_path / "log"
    with EmbeddedBroker(data_dir=data) as first:
        port = int(first.bootstrap.rpartition(":")[2])
        create(first, 2, "lines", "totals")
        feed(first, "lines", *(("a", "one two", number) for number in range(50)))
        given = settings(first, tmp_path / "state", session_timeout_ms=10_000)
        worker = Worker(word_count(), given)
        worker.start()
        wait_for(lambda: worker.status.processed > 0, worker)
    try:
        with EmbeddedBroker(port, data_dir=data) as second:
            feed(second, "lines", *(("a", "one two", number) for number in range(50)))
            wait_for(lambda: totals(second).get("two", 0) >= 100, worker)
            assert totals(second).keys() == {"one", "two"}
            worker.stop()
            assert worker.join(20)
    finally:
        worker.stop()
