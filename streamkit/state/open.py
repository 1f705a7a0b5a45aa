"""From a store's specification to the open store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamkit.errors import ConfigError, StorageError
from streamkit.serde import Serde, serde_for
from streamkit.state.backends.base import Backend
from streamkit.state.backends.memory import MemoryBackend
from streamkit.state.buffer import RecordBuffer
from streamkit.state.key_value import OverlaidKeyValueStore, OverlaidTimestampedKeyValueStore
from streamkit.state.marks import LAYOUT
from streamkit.state.segments import segment_length_ms
from streamkit.state.session import OverlaidSessionStore
from streamkit.state.settings import StoreSettings
from streamkit.state.spec import StoreKind, StoreSpec
from streamkit.state.store import StateStore
from streamkit.state.versioned import OverlaidVersionedStore
from streamkit.state.window import OverlaidTimestampedWindowStore, OverlaidWindowStore

__all__ = ["changelog_topic", "open_store"]

_MakeStore = Callable[[StoreSpec, Backend, Serde[Any], Serde[Any], StoreSettings, str], StateStore]

_KINDS: dict[StoreKind, _MakeStore] = {
    StoreKind.KEY_VALUE: OverlaidKeyValueStore,
    StoreKind.TIMESTAMPED_KEY_VALUE: OverlaidTimestampedKeyValueStore,
    StoreKind.WINDOW: OverlaidWindowStore,
    StoreKind.TIMESTAMPED_WINDOW: OverlaidTimestampedWindowStore,
    StoreKind.SESSION: OverlaidSessionStore,
    StoreKind.VERSIONED: OverlaidVersionedStore,
    StoreKind.SUPPRESS_BUFFER: RecordBuffer,
    StoreKind.JOIN_BUFFER: RecordBuffer,
}

_MEMORY_ONLY = (StoreKind.SUPPRESS_BUFFER, StoreKind.JOIN_BUFFER)


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
        spec: what the topology says.
        directory: the task's folder; the store lives in `rocksdb/<name>` beneath. None: in memory,
            whatever the specification says.
        settings: sizes; None: the defaults.
        application_id: prefix of the changelog topic's name, which serdes get to see.
        default_serde: for keys and values whose serde the specification leaves open; None: JSON.

    Raises:
        ConfigError: the specification lacks what its kind needs.
        LockedError: another process has the store open.
        StorageError: the folder is damaged, can't be written, or holds a store of another kind.
    """
    settings = settings or StoreSettings()
    make = _KINDS.get(spec.kind)
    if make is None:
        raise ConfigError(f"store '{spec.name}': kind {spec.kind.value} can't be opened yet")
    default = default_serde or serde_for(Any)
    key_serde = spec.key_serde or default
    value_serde = spec.value_serde or default
    name = spec.backend or settings.backend
    backend: Backend
    if directory is None or name == "memory" or spec.kind in _MEMORY_ONLY:
        backend = MemoryBackend()
    elif name == "rocksdb":
        # Loaded here: rocksdict is large, and state in memory does without it.
        from streamkit.state.backends.rocksdb import RocksDBBackend

        backend = RocksDBBackend(directory / "rocksdb" / spec.name, settings)
    else:
        raise ConfigError(f"store '{spec.name}': backend is 'rocksdb' or 'memory', not {name!r}")
    topic = spec.source_changelog or changelog_topic(application_id, spec.name)
    try:
        _claim(backend, spec, directory)
        return make(spec, backend, key_serde, value_serde, settings, topic)
    except BaseException:
        backend.close()
        raise


def _claim(backend: Backend, spec: StoreSpec, directory: Path | None) -> None:
    """Note the layout of the entries; what another layout left behind is refused, or built anew.

    The segments of a window store follow its retention: after a change of that, the entries come
    again from the changelog.
    """
    segment_ms = 0 if spec.visible_ms is None else segment_length_ms(spec.visible_ms)
    layout = f"{spec.kind.value} {segment_ms}"
    held = (backend.mark(LAYOUT) or b"").decode()
    if held == layout:
        return
    if held:
        kind = held.partition(" ")[0]
        if kind != spec.kind.value or not spec.logged:
            was = f"a {kind} store" if kind != spec.kind.value else "segments of another retention"
            raise StorageError(
                f"store '{spec.name}' in {directory} holds {was}, the program now asks for "
                f"{spec.kind.value}: give the store another name, or remove the state folder and the "
                "store's changelog topic",
                path=str(directory),
            )
        backend.wipe()
    backend.write([], [], {LAYOUT: layout.encode()})
