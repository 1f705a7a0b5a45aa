"""State folders that are damaged, full, or of somebody else: the log is the truth, so state comes back from it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import streamkit as sk
from streamkit.errors import DamagedStoreError, StorageError
from streamkit.log.client import Admin, Consumer, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.state import StoreSettings
from streamkit.state.backends import rocksdb
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(90)

KEYS = 400
STORE = Path("damaged", "0_0", "rocksdb", "counts")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"group.min.session.timeout.ms": "500"}) as running:
        with Admin(running.bootstrap) as admin:
            admin.create_topics([NewTopic("in", 1), NewTopic("out", 1)])
        yield running


def feed(broker: EmbeddedBroker, count: int = KEYS, value: bytes = b"x") -> None:
    with Producer(broker.bootstrap) as producer:
        for number in range(count):
            producer.append("in", 0, f"key-{number}".encode(), value, number, ())
        producer.flush()


def counts(broker: EmbeddedBroker) -> dict[str, int]:
    out = TopicPartition("out", 0)
    rows: dict[str, int] = {}
    with Consumer(broker.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([out])
        end = consumer.end_offsets([out])[out]
        while consumer.position(out) < end:
            for record in consumer.poll(0.2):
                rows[(record.key or b"").decode()] = int.from_bytes(record.value or b"", "big")
    return rows


def counting(*, logged: bool = True) -> sk.Topology:
    builder = sk.StreamsBuilder()
    grouped = builder.stream("in", key=str, value=str).group_by_key()
    grouped.count(store="counts", log=logged).to_stream().to("out", key=str, value=int)
    return builder.build()


def work(broker: EmbeddedBroker, folder: Path, topology: sk.Topology | None = None) -> Worker:
    """A worker that has processed everything, or has failed."""
    settings = WorkerSettings(
        "damaged",
        broker.bootstrap,
        folder,
        commit_interval_ms=50,
        linger_ms=5,
        session_timeout_ms=3_000,
        store_settings=StoreSettings(clean_cache_bytes=0),
        stop_at_end=True,
    )
    worker = Worker(topology or counting(), settings)
    worker.start()
    assert worker.join(40)
    return worker


def cut_table(store: Path) -> None:
    table = max(store.glob("*.sst"), key=lambda path: path.stat().st_size)
    table.write_bytes(table.read_bytes()[:100])


def lose_table(store: Path) -> None:
    max(store.glob("*.sst"), key=lambda path: path.stat().st_size).unlink()


def flip_manifest(store: Path) -> None:
    manifest = next(store.glob("MANIFEST*"))
    data = bytearray(manifest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    manifest.write_bytes(data)


def lose_manifest(store: Path) -> None:
    next(store.glob("MANIFEST*")).unlink()


def empty_current(store: Path) -> None:
    (store / "CURRENT").write_bytes(b"")


def flip_tables(store: Path) -> None:
    """A block in the middle: found when a key is looked for, not when the store is opened."""
    for table in store.glob("*.sst"):
        data = bytearray(table.read_bytes())
        data[len(data) // 2] ^= 0xFF
        table.write_bytes(data)


@pytest.fixture
def no_block_cache() -> Iterator[None]:
    """The one of this process would still know the blocks that are damaged on disk."""
    cache, _ = rocksdb._MEMORY.parts(StoreSettings())
    cache.set_capacity(0)
    yield
    cache.set_capacity(StoreSettings().block_cache_bytes)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    "damage",
    [
        cut_table,
        pytest.param(lose_table, marks=slow),
        pytest.param(flip_manifest, marks=slow),
        pytest.param(lose_manifest, marks=slow),
        pytest.param(empty_current, marks=slow),
    ],
)
def test_damaged_store_is_restored_from_its_changelog(
    broker: EmbeddedBroker,
    tmp_path: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed(broker)
    work(broker, tmp_path)
    damage(tmp_path / STORE)
    feed(broker)
    with caplog.at_level(logging.WARNING):
        work(broker, tmp_path)
    assert "All stores of the task are restored" in caplog.text
    assert counts(broker) == {f"key-{number}": 2 for number in range(KEYS)}


@pytest.mark.usefixtures("no_block_cache")
def test_damage_that_shows_when_it_is_read_is_told_and_mended_at_the_next_start(
    broker: EmbeddedBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A supervisor makes that start by itself: the error is one that may pass."""
    feed(broker, 10 * KEYS)
    work(broker, tmp_path)
    flip_tables(tmp_path / STORE)
    feed(broker, 10 * KEYS)
    with pytest.raises(DamagedStoreError, match="damaged") as caught:
        work(broker, tmp_path)
    assert caught.value.retriable
    with caplog.at_level(logging.WARNING):
        work(broker, tmp_path)
    assert "its stores were damaged and are restored" in caplog.text
    assert counts(broker) == {f"key-{number}": 2 for number in range(10 * KEYS)}
    work(broker, tmp_path)


def test_damaged_store_without_a_changelog_is_left_for_its_owner_to_decide(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    feed(broker)
    work(broker, tmp_path, counting(logged=False))
    flip_manifest(tmp_path / STORE)
    with pytest.raises(DamagedStoreError) as caught:
        work(broker, tmp_path, counting(logged=False))
    assert not caught.value.retriable
    assert (tmp_path / STORE / "CURRENT").exists()


def test_file_in_the_place_of_a_store_is_told(broker: EmbeddedBroker, tmp_path: Path) -> None:
    feed(broker)
    work(broker, tmp_path)
    shutil.rmtree(tmp_path / STORE)
    (tmp_path / STORE).write_text("mine")
    with pytest.raises(StorageError, match="counts"):
        work(broker, tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_is_told_and_nothing_is_lost_once_there_is_room(
    broker: EmbeddedBroker, small_disk: Path
) -> None:
    builder = sk.StreamsBuilder()
    builder.table("in", key=str, value=bytes, store="counts").to_stream().map_values(
        len, value=int
    ).to("out", key=str, value=int)
    topology = builder.build()
    feed(broker, 100, os.urandom(80_000))
    began = time.monotonic()
    with pytest.raises(StorageError, match="counts"):
        work(broker, small_disk, topology)
    assert time.monotonic() - began < 40
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    work(broker, small_disk, topology)
    assert counts(broker) == {f"key-{number}": 80_000 for number in range(100)}
