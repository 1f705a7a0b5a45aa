"""Where a topic's settings come from: its own, else the broker's, else Kafka's defaults."""

from __future__ import annotations

from collections.abc import Mapping

from streamkit.errors import ConfigError
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS, BrokerSettings
from streamkit.log.storage import TOPIC_SETTINGS, LogConfig, TopicSetting

__all__ = ["broker_default", "check_topic_configs", "log_defaults"]


def broker_default(setting: TopicSetting, settings: BrokerSettings) -> str:
    """The text that holds for a topic which doesn't set `setting` itself."""
    match setting.name:
        case "retention.ms":
            return str(settings.retention_ms)
        case "segment.ms":
            return str(settings.roll_ms)
        case "segment.jitter.ms":
            return str(settings.roll_jitter_ms)
    if setting.server_name is not None and setting.server_name in BROKER_SETTINGS:
        text = Setting.text(settings.value(setting.server_name))
        if text is not None:
            return text
    return setting.default


def log_defaults(settings: BrokerSettings) -> LogConfig:
    """What a topic without settings of its own gets.

    Raises:
        ConfigError: a value that a topic can't have.
    """
    return LogConfig.from_settings(
        {setting.name: broker_default(setting, settings) for setting in TOPIC_SETTINGS.values()}
    )


def check_topic_configs(configs: Mapping[str, str | None]) -> None:
    """Check names and values of a topic's settings.

    Raises:
        ConfigError: an unknown name, a null value, or a value out of its range, which is named.
    """
    for name, text in configs.items():
        setting = TOPIC_SETTINGS.get(name)
        if setting is None:
            raise ConfigError(f"Unknown topic config name: {name}")
        if text is None:
            raise ConfigError(f"Null value not supported for topic configs: {name}")
        if setting.parse(text) is True and name == "remote.storage.enable":
            raise ConfigError(f"{name} can't be true: this broker has no tiered storage")
