"""A backend in RocksDB, through rocksdict in raw mode.

One column family. A key's first byte tells marks (0) from entries (1), so entries may have any key. The
write-ahead log is off: the changelog is the truth, and memory tables reach the disk in the order of their
writes, so what a crash leaves is always a state of the past with the offset mark that belongs to it, or
an older one. The memory table is flushed after `flush_bytes` written bytes, and by the first write after
`flush_interval_ms`.

One block cache and one write-buffer manager serve all stores of the process; the manager never stalls
writers, because rocksdict holds the GIL while it writes.

rocksdict loses the column family's options when it reopens a database with plain `options` (block cache,
bloom filter); they are given by column family, and `options_in_force` reads back what RocksDB uses.

Not thread-safe: one owner thread. Ranges keep the database open; `close` ends those that are left.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet

import rocksdict

from streamkit.clock import Clock, SystemClock
from streamkit.errors import ClosedError, DamagedStoreError, LockedError, StorageError
from streamkit.state.backends.base import Backend
from streamkit.state.settings import StoreSettings

__all__ = ["RocksDBBackend"]

_NO_MARKS: Mapping[bytes, bytes] = {}
_MARK = b"\x00"
_ENTRY = b"\x01"
_AFTER_ENTRIES = b"\x02"
_ENTRY_OVERHEAD_BYTES = 32
_BATCH_ENTRIES = 2_000
_BLOCK_BYTES = 16 * 1024
_BLOOM_BITS = 10


class _Memory:
    """The block cache and the write-buffer manager of this process; the first store decides the sizes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._parts: tuple[Any, Any] | None = None

    def parts(self, settings: StoreSettings) -> tuple[Any, Any]:
        with self._lock:
            if self._parts is None:
                self._parts = (
                    rocksdict.Cache(settings.block_cache_bytes),
                    rocksdict.WriteBufferManager(settings.write_buffer_bytes, False),
                )
            return self._parts


_MEMORY = _Memory()


class RocksDBBackend(Backend):
    """See `Backend`.

    Attributes:
        unflushed_bytes: written since the memory table last went to disk, roughly.

    Args:
        path: folder of the database; made if missing.
        settings: sizes.
        clock: for `flush_interval_ms`.

    Raises:
        LockedError: it is open already, here or in another process.
        StorageError: it is damaged, or the disk refuses.
    """

    def __init__(self, path: Path, settings: StoreSettings, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._flushed_at_ms = self._clock.monotonic_ms()
        self._settings = settings
        self._write_options = rocksdict.WriteOptions()
        # A property, whatever the stub says.
        setattr(self._write_options, "disable_wal", True)  # noqa: B010
        self.unflushed_bytes = 0
        self._ranges: WeakSet[Iterator[tuple[bytes, bytes]]] = WeakSet()
        self._closed = False
        self._db = self._open()
        self._get = self._db.get

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._get(_ENTRY + key)
        except Exception as error:
            raise self._failed("read", error) from error
        return value

    def write(
        self,
        keys: Sequence[bytes],
        values: Sequence[bytes | None],
        marks: Mapping[bytes, bytes] = _NO_MARKS,
    ) -> None:
        size = len(keys)
        for start in range(0, size, _BATCH_ENTRIES):
            last = start + _BATCH_ENTRIES >= size
            self._write_batch(
                keys[start : start + _BATCH_ENTRIES],
                values[start : start + _BATCH_ENTRIES],
                marks if last else _NO_MARKS,
            )
        if not size and marks:
            self._write_batch(keys, values, marks)
        if self._flush_is_due():
            self._flush(wait=False)

    def range(
        self, low: bytes, high: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        bottom = _ENTRY + low
        top = _AFTER_ENTRIES if high is None else _ENTRY + high
        # The iterator is made now, not at the first step: the range shows the store as it is now.
        entries = self._backward(bottom, top) if reverse else self._forward(bottom, top)
        self._ranges.add(entries)
        return entries

    def delete_range(self, low: bytes, high: bytes | None) -> None:
        top = _AFTER_ENTRIES if high is None else _ENTRY + high
        try:
            self._db.delete_range(_ENTRY + low, top, self._write_options)
        except Exception as error:
            raise self._failed("delete from", error) from error

    def mark(self, name: bytes) -> bytes | None:
        try:
            value: bytes | None = self._get(_MARK + name)
        except Exception as error:
            raise self._failed("read", error) from error
        return value

    def approximate_entries(self) -> int:
        return self._db.property_int_value("rocksdb.estimate-num-keys") or 0

    def flush(self) -> None:
        self._flush(wait=True)

    def wipe(self) -> None:
        self._close_database()
        shutil.rmtree(self._path, ignore_errors=True)
        self._db = self._open()
        self._get = self._db.get
        self.unflushed_bytes = 0

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._flush(wait=True)
        finally:
            self._close_database()

    def options_in_force(self) -> dict[str, str]:
        """The options that RocksDB itself says it runs with, by RocksDB's names."""
        files = sorted(
            self._path.glob("OPTIONS-*"), key=lambda file: int(file.name.rpartition("-")[2])
        )
        if not files:
            raise StorageError(f"no options file in {self._path}", path=str(self._path))
        return dict(re.findall(r"^\s*(\w+)=(.*)$", files[-1].read_text(), re.MULTILINE))

    def _write_batch(
        self,
        keys: Sequence[bytes],
        values: Sequence[bytes | None],
        marks: Mapping[bytes, bytes],
    ) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        put = batch.put
        size = 0
        for key, value in zip(keys, values, strict=True):
            if value is None:
                batch.delete(_ENTRY + key)
            else:
                put(_ENTRY + key, value)
                size += len(value)
            size += len(key) + _ENTRY_OVERHEAD_BYTES
        for name, value in marks.items():
            put(_MARK + name, value)
        try:
            self._db.write(batch, self._write_options)
        except Exception as error:
            raise self._failed("write to", error) from error
        self.unflushed_bytes += size + _ENTRY_OVERHEAD_BYTES

    def _forward(self, bottom: bytes, top: bytes) -> Iterator[tuple[bytes, bytes]]:
        options = rocksdict.ReadOptions()
        options.set_iterate_upper_bound(top)
        return _stripped(self._db.items(from_key=bottom, read_opt=options), options)

    def _backward(self, bottom: bytes, top: bytes) -> Iterator[tuple[bytes, bytes]]:
        # No lower bound in the read options: rocksdict sets it as the upper bound.
        return _stripped_down_to(self._db.items(backwards=True, from_key=top), bottom, top)

    def _flush(self, *, wait: bool) -> None:
        try:
            self._db.flush(wait)
        except Exception as error:
            raise self._failed("flush", error) from error
        self.unflushed_bytes = 0
        self._flushed_at_ms = self._clock.monotonic_ms()

    def _flush_is_due(self) -> bool:
        if self.unflushed_bytes >= self._settings.flush_bytes:
            return True
        since_ms = self._clock.monotonic_ms() - self._flushed_at_ms
        return since_ms >= self._settings.flush_interval_ms

    def _open(self) -> Any:
        block_cache, write_buffers = _MEMORY.parts(self._settings)
        options = _options(self._settings, block_cache, write_buffers)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            return rocksdict.Rdict(str(self._path), options, column_families={"default": options})
        except OSError as error:
            raise StorageError(
                f"state folder {self._path} can't be made: {error}", path=str(self._path)
            ) from error
        except Exception as error:
            raise self._failed("open", error) from error

    def _close_database(self) -> None:
        for entries in list(self._ranges):
            entries.close()  # type: ignore[attr-defined] # they are generators, see `_stripped`
        try:
            self._db.close()
        except Exception as error:
            raise self._failed("close", error) from error

    def _failed(self, verb: str, error: Exception) -> Exception:
        path = str(self._path)
        text = str(error)
        if isinstance(error, rocksdict.DbClosedError):
            return ClosedError(f"the store in {path} is closed")
        if "lock" in text.lower() and "LOCK" in text:
            return LockedError(
                f"state folder {path} is in use by another process, or open twice in this one; "
                "stop the other one or choose another state folder",
                path=path,
            )
        if "Corruption" in text or (verb == "open" and "No such file" in text):
            return DamagedStoreError(
                f"state folder {path} is damaged ({text}); delete it: its content comes back from "
                "the changelog topic",
                path=path,
            )
        return StorageError(f"can't {verb} the store in {path}: {text}", path=path)


def _options(settings: StoreSettings, block_cache: Any, write_buffers: Any) -> Any:
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(block_cache)
    table.set_block_size(_BLOCK_BYTES)
    table.set_bloom_filter(_BLOOM_BITS, False)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_manager(write_buffers)
    options.set_write_buffer_size(2 * settings.flush_bytes)
    options.set_compression_type(rocksdict.DBCompressionType.lz4())
    options.set_compaction_style(rocksdict.DBCompactionStyle.universal())
    options.set_max_open_files(256)
    options.set_keep_log_file_num(1)
    options.set_max_log_file_size(1024 * 1024)
    options.set_stats_dump_period_sec(0)
    options.set_level_zero_stop_writes_trigger(1 << 20)
    options.set_level_zero_slowdown_writes_trigger(1 << 20)
    return options


def _stripped(
    items: Iterator[tuple[bytes, bytes]],
    options: Any,  # noqa: ARG001 - owns the bound's memory, which rocksdict reads from
) -> Iterator[tuple[bytes, bytes]]:
    for key, value in items:
        yield key[1:], value


def _stripped_down_to(
    items: Iterator[tuple[bytes, bytes]], bottom: bytes, top: bytes
) -> Iterator[tuple[bytes, bytes]]:
    for key, value in items:
        if key < bottom:
            return
        if key < top:
            yield key[1:], value
