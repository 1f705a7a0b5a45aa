"""From a store's specification to the open store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamkit.serde import Serde
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreSpec
from streamkit.state.store import StateStore

__all__ = ["changelog_topic", "open_store"]


def changelog_topic(application_id: str, store: str) -> str:
    """The changelog topic of a store, named as Kafka Streams names it."""
    return f"{application_id}-{store}-changelog"


def open_store(
    spec: StoreSpec,
    *,
    directory: Path | None = None,
    settings: StoreSettings | None = None,
    application_id: str = "",
    default_serde: Serde[Any] | None = None,
) -> StateStore:
    """The store that `spec` describes, open, with what its folder holds.

    Args:
        directory: the task's folder; the store lives in `rocksdb/<name>` beneath. None: in memory,
            whatever the specification says.
        settings: sizes; None: the defaults.
        application_id: prefix of the changelog topic's name, which serdes get to see.
        default_serde: for keys and values whose serde the specification leaves open; None: JSON.

    Raises:
        ConfigError: the specification lacks what its kind needs.
        LockedError: another process has the store open.
        StorageError: the folder is damaged or can't be written.
    """
    raise NotImplementedError
