"""A store's folder belongs to one kind of store, and its segments to one retention."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streamkit.errors import StorageError
from streamkit.serde import serde_for
from streamkit.state import open_store
from streamkit.state.backends.rocksdb import RocksDBBackend
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreKind, StoreSpec

HOUR_MS = 3_600_000
COUNTS = StoreSpec("counts", StoreKind.TIMESTAMPED_KEY_VALUE, serde_for(str), serde_for(int))
WINDOWS = replace(
    COUNTS, kind=StoreKind.TIMESTAMPED_WINDOW, retention_ms=HOUR_MS, window_size_ms=1000
)


def fill(folder: Path) -> None:
    """One entry, written beneath the store, and the offset of its changelog."""
    backend = RocksDBBackend(folder / "rocksdb" / "counts", StoreSettings())
    backend.write([b"k"], [b"v"], {b"offset": bytes(7) + b"\x05"})
    backend.close()


def entries(folder: Path) -> int:
    backend = RocksDBBackend(folder / "rocksdb" / "counts", StoreSettings())
    try:
        return len(list(backend.range(b"", None))) + (backend.mark(b"offset") is not None)
    finally:
        backend.close()


@pytest.mark.parametrize(("first", "then"), [(COUNTS, WINDOWS), (WINDOWS, COUNTS)])
def test_folder_of_another_kind_of_store_is_refused(
    tmp_path: Path, first: StoreSpec, then: StoreSpec
) -> None:
    open_store(first, directory=tmp_path).close()
    with pytest.raises(StorageError, match=f"'counts' in .* holds a {first.kind.value} store"):
        open_store(then, directory=tmp_path)
    open_store(first, directory=tmp_path).close()


def test_same_store_finds_what_it_left(tmp_path: Path) -> None:
    open_store(COUNTS, directory=tmp_path).close()
    fill(tmp_path)
    open_store(COUNTS, directory=tmp_path).close()
    assert entries(tmp_path) == 2


def test_other_retention_has_the_entries_restored_again(tmp_path: Path) -> None:
    open_store(WINDOWS, directory=tmp_path).close()
    fill(tmp_path)
    open_store(replace(WINDOWS, retention_ms=2 * HOUR_MS), directory=tmp_path).close()
    assert entries(tmp_path) == 0


def test_other_retention_without_a_changelog_is_refused(tmp_path: Path) -> None:
    unlogged = replace(WINDOWS, logged=False)
    open_store(unlogged, directory=tmp_path).close()
    with pytest.raises(StorageError, match="another retention"):
        open_store(replace(unlogged, retention_ms=2 * HOUR_MS), directory=tmp_path)
