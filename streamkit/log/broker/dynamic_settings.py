"""Settings of the broker that can be changed while it runs, and the layers that a value comes from.

| layer, the first that has the setting holds | source in DescribeConfigs |
| --- | --- |
| set for this node (resource `1`) | DYNAMIC_BROKER_CONFIG, 2 |
| set for every node (resource without a name) | DYNAMIC_DEFAULT_BROKER_CONFIG, 3 |
| properties file, environment, command line | STATIC_BROKER_CONFIG, 4 |
| the default | DEFAULT_CONFIG, 5 |

The first two are ConfigRecords of `__cluster_metadata`, so they hold over a restart. Which settings they may be is
what Apache Kafka allows, less `listeners`: clients and the data folder's address file know the one listener from the
start on, and who set a wrong one couldn't reach the broker any more to take it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from streamkit.errors import ConfigError
from streamkit.log.broker.setting import Setting, SettingValue
from streamkit.log.broker.settings import BROKER_SETTINGS, BrokerSettings

__all__ = ["DYNAMIC_SETTINGS", "DynamicSettings", "Layer", "check_broker_configs"]

DYNAMIC_SETTINGS = frozenset(
    {
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "group.consumer.assignment.interval.ms",
        "log.cleaner.backoff.ms",
        "log.cleaner.delete.retention.ms",
        "log.cleaner.max.compaction.lag.ms",
        "log.cleaner.min.cleanable.ratio",
        "log.cleaner.min.compaction.lag.ms",
        "log.cleanup.policy",
        "log.flush.interval.messages",
        "log.flush.interval.ms",
        "log.index.interval.bytes",
        "log.index.size.max.bytes",
        "log.message.timestamp.after.max.ms",
        "log.message.timestamp.before.max.ms",
        "log.message.timestamp.type",
        "log.preallocate",
        "log.retention.bytes",
        "log.retention.ms",
        "log.roll.jitter.ms",
        "log.roll.ms",
        "log.segment.bytes",
        "log.segment.delete.delay.ms",
        "max.connections",
        "max.connections.per.ip",
        "max.connections.per.ip.overrides",
        "message.max.bytes",
        "min.insync.replicas",
        "producer.id.expiration.ms",
        "unclean.leader.election.enable",
    }
)
"""By Kafka's names."""

_DYNAMIC_BROKER, _DYNAMIC_DEFAULT, _STATIC, _DEFAULT = 2, 3, 4, 5
_COARSER = {
    "log.retention.ms": ("log.retention.minutes", "log.retention.hours"),
    "log.retention.minutes": ("log.retention.hours",),
    "log.roll.jitter.ms": ("log.roll.jitter.hours",),
    "log.roll.ms": ("log.roll.hours",),
}
"""Settings that stand for another one that isn't set."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer says of a setting: the name it stands under there, its text, the layer's number."""

    name: str
    value: str | None
    source: int


@dataclass(frozen=True, slots=True)
class DynamicSettings:
    """A broker's settings with their layers; immutable.

    Attributes:
        static: from file, environment and command line.
        everywhere: set for every node, as texts.
        own: set for this node.
    """

    static: BrokerSettings
    everywhere: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)

    def in_force(self) -> BrokerSettings:
        """The settings that hold. What a later version kept, and this one doesn't know, is left out."""
        changes: dict[str, SettingValue] = {}
        for name, text in {**self.everywhere, **self.own}.items():
            if name in DYNAMIC_SETTINGS:
                changes[name.replace(".", "_")] = BROKER_SETTINGS[name].parse(text)
        return replace(self.static, **changes) if changes else self.static  # type: ignore[arg-type]  # parsed

    def changed(self, node: str, changes: Mapping[str, str | None]) -> DynamicSettings:
        """These settings after a change for one node, or with `node` empty for every one; None takes back."""
        has = self.own if node else self.everywhere
        will_have = {key: value for key, value in {**has, **changes}.items() if value is not None}
        return replace(self, own=will_have) if node else replace(self, everywhere=will_have)

    def layers(self, name: str) -> list[Layer]:
        """Where a setting's value was looked for: the first holds; none if it isn't set anywhere."""
        found = []
        for each in (name, *_COARSER.get(name, ())):
            setting = BROKER_SETTINGS[each]
            if each in self.own:
                found.append(Layer(each, self.own[each], _DYNAMIC_BROKER))
            if each in self.everywhere:
                found.append(Layer(each, self.everywhere[each], _DYNAMIC_DEFAULT))
            value, default = Setting.text(self.static.value(each)), Setting.text(setting.default)
            if value != default:
                found.append(Layer(each, value, _STATIC))
            if default is not None:
                found.append(Layer(each, default, _DEFAULT))
        return found


def check_broker_configs(changes: Mapping[str, str | None]) -> None:
    """Check names and values of settings that are to change while the broker runs.

    To take back what isn't set changes nothing, and is allowed.

    Raises:
        ConfigError: an unknown name, one that holds from the start on, or a value out of its range.
    """
    fixed = [name for name, text in changes.items() if text is not None and _is_fixed(name)]
    if fixed:
        raise ConfigError(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
    for name, text in changes.items():
        if text is not None:
            if name not in BROKER_SETTINGS:
                raise ConfigError(f"Unknown broker config name: {name}")
            BROKER_SETTINGS[name].parse(text)


def _is_fixed(name: str) -> bool:
    return name in BROKER_SETTINGS and name not in DYNAMIC_SETTINGS
