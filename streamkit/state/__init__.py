"""State stores: typed interfaces, the overlay of uncommitted writes, backends, the changelog."""

from streamkit.state.buffer import NEVER, RecordBuffer
from streamkit.state.buffered import Buffered
from streamkit.state.open import changelog_topic, open_store
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.state.store import (
    ChangelogWriter,
    KeyValueStore,
    SealedGeneration,
    SessionStore,
    StateStore,
    StoreContext,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    VersionedKeyValueStore,
    WindowStore,
)
from streamkit.state.version import Version

__all__ = [
    "NEVER",
    "Buffered",
    "ChangelogWriter",
    "KeyValueStore",
    "RecordBuffer",
    "SealedGeneration",
    "SessionStore",
    "StateStore",
    "StoreContext",
    "StoreKind",
    "StoreSettings",
    "StoreSpec",
    "TimestampedKeyValueStore",
    "TimestampedWindowStore",
    "Version",
    "VersionedKeyValueStore",
    "WindowStore",
    "changelog_topic",
    "open_store",
]
