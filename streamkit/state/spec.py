"""What the topology says about a store: enough to open it, name its changelog and restore it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from streamkit.serde import Serde

__all__ = ["StoreKind", "StoreSpec"]


class StoreKind(Enum):
    """How entries are keyed, kept and written to the changelog."""

    KEY_VALUE = "key-value"
    TIMESTAMPED_KEY_VALUE = "timestamped-key-value"
    WINDOW = "window"
    TIMESTAMPED_WINDOW = "timestamped-window"
    SESSION = "session"
    VERSIONED = "versioned"
    SUPPRESS_BUFFER = "suppress-buffer"
    JOIN_BUFFER = "join-buffer"


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """One state store of the topology.

    Attributes:
        name: unique in the topology; changelog topic `<app>-<name>-changelog`.
        kind: see `StoreKind`.
        key_serde, value_serde: None: the app's defaults.
        backend: "rocksdb" or "memory"; None: the app's default.
        logged: False: no changelog, state is lost with its folder.
        source_changelog: a source topic that serves as changelog, or None.
        retention_ms: window and session stores: how long entries are visible.
        window_size_ms: window stores.
        time_first: window stores of emission on window close, which Kafka Streams orders by time; they
            show one millisecond more than others.
        retain_duplicates: window stores of stream joins.
        history_retention_ms: versioned stores.
        changelog_config: topic settings that override the derived ones.
        cached: stores of tables: where the app has a record cache, updates of a key are merged.
    """

    name: str
    kind: StoreKind
    key_serde: Serde[Any] | None = None
    value_serde: Serde[Any] | None = None
    backend: str | None = None
    logged: bool = True
    source_changelog: str | None = None
    retention_ms: int | None = None
    window_size_ms: int | None = None
    time_first: bool = False
    retain_duplicates: bool = False
    history_retention_ms: int | None = None
    changelog_config: Mapping[str, str] = field(default_factory=dict)
    cached: bool = True

    @property
    def visible_ms(self) -> int | None:
        """How long entries of window and session stores are visible, None for other kinds.

        Source: AbstractRocksDBTimeOrderedSegmentedBytesStore.
        """
        return None if self.retention_ms is None else self.retention_ms + self.time_first
