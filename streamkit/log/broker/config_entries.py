"""Settings as answers list them: value, where it comes from, synonyms, type and documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streamkit.log.broker.dynamic_settings import DYNAMIC_SETTINGS, DynamicSettings
from streamkit.log.broker.group_configs import GROUP_SETTINGS
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS
from streamkit.log.broker.topic_configs import broker_default
from streamkit.log.storage import TOPIC_SETTINGS, SettingType, TopicSetting

__all__ = [
    "ConfigEntry",
    "ConfigSynonym",
    "broker_entries",
    "default_broker_entries",
    "group_entries",
    "topic_entries",
]

TOPIC_CONFIG = 1
DYNAMIC_DEFAULT_BROKER_CONFIG = 3
STATIC_BROKER_CONFIG = 4
DEFAULT_CONFIG = 5
GROUP_CONFIG = 8


@dataclass(frozen=True, slots=True)
class ConfigSynonym:
    """A name under which a setting's value was looked for, and what stands there."""

    name: str
    value: str | None
    source: int


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One setting. `synonyms` begin with the one that holds; `source` is numbered as in DescribeConfigs."""

    name: str
    value: str | None
    source: int
    synonyms: tuple[ConfigSynonym, ...]
    type: SettingType
    documentation: str
    read_only: bool


def topic_entries(configs: Mapping[str, str], settings: DynamicSettings) -> Iterator[ConfigEntry]:
    """Every setting of a topic whose own settings are `configs`."""
    in_force = settings.in_force()
    for setting in TOPIC_SETTINGS.values():
        synonyms = []
        if setting.name in configs:
            synonyms.append(ConfigSynonym(setting.name, configs[setting.name], TOPIC_CONFIG))
        server_name = setting.server_name
        default = broker_default(setting, in_force)
        if server_name is not None:
            synonyms += _of_broker(setting, server_name, default, settings)
        first = synonyms[0] if synonyms else ConfigSynonym("", default, DEFAULT_CONFIG)
        yield ConfigEntry(
            setting.name,
            first.value,
            first.source,
            tuple(synonyms),
            setting.type,
            setting.documentation,
            read_only=False,
        )


def _of_broker(
    setting: TopicSetting, server_name: str, default: str, settings: DynamicSettings
) -> Iterator[ConfigSynonym]:
    """Where a topic's setting comes from when the topic itself says nothing."""
    layers = settings.layers(server_name) if server_name in BROKER_SETTINGS else []
    if any(each.name == server_name and each.source != DEFAULT_CONFIG for each in layers):
        # With what would hold if it weren't set, down to coarser units.
        for layer in layers:
            yield ConfigSynonym(layer.name, layer.value, layer.source)
        return
    if default != setting.default:
        yield ConfigSynonym(server_name, default, STATIC_BROKER_CONFIG)
    # A setting such as log.retention.ms isn't set by default: a coarser unit stands for it.
    declared = BROKER_SETTINGS.get(server_name)
    if declared is None or declared.default is not None:
        yield ConfigSynonym(server_name, setting.default, DEFAULT_CONFIG)


def group_entries(configs: Mapping[str, str], settings: DynamicSettings) -> Iterator[ConfigEntry]:
    """Every setting of a group whose own settings are `configs`."""
    for name, setting in GROUP_SETTINGS.items():
        layers = settings.layers(setting.name)
        synonyms = [ConfigSynonym(each.name, each.value, each.source) for each in layers]
        if name in configs:
            synonyms.insert(0, ConfigSynonym(name, configs[name], GROUP_CONFIG))
        yield ConfigEntry(
            name,
            synonyms[0].value,
            synonyms[0].source,
            tuple(synonyms),
            setting.type,
            setting.doc,
            read_only=False,
        )


def broker_entries(settings: DynamicSettings) -> Iterator[ConfigEntry]:
    """Every setting of this node."""
    for setting in BROKER_SETTINGS.values():
        layers = settings.layers(setting.name)
        value = Setting.text(setting.default)
        yield ConfigEntry(
            setting.name,
            layers[0].value if layers and layers[0].name == setting.name else value,
            layers[0].source if layers else DEFAULT_CONFIG,
            tuple(ConfigSynonym(each.name, each.value, each.source) for each in layers),
            setting.type,
            setting.doc,
            read_only=setting.name not in DYNAMIC_SETTINGS,
        )


def default_broker_entries(settings: DynamicSettings) -> Iterator[ConfigEntry]:
    """What was set for every node while brokers ran."""
    for name, text in settings.everywhere.items():
        if (setting := BROKER_SETTINGS.get(name)) is not None:
            yield ConfigEntry(
                name,
                text,
                DYNAMIC_DEFAULT_BROKER_CONFIG,
                (ConfigSynonym(name, text, DYNAMIC_DEFAULT_BROKER_CONFIG),),
                setting.type,
                setting.doc,
                read_only=name not in DYNAMIC_SETTINGS,
            )
