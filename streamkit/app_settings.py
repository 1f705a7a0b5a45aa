"""The settings of one application, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamkit.errors import ConfigError
from streamkit.serde import Serde
from streamkit.topology.names import check_name

__all__ = ["AppSettings"]


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Settings of one application, checked.

    Attributes:
        app_id: also the consumer group, and the first part of internal topics' names.
        bootstrap: `host:port`, more of them separated by commas; None: the bundled broker.
        state_dir: the folder that state lives in; None: the user's data folder.
        processing_guarantee: "at_least_once".
        commit_interval_ms: how often progress is committed.
        max_task_idle_ms: how long an empty partition holds its task back; -1: not at all, 0: while the
            broker has data for it.
        auto_offset_reset: where to begin without a committed offset, "earliest" or "latest".
        on_processing_error: "fail" stops the worker when a function raises, "continue" counts the
            record and goes on.
        on_deserialization_error: the same for records that can't be decoded.
        statestore_cache_max_bytes: updates of a table's key are merged until the commit, in record caches that
            hold this much together; 0: every update goes on at once.
        store_backend: "rocksdb" or "memory", for stores that say none.
        default_key, default_value: serdes where the program says none; None: JSON.
        topology_optimization: what Kafka Streams' `topology.optimization` may list, see
            `StreamsBuilder.build`.
        ensure_explicit_internal_resource_naming: a store or an internal topic that has only a generated
            name is an error, otherwise a warning in the log.

    Raises:
        ConfigError: a value out of range; the message names the range.

    Example:
        >>> App("shop", commit_interval_ms=timedelta(seconds=5)).settings.commit_interval_ms
        5000
    """

    app_id: str
    bootstrap: str | None = None
    state_dir: Path | None = None
    processing_guarantee: str = "at_least_once"
    commit_interval_ms: int = 30_000
    max_task_idle_ms: int = 0
    auto_offset_reset: str = "earliest"
    on_processing_error: str = "fail"
    on_deserialization_error: str = "fail"
    statestore_cache_max_bytes: int = 0
    store_backend: str = "rocksdb"
    default_key: Serde[Any] | None = None
    default_value: Serde[Any] | None = None
    topology_optimization: frozenset[str] = frozenset()
    ensure_explicit_internal_resource_naming: bool = False

    def __post_init__(self) -> None:
        check_name(self.app_id)
        _one_of("processing_guarantee", self.processing_guarantee, ("at_least_once",))
        _one_of("auto_offset_reset", self.auto_offset_reset, ("earliest", "latest"))
        _one_of("on_processing_error", self.on_processing_error, ("fail", "continue"))
        _one_of("on_deserialization_error", self.on_deserialization_error, ("fail", "continue"))
        _one_of("store_backend", self.store_backend, ("rocksdb", "memory"))
        _at_least("commit_interval_ms", self.commit_interval_ms, 1)
        _at_least("max_task_idle_ms", self.max_task_idle_ms, -1)
        _at_least("statestore_cache_max_bytes", self.statestore_cache_max_bytes, 0)
        if self.bootstrap is not None:
            _check_bootstrap(self.bootstrap)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ConfigError(f"{name} is {choices}, not {value!r}")


def _at_least(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} is an int of {least} or more, not {value!r}")


def _check_bootstrap(bootstrap: str) -> None:
    for address in bootstrap.split(","):
        host, separator, port = address.strip().rpartition(":")
        if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(
                f"bootstrap is host:port, more of them separated by commas, not {bootstrap!r}"
            )
