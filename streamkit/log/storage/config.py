"""The settings of one partition's log, typed; built from Kafka's names by `LogConfig.from_settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from streamkit.errors import ConfigError
from streamkit.log.storage.topic_settings import LONG_MAX, TOPIC_SETTINGS, SettingValue

__all__ = ["LogConfig"]


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What a partition's log does with its records; see `TOPIC_SETTINGS` for each one's meaning.

    The defaults are Kafka's. Ranges are checked by `from_settings` only, so that tests can use
    tiny segments.

    Attributes:
        compression_type: `producer` keeps the sent codec; else `uncompressed`, `gzip`, `snappy`,
            `lz4` or `zstd`.
        message_timestamp_type: `CreateTime` or `LogAppendTime`.
        retention_ms, retention_bytes: -1 means without limit.
        verify_reads: check the CRC of batches that come from the disk: those of closed segments,
            and of the active segment up to where it was opened.
    """

    cleanup_policy: frozenset[str] = frozenset({"delete"})
    compression_type: str = "producer"
    compression_gzip_level: int = -1
    compression_lz4_level: int = 9
    compression_zstd_level: int = 3
    delete_retention_ms: int = 86_400_000
    file_delete_delay_ms: int = 60_000
    flush_messages: int = LONG_MAX
    flush_ms: int = LONG_MAX
    index_interval_bytes: int = 4096
    max_compaction_lag_ms: int = LONG_MAX
    max_message_bytes: int = 1_048_588
    message_timestamp_after_max_ms: int = 3_600_000
    message_timestamp_before_max_ms: int = LONG_MAX
    message_timestamp_type: str = "CreateTime"
    min_cleanable_dirty_ratio: float = 0.5
    min_compaction_lag_ms: int = 0
    min_insync_replicas: int = 1
    retention_bytes: int = -1
    retention_ms: int = 604_800_000
    segment_bytes: int = 1_073_741_824
    segment_index_bytes: int = 10_485_760
    segment_jitter_ms: int = 0
    segment_ms: int = 604_800_000
    verify_reads: bool = True

    @property
    def compacted(self) -> bool:
        """Whether the log keeps the last value of each key, so that every record needs a key."""
        return "compact" in self.cleanup_policy

    @property
    def log_append_time(self) -> bool:
        """Whether records get the time of their append."""
        return self.message_timestamp_type == "LogAppendTime"

    def roll_jitter_ms(self, share: float, oldest_ms: int) -> int:
        """How much earlier than at the age of `oldest_ms` a segment is closed, for `segment.jitter.ms`.

        Args:
            share: what the segment has drawn, from 0 to less than 1.
            oldest_ms: at which age it would be closed without a jitter.
        """
        return int(share * min(self.segment_jitter_ms, oldest_ms))

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, str], defaults: LogConfig | None = None
    ) -> LogConfig:
        """The configuration that a topic's `settings` give over the broker's `defaults`.

        Args:
            settings: texts by Kafka's names, such as `{"segment.bytes": "1048576"}`.
            defaults: what holds for settings that aren't given; None: Kafka's defaults.

        Raises:
            ConfigError: an unknown name or a value out of range.
        """
        changes: dict[str, object] = {}
        for name, text in settings.items():
            setting = TOPIC_SETTINGS.get(name)
            if setting is None:
                raise ConfigError(f"Unknown topic config name: {name}")
            field = name.replace(".", "_")
            if field in cls.__dataclass_fields__:
                changes[field] = _field_value(setting.parse(text))
            else:
                setting.parse(text)
        # The fields' types follow the table's types; a test compares the two.
        return replace(defaults or cls(), **changes)  # type: ignore[arg-type]


def _field_value(value: SettingValue) -> object:
    return frozenset(value) if isinstance(value, tuple) else value
