"""The settings of a consumer group: its own, else the broker's.

| setting | the broker's |
| --- | --- |
| consumer.session.timeout.ms | group.consumer.session.timeout.ms |
| consumer.heartbeat.interval.ms | group.consumer.heartbeat.interval.ms |
| consumer.assignment.interval.ms | group.consumer.assignment.interval.ms |

Each lies between the broker's `group.consumer.min.…` and `group.consumer.max.…`. Left out: the settings of share and
streams groups, which this broker doesn't have.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamkit.errors import ConfigError
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS, BrokerSettings

__all__ = ["GROUP_SETTINGS", "check_group_configs"]

_NAMES = (
    "consumer.session.timeout.ms",
    "consumer.heartbeat.interval.ms",
    "consumer.assignment.interval.ms",
)

GROUP_SETTINGS: Mapping[str, Setting] = {name: BROKER_SETTINGS[f"group.{name}"] for name in _NAMES}
"""Every setting of a group by Kafka's name, with the broker's setting that stands for it."""


def check_group_configs(configs: Mapping[str, str], settings: BrokerSettings) -> None:
    """Check all settings that a group is to have.

    Raises:
        ConfigError: an unknown name, or a value out of its range, which is named.
    """
    values = {name: _number(settings, f"group.{name}") for name in _NAMES}
    for name, text in configs.items():
        if name not in GROUP_SETTINGS:
            raise ConfigError(f"Unknown group config name: {name}")
        value = GROUP_SETTINGS[name].parse(text)
        assert isinstance(value, int)
        kind = name.removeprefix("consumer.")
        low = _number(settings, f"group.consumer.min.{kind}")
        high = _number(settings, f"group.consumer.max.{kind}")
        if not low <= value <= high:
            raise ConfigError(
                f"{name} must be from {low} (group.consumer.min.{kind}) "
                f"to {high} (group.consumer.max.{kind})"
            )
        values[name] = value
    if values["consumer.session.timeout.ms"] <= values["consumer.heartbeat.interval.ms"]:
        raise ConfigError(
            "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms"
        )


def _number(settings: BrokerSettings, name: str) -> int:
    value = settings.value(name)
    assert isinstance(value, int)
    return value
