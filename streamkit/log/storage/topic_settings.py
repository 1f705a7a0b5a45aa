"""The settings of a topic: Kafka's names, types, defaults and valid ranges, in one table.

`LogConfig` is built from it; a broker answers DescribeConfigs and checks CreateTopics with it.
Settings that mean nothing on one node (throttling, tiered storage) are accepted and kept, because
Kafka's clients and tools send them.

Source: org.apache.kafka.storage.internals.log.LogConfig of Kafka 4.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from streamkit.errors import ConfigError

__all__ = ["TOPIC_SETTINGS", "SettingType", "SettingValue", "TopicSetting"]

SettingValue = bool | int | float | str | tuple[str, ...]

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1
_REPLICA = re.compile("(?:[0-9]+:[0-9]+)?")


class SettingType(IntEnum):
    """Types of settings, numbered as in DescribeConfigs."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


@dataclass(frozen=True, slots=True)
class TopicSetting:
    """One setting of a topic.

    Attributes:
        name: Kafka's name of it.
        type: how its text is read.
        default: the text that holds when nobody says otherwise.
        documentation: what it does, in a sentence.
        server_name: the broker setting that gives topics their default; None: there is none.
        minimum, maximum: the valid range of a number.
        choices: the valid texts of a string or of each item of a list; empty: any.
        also: a number outside of the range that is valid too.
        pattern: what each item of a list must be like, unless the list is `*`; None: anything.
    """

    name: str
    type: SettingType
    default: str
    documentation: str
    server_name: str | None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    also: int | None = None
    pattern: re.Pattern[str] | None = None

    def parse(self, text: str) -> SettingValue:
        """The value written as `text`.

        Raises:
            ConfigError: not a value of this type, or out of the valid range, which is named.
        """
        try:
            return self._checked(text.strip())
        except ValueError as error:
            raise ConfigError(
                f"Invalid value {text} for configuration {self.name}: {self.valid_values()}"
            ) from error

    def valid_values(self) -> str:
        """The valid range, for people."""
        kind = self.type
        if kind is SettingType.BOOLEAN:
            return "Expected value to be either true or false"
        if self.choices:
            joined = ", ".join(self.choices)
            listed = kind is SettingType.LIST
            return f"a comma-separated list of {joined}" if listed else f"one of {joined}"
        if kind in (SettingType.STRING, SettingType.LIST):
            return "any text"
        whole = "a number" if kind is SettingType.DOUBLE else f"a whole number ({kind.name})"
        if self.minimum is None and self.maximum is None:
            return whole
        low = "" if self.minimum is None else f"{self.minimum:.10g}"
        high = "" if self.maximum is None else f"{self.maximum:.10g}"
        extra = "" if self.also is None else f" or {self.also}"
        return f"{whole} in [{low},...,{high}]{extra}" if high else f"{whole} of at least {low}"

    def _checked(self, text: str) -> SettingValue:
        kind = self.type
        if kind is SettingType.BOOLEAN:
            if text.lower() not in ("true", "false"):
                self._refuse()
            return text.lower() == "true"
        if kind is SettingType.LIST:
            # What is named twice counts once; nothing at all is a list, an empty item is a mistake.
            items = tuple(dict.fromkeys(item.strip() for item in text.split(",")) if text else ())
            if self.choices and not set(items) <= set(self.choices):
                self._refuse()
            if self.pattern and text != "*" and not all(map(self.pattern.fullmatch, items)):
                self._refuse()
            return items
        if kind in (SettingType.INT, SettingType.LONG, SettingType.DOUBLE):
            return self._number(text)
        if self.choices and text not in self.choices:
            self._refuse()
        return text

    def _number(self, text: str) -> int | float:
        if self.type is SettingType.DOUBLE:
            number: int | float = float(_without_underscores(text))
        else:
            number = int(_without_underscores(text))
            limit = INT_MAX if self.type is SettingType.INT else LONG_MAX
            if not -limit - 1 <= number <= limit:
                self._refuse()
        if number == self.also:
            return number
        if self.minimum is not None and not number >= self.minimum:
            self._refuse()
        if self.maximum is not None and not number <= self.maximum:
            self._refuse()
        return number

    def _refuse(self) -> NoReturn:
        raise ValueError(self.name)


def _without_underscores(text: str) -> str:
    """`text`, which Python's numbers may have underscores in, and Kafka's not."""
    if "_" in text:
        raise ValueError(text)
    return text


def _table() -> Mapping[str, TopicSetting]:
    boolean, string, integer = SettingType.BOOLEAN, SettingType.STRING, SettingType.INT
    long, double, items = SettingType.LONG, SettingType.DOUBLE, SettingType.LIST
    rows = (
        TopicSetting(
            "cleanup.policy", items, "delete",
            "What happens to old segments: `delete` drops them by age or size, `compact` keeps the "
            "last value of each key; both may be given.",
            "log.cleanup.policy", choices=("compact", "delete"),
        ),
        TopicSetting(
            "compression.gzip.level", integer, "-1",
            "Level used when compression.type is gzip; -1 is the codec's own default.",
            "compression.gzip.level", 1, 9, also=-1,
        ),
        TopicSetting(
            "compression.lz4.level", integer, "9",
            "Level used when compression.type is lz4.", "compression.lz4.level", 1, 17,
        ),
        TopicSetting(
            "compression.type", string, "producer",
            "Codec of the batches in the log; `producer` keeps them as they were sent.",
            "compression.type",
            choices=("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
        ),
        TopicSetting(
            "compression.zstd.level", integer, "3",
            "Level used when compression.type is zstd.", "compression.zstd.level", -131072, 22,
        ),
        TopicSetting(
            "delete.retention.ms", long, "86400000",
            "How long tombstones and transaction markers of a compacted topic stay.",
            "log.cleaner.delete.retention.ms", 0,
        ),
        TopicSetting(
            "file.delete.delay.ms", long, "60000",
            "How long files of deleted segments stay on the disk.",
            "log.segment.delete.delay.ms", 0,
        ),
        TopicSetting(
            "flush.messages", long, str(LONG_MAX),
            "Records after which the log is forced to the disk.",
            "log.flush.interval.messages", 1,
        ),
        TopicSetting(
            "flush.ms", long, str(LONG_MAX),
            "Milliseconds after which the log is forced to the disk.",
            "log.flush.interval.ms", 0,
        ),
        TopicSetting(
            "follower.replication.throttled.replicas", items, "",
            "Replicas whose replication is throttled; no effect on one node.", None,
            pattern=_REPLICA,
        ),
        TopicSetting(
            "index.interval.bytes", integer, "4096",
            "Bytes of log between two entries of the offset index.",
            "log.index.interval.bytes", 0,
        ),
        TopicSetting(
            "leader.replication.throttled.replicas", items, "",
            "Replicas whose replication is throttled; no effect on one node.", None,
            pattern=_REPLICA,
        ),
        TopicSetting(
            "local.retention.bytes", long, "-2",
            "Retention by size of tiered logs; no effect without tiered storage.",
            "log.local.retention.bytes", -2,
        ),
        TopicSetting(
            "local.retention.ms", long, "-2",
            "Retention by age of tiered logs; no effect without tiered storage.",
            "log.local.retention.ms", -2,
        ),
        TopicSetting(
            "max.compaction.lag.ms", long, str(LONG_MAX),
            "Longest time that a record of a compacted topic stays uncompacted.",
            "log.cleaner.max.compaction.lag.ms", 1,
        ),
        TopicSetting(
            "max.message.bytes", integer, "1048588",
            "Largest record batch that is taken, in bytes after compression.",
            "message.max.bytes", 0,
        ),
        TopicSetting(
            "message.timestamp.after.max.ms", long, "3600000",
            "How far a record's timestamp may lie ahead of the broker's clock (CreateTime only).",
            "log.message.timestamp.after.max.ms", 0,
        ),
        TopicSetting(
            "message.timestamp.before.max.ms", long, str(LONG_MAX),
            "How far a record's timestamp may lie behind the broker's clock (CreateTime only).",
            "log.message.timestamp.before.max.ms", 0,
        ),
        TopicSetting(
            "message.timestamp.type", string, "CreateTime",
            "Whether records keep their producer's timestamp or get the time of their append.",
            "log.message.timestamp.type", choices=("CreateTime", "LogAppendTime"),
        ),
        TopicSetting(
            "min.cleanable.dirty.ratio", double, "0.5",
            "Share of the log that must be uncompacted before it is compacted.",
            "log.cleaner.min.cleanable.ratio", 0, 1,
        ),
        TopicSetting(
            "min.compaction.lag.ms", long, "0",
            "Shortest time that a record of a compacted topic stays uncompacted.",
            "log.cleaner.min.compaction.lag.ms", 0,
        ),
        TopicSetting(
            "min.insync.replicas", integer, "1",
            "Replicas that must have a write before acks=all is answered.",
            "min.insync.replicas", 1,
        ),
        TopicSetting(
            "preallocate", boolean, "false",
            "Whether segment files get their full size at once; accepted, files always grow.",
            "log.preallocate",
        ),
        TopicSetting(
            "remote.log.copy.disable", boolean, "false",
            "Tiered storage: no further uploads; no effect here.", None,
        ),
        TopicSetting(
            "remote.log.delete.on.disable", boolean, "false",
            "Tiered storage: delete tiered data when it is disabled; no effect here.", None,
        ),
        TopicSetting(
            "remote.storage.enable", boolean, "false",
            "Tiered storage; no effect here.", None,
        ),
        TopicSetting(
            "retention.bytes", long, "-1",
            "Size of a partition above which old segments are deleted; -1: no limit.",
            "log.retention.bytes",
        ),
        TopicSetting(
            "retention.ms", long, "604800000",
            "Age above which old segments are deleted; -1: no limit.",
            "log.retention.ms", -1,
        ),
        TopicSetting(
            "segment.bytes", integer, "1073741824",
            "Size at which a segment is closed and a new one begun.",
            "log.segment.bytes", 1024 * 1024,
        ),
        TopicSetting(
            "segment.index.bytes", integer, "10485760",
            "Largest size of an index file; a segment whose index is full is closed.",
            "log.index.size.max.bytes", 4,
        ),
        TopicSetting(
            "segment.jitter.ms", long, "0",
            "Each segment is closed early by a random time, which is less than this and than "
            "segment.ms, so that not all roll at once.",
            "log.roll.jitter.ms", 0,
        ),
        TopicSetting(
            "segment.ms", long, "604800000",
            "Age at which a segment is closed though it isn't full.",
            "log.roll.ms", 1,
        ),
        TopicSetting(
            "unclean.leader.election.enable", boolean, "false",
            "Whether a replica that lags may become leader; no effect on one node.",
            "unclean.leader.election.enable",
        ),
    )  # fmt: skip
    return {row.name: row for row in rows}


TOPIC_SETTINGS: Mapping[str, TopicSetting] = _table()
"""Every setting of a topic, by name, in alphabetical order."""
