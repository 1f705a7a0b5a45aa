"""RocksDB: options that survive a reopening, locks, crashes, damaged folders."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit.clock import ManualClock
from streamkit.errors import ClosedError, LockedError, StorageError
from streamkit.serde import serde_for
from streamkit.state import StoreKind, StoreSettings, StoreSpec, open_store
from streamkit.state.backends.rocksdb import RocksDBBackend

SETTINGS = StoreSettings(flush_bytes=1 << 20)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[RocksDBBackend]:
    backend = RocksDBBackend(tmp_path / "db", SETTINGS)
    yield backend
    backend.close()


def test_options_are_in_force_after_reopening(tmp_path: Path) -> None:
    """rocksdict alone loses the bloom filter and the block cache when it reopens a database."""
    for _ in range(3):
        backend = RocksDBBackend(tmp_path / "db", SETTINGS)
        options = backend.options_in_force()
        backend.close()
        assert options["filter_policy"] == "bloomfilter"
        assert options["block_size"] == "16384"
        assert options["write_buffer_size"] == str(2 << 20)
        assert options["compression"] == "kLZ4Compression"
        assert options["compaction_style"] == "kCompactionStyleUniversal"
        assert options["cache_index_and_filter_blocks"] == "true"


def test_marks_never_show_in_ranges_whatever_the_keys(backend: RocksDBBackend) -> None:
    backend.write(
        [b"", b"\x00", b"offset", b"\xff\xff"], [b"1", b"2", b"3", b"4"], {b"offset": b"m"}
    )
    assert [key for key, _ in backend.range(b"", None)] == [b"", b"\x00", b"offset", b"\xff\xff"]
    assert backend.get(b"offset") == b"3"
    assert backend.mark(b"offset") == b"m"
    backend.delete_range(b"", None)
    assert list(backend.range(b"", None)) == []
    assert backend.mark(b"offset") == b"m"


def test_range_shows_the_moment_it_was_made(backend: RocksDBBackend) -> None:
    backend.write([b"a", b"b"], [b"1", b"2"])
    entries = backend.range(b"", None)
    backwards = backend.range(b"", None, reverse=True)
    backend.write([b"a", b"c"], [None, b"3"])
    assert list(entries) == [(b"a", b"1"), (b"b", b"2")]
    assert list(backwards) == [(b"b", b"2"), (b"a", b"1")]


def test_upper_bound_of_a_range_outlives_the_call_that_set_it(backend: RocksDBBackend) -> None:
    """RocksDB keeps a pointer to the bound, into an object that rocksdict doesn't hold on to."""
    keys = [b"%08d" % number for number in range(500)]
    backend.write(keys, keys)
    for _ in range(20):
        entries = backend.range(b"", b"00000400")
        rubbish = [bytes([number % 7]) * 9 for number in range(1_000)]
        assert [key for key, _ in entries] == keys[:400]
        assert rubbish


def test_second_opening_says_who_is_to_blame(backend: RocksDBBackend, tmp_path: Path) -> None:
    with pytest.raises(LockedError, match="in use by another process") as caught:
        RocksDBBackend(tmp_path / "db", SETTINGS)
    assert caught.value.path == str(tmp_path / "db")


def test_close_ends_open_ranges_and_gives_the_lock_back(tmp_path: Path) -> None:
    backend = RocksDBBackend(tmp_path / "db", SETTINGS)
    backend.write([b"a", b"b"], [b"1", b"2"])
    begun, fresh = backend.range(b"", None), backend.range(b"", None, reverse=True)
    next(begun)
    backend.close()
    again = RocksDBBackend(tmp_path / "db", SETTINGS)
    assert again.get(b"a") == b"1"
    assert list(begun) == []
    assert list(fresh) == []
    again.close()


def test_closed_backend_refuses(tmp_path: Path) -> None:
    backend = RocksDBBackend(tmp_path / "db", SETTINGS)
    backend.close()
    with pytest.raises(ClosedError):
        backend.get(b"a")


def test_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("")
    with pytest.raises(StorageError, match="can't be made"):
        RocksDBBackend(tmp_path / "db", SETTINGS)


def test_damaged_folder_tells_what_to_do(tmp_path: Path) -> None:
    backend = RocksDBBackend(tmp_path / "db", SETTINGS)
    backend.write([b"a"], [b"1"])
    backend.close()
    (tmp_path / "db" / "CURRENT").write_text("nonsense")
    with pytest.raises(StorageError, match=r"damaged.*delete it.*changelog"):
        RocksDBBackend(tmp_path / "db", SETTINGS)


def test_writes_beyond_one_batch_keep_their_order(backend: RocksDBBackend) -> None:
    keys = [b"%05d" % number for number in range(5_001)]
    backend.write(keys, keys, {b"offset": b"1"})
    assert [key for key, _ in backend.range(b"", None)] == keys
    backend.write(keys, [None] * len(keys))
    assert list(backend.range(b"", None)) == []


@pytest.mark.parametrize("reason", ["bytes", "time"])
def test_memory_table_goes_to_disk_by_size_and_by_time(tmp_path: Path, reason: str) -> None:
    clock = ManualClock()
    backend = RocksDBBackend(
        tmp_path / "db", StoreSettings(flush_bytes=10_000, flush_interval_ms=5_000), clock
    )
    backend.write([b"a"], [b"1"])
    assert backend.unflushed_bytes > 0
    if reason == "bytes":
        backend.write([b"b"], [bytes(20_000)])
    else:
        clock.advance(4_999)
        backend.write([b"b"], [b"2"])
        assert backend.unflushed_bytes > 0
        clock.advance(1)
        backend.write([b"b"], [b"2"])
    assert backend.unflushed_bytes == 0
    backend.close()


CRASH = """
import os, sys
from pathlib import Path
from streamkit.state.backends.rocksdb import RocksDBBackend
from streamkit.state import StoreSettings
backend = RocksDBBackend(Path(sys.argv[1]), StoreSettings())
backend.write([b"k"], [b"1"], {b"offset": b"1"})
backend.flush()
backend.write([b"k"], [b"2"], {b"offset": b"2"})
os._exit(9)
"""


def test_crash_leaves_an_older_state_with_its_own_offset(tmp_path: Path) -> None:
    """Without a write-ahead log the unflushed write is gone, and so is its mark: restore repeats it."""
    code = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path / "db")]).returncode
    assert code == 9
    backend = RocksDBBackend(tmp_path / "db", SETTINGS)
    assert (backend.get(b"k"), backend.mark(b"offset")) == (b"1", b"1")
    backend.close()


def test_wipe_forgets_everything_and_goes_on(tmp_path: Path) -> None:
    spec = StoreSpec("s", StoreKind.KEY_VALUE, serde_for(str), serde_for(int))
    store = open_store(spec, directory=tmp_path, settings=SETTINGS)
    store.restore_batch([b"a"], [bytes(8)], [0], 7)
    store.wipe()
    assert store.checkpoint() == -1
    store.restore_batch([b"b"], [bytes(8)], [0], 3)
    store.close()
    store = open_store(spec, directory=tmp_path, settings=SETTINGS)
    assert store.checkpoint() == 3
    store.close()
