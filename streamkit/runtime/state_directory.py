"""The folder that holds an application's state on one machine, and the locks on it.

| path beneath the state folder | what |
| --- | --- |
| `<app>/.lock` | shared lock of every worker of the application; its text names their cluster |
| `<app>/<task>/.lock` | exclusive lock of the worker that runs the task; its text names the process |
| `<app>/<task>/.changelogs` | JSON: id of each changelog topic that the stores were filled from |
| `<app>/<task>/.damaged` | there if a store was found damaged while it was used |
| `<app>/<task>/rocksdb/<store>` | a store |

Workers of one machine share the folder, so a task can move between them without being restored. Locks are
`flock`s: they end with the process that holds them, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from streamkit.errors import LockedError, StorageError
from streamkit.model.tasks import TaskId

__all__ = ["StateDirectory", "TaskDirectory"]

_START_SECONDS = 2.0


class StateDirectory:
    """One application's folder, held by this process until `close`.

    Args:
        root: the state folder; made if missing.
        application_id: names the folder inside.
        cluster: identifies the cluster that the state belongs to.

    Raises:
        LockedError: workers of the same application on another cluster use the folder, or something
            holds it exclusively.
        StorageError: the folder can't be made or written.
    """

    def __init__(self, root: Path, application_id: str, cluster: str) -> None:
        self.path = root / application_id
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(
                f"can't use {self.path} as state folder: {error.strerror or error}; "
                "choose another one with --state-dir",
                path=str(self.path),
            ) from error
        try:
            self._lock(cluster)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self, cluster: str) -> None:
        """Alone: say which cluster this is. In company: check that it is the same one.

        Workers that start at the same moment hold the lock alone for an instant each, hence the wait.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._try_join(cluster):
            if time.monotonic() > deadline:
                raise self._in_use("another process holds it alone")
            time.sleep(0.02)
        holder = os.pread(self._file, 4096, 0).decode(errors="replace")
        if holder != cluster:
            raise self._in_use(
                f"a worker of the same application on another cluster ({holder}; this one is {cluster}) "
                "runs in it"
            )

    def _try_join(self, cluster: str) -> bool:
        if _try_lock(self._file, exclusive=True):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, cluster.encode(), 0)
        return _try_lock(self._file, exclusive=False)

    def _in_use(self, why: str) -> LockedError:
        return LockedError(
            f"state folder {self.path} is in use: {why}. Stop it, or give this worker a folder of its "
            "own with --state-dir",
            path=str(self.path),
        )

    def tasks(self) -> list[TaskId]:
        """Tasks that have a folder here, sorted."""
        found = []
        for entry in self.path.iterdir():
            with contextlib.suppress(ValueError):
                found.append(TaskId.parse(entry.name))
        return sorted(found)

    def task(self, task_id: TaskId) -> TaskDirectory:
        """Lock a task's folder, making it if missing.

        Raises:
            LockedError: another worker runs the task still.
            StorageError: the folder can't be made or written.
        """
        return TaskDirectory(self.path / str(task_id), task_id)

    def close(self) -> None:
        """Let go of the folder. Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class TaskDirectory:
    """One task's folder, locked until `close`."""

    def __init__(self, path: Path, task_id: TaskId) -> None:
        self.path = path
        try:
            path.mkdir(exist_ok=True)
            self._file = os.open(path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(
                f"can't use the state folder of task {task_id}, {path}: {error.strerror or error}",
                path=str(path),
            ) from error
        if not _try_lock(self._file, exclusive=True):
            holder = os.pread(self._file, 64, 0).decode(errors="replace") or "unknown"
            os.close(self._file)
            self._file = -1
            raise LockedError(
                f"state folder {path} of task {task_id} is in use by process {holder}. If that is no "
                "worker of this group, stop it or use another --state-dir",
                path=str(path),
            )
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def match_changelogs(self, topic_ids: Mapping[str, str]) -> bool:
        """Make sure that what the folder holds came from these very topics.

        A topic that was deleted and made again has other records under the same offsets: then the
        folder's stores are deleted, to be restored afresh. Call it before they are opened.

        Args:
            topic_ids: id of each changelog topic by name.

        Returns:
            False if the stores were deleted.
        """
        file = self.path / ".changelogs"
        known: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(file.read_text("utf-8"))
        stale = any(known.get(topic, topic_id) != topic_id for topic, topic_id in topic_ids.items())
        if stale:
            self.wipe()
        if stale or known != dict(topic_ids):
            draft = file.with_suffix(".new")
            draft.write_text(json.dumps(dict(topic_ids)), "utf-8")
            draft.replace(file)
        return not stale

    def condemn(self) -> None:
        """Have the stores deleted before they are opened again: one of them is damaged."""
        with contextlib.suppress(OSError):
            (self.path / ".damaged").touch()

    def wipe_condemned(self) -> bool:
        """Delete the stores if one was found damaged; whether it was."""
        condemned = (self.path / ".damaged").exists()
        if condemned:
            self.wipe()
        return condemned

    def wipe(self) -> None:
        """Delete every store in the folder. None may be open."""
        shutil.rmtree(self.path / "rocksdb", ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.path / ".damaged").unlink()

    def close(self) -> None:
        """Let go of the folder. Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _try_lock(file: int, *, exclusive: bool) -> bool:
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
