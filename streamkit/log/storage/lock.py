"""One process a data folder: `.lock` is held with `flock`, and names the holder's pid."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from streamkit.errors import LockedError
from streamkit.log.storage.files import storage_errors

__all__ = ["FolderLock"]

LOCK_FILE = ".lock"


class FolderLock:
    """Holds a folder for this process until `release`, or the process's end.

    Args:
        folder: it exists.

    Raises:
        LockedError: another process, or another part of this one, holds it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_FILE
        with storage_errors("open", str(path)):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise LockedError(
                f"data folder {folder} is in use by the process with pid {holder}; "
                "stop it, or choose another folder",
                path=str(folder),
            ) from error
        # The lock is what counts; on a full disk it goes without the pid.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the folder."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1
