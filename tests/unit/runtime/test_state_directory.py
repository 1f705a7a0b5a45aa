"""Who may use a state folder, and when what it holds is of no use."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

import streamkit.runtime.state_directory
from streamkit.errors import LockedError, StorageError
from streamkit.model import TaskId
from streamkit.runtime.state_directory import StateDirectory

TASK = TaskId(0, 1)


def test_workers_of_one_cluster_share_the_folder_and_not_a_task(tmp_path: Path) -> None:
    one = StateDirectory(tmp_path, "app", "cluster")
    other = StateDirectory(tmp_path, "app", "cluster")
    held = one.task(TASK)
    with pytest.raises(LockedError, match=f"task 0_1 is in use by process {os.getpid()}"):
        other.task(TASK)
    held.close()
    other.task(TASK).close()
    assert one.tasks() == [TASK]
    one.close()
    other.close()
    other.close()


def test_worker_of_another_cluster_is_refused_while_one_runs(tmp_path: Path) -> None:
    one = StateDirectory(tmp_path, "app", "cluster-1")
    with pytest.raises(LockedError, match="another cluster \\(cluster-1; this one is cluster-2\\)"):
        StateDirectory(tmp_path, "app", "cluster-2")
    one.close()
    StateDirectory(tmp_path, "app", "cluster-2").close()


def test_folder_held_alone_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamkit.runtime.state_directory, "_START_SECONDS", 0.0)
    (tmp_path / "app").mkdir()
    lock = os.open(tmp_path / "app" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(LockedError, match="is in use: another process holds it alone"):
        StateDirectory(tmp_path, "app", "cluster")
    os.close(lock)


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StorageError, match=r"can't use .*file/app as state folder: Not a directory"
    ):
        StateDirectory(tmp_path / "file", "app", "cluster")


def test_stores_of_a_topic_made_anew_are_deleted(tmp_path: Path) -> None:
    """Same name, same offsets, other records: the topic's id tells."""
    state = StateDirectory(tmp_path, "app", "cluster")
    task = state.task(TASK)
    store = task.path / "rocksdb" / "counts"
    assert task.match_changelogs({"app-counts-changelog": "id-1"})
    store.mkdir(parents=True)
    assert task.match_changelogs({"app-counts-changelog": "id-1", "another": "id-9"})
    assert store.exists()
    assert not task.match_changelogs({"app-counts-changelog": "id-2", "another": "id-9"})
    assert not store.exists()
    assert task.match_changelogs({"app-counts-changelog": "id-2", "another": "id-9"})
    task.close()
    state.close()


def test_other_files_are_no_tasks(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path, "app", "cluster")
    (tmp_path / "app" / "notes").mkdir()
    (tmp_path / "app" / "3_4").mkdir()
    assert state.tasks() == [TaskId(3, 4)]
    state.close()
