"""The settings of one worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamkit.errors import ConfigError
from streamkit.serde import Serde
from streamkit.state import StoreSettings

__all__ = ["WorkerSettings"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How one worker process runs an application.

    Attributes:
        application_id: also the consumer group, and the first part of internal topics' names.
        bootstrap: `host:port`, more of them separated by commas.
        state_dir: the folder that state lives in, shared by the workers of one machine.
        client_id: the name in the broker's logs; empty: made from the application id.
        commit_interval_ms: how often progress is committed.
        max_task_idle_ms: how long an empty partition holds its task back; see `PartitionGroup`.
        auto_offset_reset: where to begin without a committed offset, "earliest" or "latest", for
            sources that don't say.
        on_deserialization_error, on_processing_error: "fail" or "continue"; see `TaskSettings`.
        statestore_cache_max_bytes: what the record caches of all tasks may hold together; 0: there are none.
        buffer_bytes_per_partition: fetched and not processed yet; a full buffer pauses its partition.
        max_poll_interval_ms: a worker stuck for longer loses its tasks.
        session_timeout_ms: a worker silent for longer loses its tasks.
        lock_timeout_ms: how long to wait until a sibling has let go of a task's folder.
        linger_ms, batch_bytes, compression: of the producer.
        replication_factor: of internal topics; -1: the broker's default.
        api_timeout_ms: how long no broker may answer.
        store_settings: sizes of stores.
        default_serde: for stores whose serdes the topology leaves open; None: JSON.
        stop_at_end: stop once every input of the application is processed and committed.
        values: further settings, for operators.

    Raises:
        ConfigError: a value out of range.
    """

    application_id: str
    bootstrap: str
    state_dir: Path
    client_id: str = ""
    commit_interval_ms: int = 30_000
    max_task_idle_ms: int = 0
    auto_offset_reset: str = "earliest"
    on_deserialization_error: str = "fail"
    on_processing_error: str = "fail"
    statestore_cache_max_bytes: int = 0
    buffer_bytes_per_partition: int = 16 * _MIB
    max_poll_interval_ms: int = 300_000
    session_timeout_ms: int = 45_000
    lock_timeout_ms: int = 60_000
    linger_ms: int = 100
    batch_bytes: int = 256 * 1024
    compression: str = "none"
    replication_factor: int = -1
    api_timeout_ms: int = 60_000
    store_settings: StoreSettings = field(default_factory=StoreSettings)
    default_serde: Serde[Any] | None = None
    stop_at_end: bool = False
    values: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.application_id:
            raise ConfigError("application_id must not be empty")
        if self.auto_offset_reset not in ("earliest", "latest"):
            raise ConfigError(
                f"auto_offset_reset is 'earliest' or 'latest', not {self.auto_offset_reset!r}"
            )
        for name in ("commit_interval_ms", "buffer_bytes_per_partition", "lock_timeout_ms"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is more than 0, not {getattr(self, name)}")
