"""The broker's settings, under Kafka's names: a field `num_partitions` is `num.partitions`.

A field's metadata is its `Setting`: type, default, valid range and documentation. `--help` and the answers
to DescribeConfigs derive from them. Topic settings stand in `topic_settings`; the `log.*` settings here are
their defaults.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from streamkit.errors import ConfigError
from streamkit.log.broker.setting import LONG_MAX, Setting, SettingType, SettingValue

__all__ = ["BROKER_SETTINGS", "BrokerSettings", "parse_listener", "parse_settings"]

_INT, _LONG, _BOOL, _STRING, _LIST, _DOUBLE = (
    SettingType.INT,
    SettingType.LONG,
    SettingType.BOOLEAN,
    SettingType.STRING,
    SettingType.LIST,
    SettingType.DOUBLE,
)


def _setting(kind: SettingType, default: Any, doc: str, **limits: Any) -> Any:
    return field(default=default, metadata={"setting": (kind, doc, limits)})


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Every setting of a broker; immutable.

    Each argument is checked against its range, and against the others.

    Raises:
        ConfigError: a value out of range, or one that doesn't fit another; the message gives the valid range.
    """

    # Who and where.
    node_id: int = _setting(_INT, 1, "This node's number.", at_least=0)
    listeners: str = _setting(
        _STRING,
        "PLAINTEXT://127.0.0.1:9092",
        "Where to listen: PLAINTEXT://HOST:PORT; port 0 takes a free one.",
        check=lambda text: _listener_problem(text),
    )
    advertised_listeners: str = _setting(
        _STRING,
        "",
        "The address that clients are told to use; empty: that of listeners.",
        check=lambda text: _listener_problem(text) if text else None,
    )
    log_dirs: str = _setting(_STRING, "", "The data folder.")

    # Connections and requests.
    socket_request_max_bytes: int = _setting(
        _INT,
        104_857_600,
        "The largest request taken; a larger one closes the connection.",
        at_least=1,
    )
    max_connections: int = _setting(
        _INT,
        2**31 - 1,
        "How many connections may be open; who comes then waits until one has gone.",
        at_least=1,
    )
    max_connections_per_ip: int = _setting(
        _INT,
        2**31 - 1,
        "How many connections one address may have; further ones are closed at once. "
        "0 if max.connections.per.ip.overrides names addresses.",
        at_least=0,
    )
    max_connections_per_ip_overrides: str = _setting(
        _STRING,
        "",
        "Other limits for some addresses: 192.168.0.1:100,10.0.0.7:1.",
        check=lambda text: _overrides_problem(text),
    )
    queued_max_request_bytes: int = _setting(
        _LONG,
        512 << 20,
        "Memory for requests that are arriving, and again for answers that clients haven't taken; "
        "at least socket.request.max.bytes; -1: no bound, which is Apache Kafka's default.",
        at_least=-1,
    )
    connections_max_idle_ms: int = _setting(
        _LONG,
        600_000,
        "A connection without a request for so long is closed; -1: never.",
        at_least=-1,
    )
    fetch_max_bytes: int = _setting(
        _INT, 57_671_680, "The most that one fetch answer holds.", at_least=1024
    )
    max_incremental_fetch_session_cache_slots: int = _setting(
        _INT, 1000, "How many incremental fetch sessions are kept.", at_least=0
    )
    max_request_partition_size_limit: int = _setting(
        _INT, 2000, "The most partitions that one DescribeTopicPartitions answer holds.", at_least=1
    )

    # Topics.
    num_partitions: int = _setting(
        _INT, 1, "Partitions of a topic that is created without a number.", at_least=1
    )
    default_replication_factor: int = _setting(
        _INT,
        1,
        "Replicas of a topic that is created without a number: one node has one.",
        at_least=1,
        at_most=1,
    )
    auto_create_topics_enable: bool = _setting(
        _BOOL, True, "Whether a metadata request may create the topics it names."
    )
    delete_topic_enable: bool = _setting(_BOOL, True, "Whether topics may be deleted.")

    # Logs: the defaults of topic settings.
    message_max_bytes: int = _setting(
        _INT, 1_048_588, "The largest record batch taken.", at_least=0
    )
    compression_type: str = _setting(
        _STRING,
        "producer",
        "How batches are stored: as the producer compressed them.",
        choices=("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"),
    )
    compression_gzip_level: int = _setting(
        _INT,
        -1,
        "Level from 1 to 9, used when compression.type is gzip; -1: the codec's own default.",
        at_least=-1,
        at_most=9,
        check=lambda level: None if level else "must be from 1 to 9 or -1",
    )
    compression_lz4_level: int = _setting(
        _INT, 9, "Level used when compression.type is lz4.", at_least=1, at_most=17
    )
    compression_zstd_level: int = _setting(
        _INT, 3, "Level used when compression.type is zstd.", at_least=-131_072, at_most=22
    )
    log_segment_bytes: int = _setting(
        _INT, 1_073_741_824, "Size of a segment file.", at_least=1 << 20
    )
    log_roll_ms: int | None = _setting(
        _LONG, None, "Age at which a segment is closed; not set: log.roll.hours.", at_least=1
    )
    log_roll_hours: int = _setting(
        _INT, 168, "Age at which a segment is closed, in hours.", at_least=1
    )
    log_roll_jitter_ms: int | None = _setting(
        _LONG,
        None,
        "Each segment is closed early by a random time below this; not set: log.roll.jitter.hours.",
        at_least=0,
    )
    log_roll_jitter_hours: int = _setting(
        _INT, 0, "Each segment is closed early by a random time below this, in hours.", at_least=0
    )
    log_index_interval_bytes: int = _setting(
        _INT, 4096, "Bytes between two index entries.", at_least=0
    )
    log_index_size_max_bytes: int = _setting(
        _INT, 10_485_760, "Size limit of an index file.", at_least=4
    )
    log_retention_ms: int | None = _setting(
        _LONG,
        None,
        "How long records are kept; -1: for ever; not set: log.retention.minutes.",
        at_least=-1,
    )
    log_retention_minutes: int | None = _setting(
        _INT,
        None,
        "How long records are kept, in minutes; not set: log.retention.hours.",
        at_least=-1,
    )
    log_retention_hours: int = _setting(
        _INT, 168, "How long records are kept, in hours.", at_least=-1
    )
    log_retention_bytes: int = _setting(
        _LONG,
        -1,
        "Size of a partition beyond which old segments are deleted; -1: no bound.",
        at_least=-1,
    )
    log_retention_check_interval_ms: int = _setting(
        _LONG, 300_000, "How often retention is enforced.", at_least=1
    )
    log_cleanup_policy: tuple[str, ...] = _setting(
        _LIST, ("delete",), "What happens to old segments.", choices=("delete", "compact")
    )
    log_cleaner_backoff_ms: int = _setting(
        _LONG, 15_000, "How long compaction rests when no log needs it.", at_least=0
    )
    log_cleaner_delete_retention_ms: int = _setting(
        _LONG, 86_400_000, "How long compaction keeps tombstones.", at_least=0
    )
    log_cleaner_min_compaction_lag_ms: int = _setting(
        _LONG, 0, "Age below which compaction leaves a record alone.", at_least=0
    )
    log_cleaner_max_compaction_lag_ms: int = _setting(
        _LONG, LONG_MAX, "Age beyond which a record must be compacted.", at_least=1
    )
    log_cleaner_min_cleanable_ratio: float = _setting(
        _DOUBLE,
        0.5,
        "Share of a log that must be dirty before it is compacted.",
        at_least=0,
        at_most=1,
    )
    log_flush_interval_messages: int = _setting(
        _LONG, LONG_MAX, "Records after which a log is forced to disk.", at_least=1
    )
    log_flush_interval_ms: int | None = _setting(
        _LONG,
        None,
        "Time after which a log is forced to disk; not set: the system decides.",
        at_least=0,
    )
    log_segment_delete_delay_ms: int = _setting(
        _LONG, 60_000, "Time between a file's removal from the log and from the disk.", at_least=0
    )
    log_message_timestamp_type: str = _setting(
        _STRING, "CreateTime", "Whose time a record bears.", choices=("CreateTime", "LogAppendTime")
    )
    log_message_timestamp_before_max_ms: int = _setting(
        _LONG, LONG_MAX, "How far a record's timestamp may lie in the past.", at_least=0
    )
    log_message_timestamp_after_max_ms: int = _setting(
        _LONG, 3_600_000, "How far a record's timestamp may lie in the future.", at_least=0
    )
    log_preallocate: bool = _setting(
        _BOOL,
        False,
        "Whether segment files get their full size at once; accepted, files always grow.",
    )
    min_insync_replicas: int = _setting(
        _INT, 1, "Replicas that must hold a record for acks=all.", at_least=1
    )
    unclean_leader_election_enable: bool = _setting(_BOOL, False, "Without effect on one node.")
    producer_id_expiration_ms: int = _setting(
        _INT, 86_400_000, "How long an idle producer's sequence numbers are remembered.", at_least=1
    )

    # Consumer groups.
    group_min_session_timeout_ms: int = _setting(
        _INT, 6000, "The shortest session timeout taken.", at_least=0
    )
    group_max_session_timeout_ms: int = _setting(
        _INT, 1_800_000, "The longest session timeout taken.", at_least=0
    )
    group_initial_rebalance_delay_ms: int = _setting(
        _INT, 0, "How long an empty group waits for more members to join.", at_least=0
    )
    group_max_size: int = _setting(_INT, 2**31 - 1, "The most members of a group.", at_least=1)
    group_consumer_session_timeout_ms: int = _setting(
        _INT,
        45_000,
        "How long a member of the consumer protocol may be silent.",
        at_least=1,
    )
    group_consumer_min_session_timeout_ms: int = _setting(
        _INT, 45_000, "The shortest such timeout that a group may set.", at_least=1
    )
    group_consumer_max_session_timeout_ms: int = _setting(
        _INT, 60_000, "The longest such timeout that a group may set.", at_least=1
    )
    group_consumer_heartbeat_interval_ms: int = _setting(
        _INT, 5_000, "How often members of the consumer protocol send heartbeats.", at_least=1
    )
    group_consumer_min_heartbeat_interval_ms: int = _setting(
        _INT, 5_000, "The shortest such interval that a group may set.", at_least=1
    )
    group_consumer_max_heartbeat_interval_ms: int = _setting(
        _INT, 15_000, "The longest such interval that a group may set.", at_least=1
    )
    group_consumer_max_size: int = _setting(
        _INT, 2**31 - 1, "The most members of a group of the consumer protocol.", at_least=1
    )
    group_consumer_assignors: tuple[str, ...] = _setting(
        _LIST,
        ("uniform", "range"),
        "The broker's assignors that members may ask for; the first is the default.",
        choices=("uniform", "range"),
        check=lambda names: None if names else "must name an assignor",
    )
    group_consumer_migration_policy: str = _setting(
        _STRING,
        "bidirectional",
        "Which groups with members may change between the classic and the consumer protocol.",
        choices=("bidirectional", "upgrade", "downgrade", "disabled"),
    )
    group_consumer_assignment_interval_ms: int = _setting(
        _INT, 1_000, "How long a consumer group's assignment holds at least.", at_least=0
    )
    group_consumer_min_assignment_interval_ms: int = _setting(
        _INT, 0, "The shortest such time that a group may set.", at_least=0
    )
    group_consumer_max_assignment_interval_ms: int = _setting(
        _INT, 15_000, "The longest such time that a group may set.", at_least=0
    )
    group_consumer_regex_refresh_interval_ms: int = _setting(
        _INT, 600_000, "How often topics are matched with patterns anew.", at_least=10_000
    )
    offset_metadata_max_bytes: int = _setting(
        _INT, 4096, "The longest metadata of an offset commit.", at_least=0
    )
    offsets_topic_num_partitions: int = _setting(
        _INT, 50, "Partitions of __consumer_offsets.", at_least=1
    )
    offsets_topic_segment_bytes: int = _setting(
        _INT,
        104_857_600,
        "Size of a segment file of __consumer_offsets; less than 1 MB counts as that.",
        at_least=1,
    )
    offsets_retention_minutes: int = _setting(
        _INT, 10_080, "How long offsets of an empty group are kept, in minutes.", at_least=1
    )
    offsets_retention_check_interval_ms: int = _setting(
        _LONG, 600_000, "How often expired offsets are looked for.", at_least=1
    )
    transaction_state_log_num_partitions: int = _setting(
        _INT, 50, "Partitions of __transaction_state.", at_least=1
    )
    transaction_state_log_segment_bytes: int = _setting(
        _INT,
        104_857_600,
        "Size of a segment file of __transaction_state; less than 1 MB counts as that.",
        at_least=1,
    )

    transaction_max_timeout_ms: int = _setting(
        _INT, 900_000, "The longest transaction timeout taken.", at_least=1
    )
    transactional_id_expiration_ms: int = _setting(
        _INT, 604_800_000, "How long a transactional id that isn't used is remembered.", at_least=1
    )
    transaction_abort_timed_out_transaction_cleanup_interval_ms: int = _setting(
        _INT, 10_000, "How often transactions that took too long are looked for.", at_least=1
    )
    transaction_remove_expired_transaction_cleanup_interval_ms: int = _setting(
        _INT, 3_600_000, "How often expired transactional ids are looked for.", at_least=1
    )

    def __post_init__(self) -> None:
        for setting in BROKER_SETTINGS.values():
            setting.validate(getattr(self, setting.name.replace(".", "_")))
        self._check_consumer_groups()
        if self.retention_ms == 0:
            raise ConfigError(
                "log.retention.ms, minutes or hours is 0; it must be -1 (for ever) or at least 1"
            )
        if self.max_connections_per_ip == 0 and not self.max_connections_per_ip_overrides:
            raise ConfigError(
                "max.connections.per.ip can be 0 only with max.connections.per.ip.overrides"
            )
        if 0 <= self.queued_max_request_bytes < self.socket_request_max_bytes:
            raise ConfigError(
                f"Invalid value {self.queued_max_request_bytes} for configuration "
                "queued.max.request.bytes: must be -1 or at least socket.request.max.bytes, "
                f"{self.socket_request_max_bytes}"
            )

    def _check_consumer_groups(self) -> None:
        """Raise ConfigError unless each time of consumer groups lies between its bounds."""
        for name in ("session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"):
            value = self.value(f"group.consumer.{name}")
            low = self.value(f"group.consumer.min.{name}")
            high = self.value(f"group.consumer.max.{name}")
            assert isinstance(value, int)
            assert isinstance(low, int)
            assert isinstance(high, int)
            if not low <= value <= high:
                raise ConfigError(
                    f"group.consumer.{name} is {value}; it must be from {low} "
                    f"(group.consumer.min.{name}) to {high} (group.consumer.max.{name})"
                )
        if self.group_consumer_heartbeat_interval_ms >= self.group_consumer_session_timeout_ms:
            raise ConfigError(
                "group.consumer.heartbeat.interval.ms must be less than "
                "group.consumer.session.timeout.ms"
            )

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> BrokerSettings:
        """Settings from names and texts, as a properties file holds them.

        Raises:
            ConfigError: as `parse_settings`, or values that don't fit each other.
        """
        values: dict[str, Any] = {
            name.replace(".", "_"): value for name, value in parse_settings(properties).items()
        }
        return cls(**values)

    def value(self, name: str) -> SettingValue:
        """The value of the setting with Kafka's name `name`."""
        value: SettingValue = getattr(self, name.replace(".", "_"))
        return value

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return Path(self.log_dirs)

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return parse_listener(self.listeners)

    @property
    def connections_per_ip(self) -> Mapping[str, int]:
        """The addresses with limits of their own, of `max.connections.per.ip.overrides`."""
        pairs = (each.rpartition(":") for each in self.max_connections_per_ip_overrides.split(","))
        return {ip.strip().strip("[]"): int(limit) for ip, _, limit in pairs if ip}

    @property
    def retention_ms(self) -> int:
        """`log.retention.ms`, or what minutes or hours say in its place; -1 for ever."""
        if self.log_retention_ms is not None:
            return self.log_retention_ms
        minutes = self.log_retention_minutes
        if minutes is None:
            minutes = self.log_retention_hours * 60 if self.log_retention_hours >= 0 else -1
        return minutes * 60_000 if minutes >= 0 else -1

    @property
    def roll_ms(self) -> int:
        """`log.roll.ms`, or what hours say in its place."""
        return self.log_roll_hours * 3_600_000 if self.log_roll_ms is None else self.log_roll_ms

    @property
    def roll_jitter_ms(self) -> int:
        """`log.roll.jitter.ms`, or what hours say in its place."""
        given = self.log_roll_jitter_ms
        return self.log_roll_jitter_hours * 3_600_000 if given is None else given


def parse_settings(properties: Mapping[str, str]) -> dict[str, SettingValue]:
    """The value of each setting in `properties`, by Kafka's name, checked by itself.

    Some values are valid only beside others, which may come from another place: `BrokerSettings` checks that.

    Raises:
        ConfigError: an unknown name (the message suggests near ones) or a value out of range.
    """
    values: dict[str, SettingValue] = {}
    for name, text in properties.items():
        setting = BROKER_SETTINGS.get(name)
        if setting is None:
            near = difflib.get_close_matches(name, BROKER_SETTINGS, 3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ConfigError(f"unknown setting {name}{hint}")
        values[name] = setting.parse(text)
    return values


def _listener_problem(text: str) -> str | None:
    """What is wrong with the address of a listener."""
    try:
        parse_listener(text)
    except ConfigError as error:
        return str(error)
    return None


def _overrides_problem(text: str) -> str | None:
    """What is wrong with the value of `max.connections.per.ip.overrides`."""
    for each in filter(None, text.split(",")):
        ip, _, limit = each.rpartition(":")
        if not ip.strip() or not limit.strip().isdigit():
            return "must be ADDRESS:NUMBER, with commas between them"
    return None


def parse_listener(text: str) -> tuple[str, int]:
    """Host and port of `PLAINTEXT://HOST:PORT` or `HOST:PORT`.

    Raises:
        ConfigError: not of that form, or a protocol that isn't served.
    """
    protocol, separator, address = text.rpartition("://")
    if separator and protocol != "PLAINTEXT":
        raise ConfigError(f"listener {text}: only PLAINTEXT is served")
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(f"listener {text}: expected HOST:PORT, as 127.0.0.1:9092")
    return host.strip("[]") or "0.0.0.0", int(port)


@cache
def _declared() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for each in fields(BrokerSettings):
        kind, doc, limits = each.metadata["setting"]
        name = each.name.replace("_", ".")
        default: SettingValue = each.default  # type: ignore[assignment]  # _setting gives each one
        found[name] = Setting(name, kind, default, doc, **limits)
    return found


BROKER_SETTINGS: Mapping[str, Setting] = _declared()
"""Every broker setting by Kafka's name."""
