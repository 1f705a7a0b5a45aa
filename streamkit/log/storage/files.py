"""Files of the log: a bounded set of open descriptors, and small files that are replaced whole.

With 10,000 partitions there are 30,000 files and more; only those in use are open. Every failure of
the operating system becomes a `LogStorageError` that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from streamkit.log.storage.errors import LogStorageError

__all__ = [
    "OpenFiles",
    "Unloadable",
    "put_folder_away",
    "read_file",
    "read_text",
    "remove",
    "remove_folder",
    "replace_file",
    "storage_errors",
    "sync_folder",
    "write_durably",
]

MAX_OPEN_FILES = 512
MAX_LOADED_BYTES = 32 * 1024 * 1024
_READ_BYTES = 1024 * 1024
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
_MAX_NAME = 255


class Unloadable(Protocol):
    """Something read from a file that can be dropped from memory and read again."""

    def unload(self) -> bool:
        """Drop it; False when it must stay in memory."""
        ...


class OpenFiles:
    """Descriptors by path, opened at first use; the least recently used one makes room.

    It also bounds the memory of indexes that were read from files, in the same way.

    Args:
        max_open: descriptors held at most.
        max_loaded_bytes: bytes of loaded indexes held at most.

    Attributes:
        bytes_read: bytes read from files so far; tests of recovery look at it.
    """

    __slots__ = (
        "_descriptors",
        "_loaded",
        "_loaded_bytes",
        "_max_loaded",
        "_max_open",
        "bytes_read",
    )

    def __init__(
        self, *, max_open: int = MAX_OPEN_FILES, max_loaded_bytes: int = MAX_LOADED_BYTES
    ) -> None:
        self._descriptors: OrderedDict[str, int] = OrderedDict()
        self._loaded: OrderedDict[Unloadable, int] = OrderedDict()
        self._loaded_bytes = 0
        self._max_open = max_open
        self._max_loaded = max_loaded_bytes
        self.bytes_read = 0

    def __len__(self) -> int:
        return len(self._descriptors)

    def read(self, path: str, size: int, position: int) -> bytes:
        """Up to `size` bytes at `position`; fewer at the end of the file."""
        try:
            data = os.pread(self._descriptor(path, create=False), size, position)
        except OSError as error:
            raise _storage_error("read", path, error) from error
        self.bytes_read += len(data)
        return data

    def read_all(self, path: str) -> bytes | None:
        """The whole file, without keeping it open; None when there is none."""
        data = read_file(path)
        if data is not None:
            self.bytes_read += len(data)
        return data

    def write(self, path: str, data: bytes | bytearray, position: int) -> None:
        """Write all of `data` at `position`, creating the file if there is none.

        Raises:
            LogStorageError: the disk refused; a part may have been written after `position`.
        """
        try:
            descriptor = self._descriptor(path)
            written = os.pwrite(descriptor, data, position)
            while written < len(data):
                written += os.pwrite(descriptor, memoryview(data)[written:], position + written)
        except OSError as error:
            raise _storage_error("write", path, error) from error

    def create(self, path: str) -> None:
        """Make an empty file, whatever was there, without keeping it open."""
        self.close(path)
        with storage_errors("create", path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644))

    def truncate(self, path: str, size: int) -> None:
        """Cut the file to `size` bytes."""
        with storage_errors("truncate", path):
            os.ftruncate(self._descriptor(path), size)

    def sync(self, path: str) -> None:
        """Force what was written to the disk."""
        with storage_errors("sync", path):
            os.fsync(self._descriptor(path))

    def close(self, path: str) -> None:
        """Close the file if it is open."""
        descriptor = self._descriptors.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def remove(self, path: str) -> None:
        """Delete the file if there is one."""
        self.close(path)
        remove(path)

    def rename(self, path: str, target: str) -> None:
        """Give the file another name, replacing what has it; nothing happens if there is none."""
        self.close(path)
        self.close(target)
        with storage_errors("rename", path), contextlib.suppress(FileNotFoundError):
            Path(path).replace(target)

    def close_all(self) -> None:
        """Close everything."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def loaded(self, owner: Unloadable, size: int) -> None:
        """Note that `owner` now holds `size` bytes read from a file; others may be unloaded."""
        self._loaded_bytes += size - self._loaded.pop(owner, 0)
        self._loaded[owner] = size
        tried = len(self._loaded) - 1
        while self._loaded_bytes > self._max_loaded and tried > 0:
            tried -= 1
            oldest, oldest_size = self._loaded.popitem(last=False)
            if oldest.unload():
                self._loaded_bytes -= oldest_size
            else:
                self._loaded[oldest] = oldest_size

    def forget(self, owner: Unloadable) -> None:
        """Count the bytes of `owner` no more."""
        self._loaded_bytes -= self._loaded.pop(owner, 0)

    def _descriptor(self, path: str, *, create: bool = True) -> int:
        descriptor = self._descriptors.get(path)
        if descriptor is not None:
            self._descriptors.move_to_end(path)
            return descriptor
        if len(self._descriptors) >= self._max_open:
            os.close(self._descriptors.popitem(last=False)[1])
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        while True:
            try:
                descriptor = os.open(path, flags, 0o644)
                break
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS or not self._descriptors:
                    raise
                # The process has others open, which don't make room.
                os.close(self._descriptors.popitem(last=False)[1])
        self._descriptors[path] = descriptor
        return descriptor


@contextlib.contextmanager
def storage_errors(action: str, path: str) -> Iterator[None]:
    """Turn an `OSError` inside into a `LogStorageError` that says what failed, and where."""
    try:
        yield
    except LogStorageError:
        raise
    except OSError as error:
        raise _storage_error(action, path, error) from error


def write_durably(path: str, data: bytes) -> None:
    """Replace the file by one with `data`, and force it to the disk.

    After a crash at any point it is the old or the new one.
    """
    replace_file(path, data, sync=True)
    sync_folder(str(Path(path).parent))


def replace_file(path: str, data: bytes, *, sync: bool = False) -> None:
    """Replace the file by one with `data`; other processes see the old or the new one."""
    temporary = path + ".tmp"
    with storage_errors("write", path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        Path(temporary).replace(path)


def read_file(path: str) -> bytes | None:
    """The bytes of a file, or None if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _storage_error("read", path, error) from error
    try:
        parts = []
        # Less than asked for is the end: most of these files are small, and there are many.
        while len(part := os.read(descriptor, _READ_BYTES)) == _READ_BYTES:
            parts.append(part)
        parts.append(part)
    except OSError as error:
        raise _storage_error("read", path, error) from error
    finally:
        os.close(descriptor)
    return b"".join(parts)


def read_text(path: str) -> str | None:
    """The text of a small file, or None if there is none; bytes that are no text are replaced."""
    data = read_file(path)
    return None if data is None else data.decode(errors="replace")


def remove(path: str) -> None:
    """Delete the file if there is one."""
    with storage_errors("remove", path), contextlib.suppress(FileNotFoundError):
        Path(path).unlink()


def put_folder_away(folder: Path) -> Callable[[], None]:
    """Give a partition's folder a name that is never opened again.

    Returns:
        What removes the files; it may take long and may run on any thread.

    Raises:
        LogStorageError: the disk refused; the folder has its name still.
    """
    # A name has 255 bytes at most, and a topic's takes up to 249 of them.
    suffix = f".{uuid.uuid4().hex}-delete"
    doomed = folder.with_name(folder.name[: _MAX_NAME - len(suffix)] + suffix)
    with storage_errors("rename", str(folder)):
        folder.replace(doomed)
    sync_folder(str(doomed.parent))
    return partial(remove_folder, doomed)


def remove_folder(folder: str | Path) -> None:
    """Remove a folder as far as that is possible; of a symbolic link, what it points at too."""
    path = Path(folder)
    if path.is_symlink():
        shutil.rmtree(path.resolve(), ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def sync_folder(path: str) -> None:
    """Force the folder's entries to the disk: names of new, renamed and deleted files."""
    with storage_errors("sync", path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _storage_error(action: str, path: str, error: OSError) -> LogStorageError:
    return LogStorageError(f"could not {action} {path}: {error.strerror or error}", path=path)
