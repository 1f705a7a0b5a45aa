"""Sizes and rhythms of the stores of one process."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamkit.errors import ConfigError

__all__ = ["StoreSettings"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How stores are opened.

    Attributes:
        backend: "rocksdb" or "memory", for stores whose specification names none.
        overlay_max_bytes: uncommitted writes of one store, estimated; beyond it the store asks for
            a commit.
        clean_cache_bytes: committed entries of one store kept in memory for reads, estimated; 0: none.
        flush_bytes: RocksDB: written bytes of one store after which its memory table goes to disk.
        flush_interval_ms: RocksDB: time after which the next write sends the memory table to disk, so
            that a crash leaves little to restore.
        block_cache_bytes: RocksDB: block cache shared by all stores of the process.
        write_buffer_bytes: RocksDB: memory tables of all stores of the process together.
        overlays_max_bytes, clean_caches_max_bytes: of all stores of the process together; many stores get
            less each than what is said for one.

    Raises:
        ConfigError: an unknown backend, or a size out of range.
    """

    backend: str = "rocksdb"
    overlay_max_bytes: int = 64 * _MIB
    clean_cache_bytes: int = 16 * _MIB
    flush_bytes: int = 32 * _MIB
    flush_interval_ms: int = 60_000
    block_cache_bytes: int = 64 * _MIB
    write_buffer_bytes: int = 64 * _MIB
    overlays_max_bytes: int = 512 * _MIB
    clean_caches_max_bytes: int = 256 * _MIB

    def __post_init__(self) -> None:
        if self.backend not in ("rocksdb", "memory"):
            raise ConfigError(f"backend is 'rocksdb' or 'memory', not {self.backend!r}")
        for name in (
            "overlay_max_bytes",
            "flush_bytes",
            "flush_interval_ms",
            "block_cache_bytes",
            "write_buffer_bytes",
            "overlays_max_bytes",
            "clean_caches_max_bytes",
        ):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is more than 0, not {getattr(self, name)}")
        if self.clean_cache_bytes < 0:
            raise ConfigError(f"clean_cache_bytes is 0 or more, not {self.clean_cache_bytes}")

    def shared_by(self, stores: int) -> StoreSettings:
        """For each of so many stores in one process, so that together they keep to its bounds."""
        count = max(stores, 1)
        return replace(
            self,
            overlay_max_bytes=max(min(self.overlay_max_bytes, self.overlays_max_bytes // count), 1),
            clean_cache_bytes=min(self.clean_cache_bytes, self.clean_caches_max_bytes // count),
        )
