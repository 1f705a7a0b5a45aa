"""Settings: names, types, ranges, defaults, files."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamkit.errors import ConfigError
from streamkit.log.broker.setting import Setting, read_properties
from streamkit.log.broker.settings import (
    BROKER_SETTINGS,
    BrokerSettings,
    parse_listener,
    parse_settings,
)
from streamkit.log.broker.topic_configs import log_defaults
from streamkit.log.storage import TOPIC_SETTINGS


def test_settings_have_kafkas_names() -> None:
    settings = BrokerSettings.from_properties(
        {"num.partitions": "3", "log.cleanup.policy": "compact, delete"}
    )
    assert settings.num_partitions == 3
    assert settings.log_cleanup_policy == ("compact", "delete")


def test_every_setting_is_documented_and_its_default_valid() -> None:
    for setting in BROKER_SETTINGS.values():
        assert setting.doc.endswith("."), setting.name
        assert setting.valid_range
        setting.validate(setting.default)


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"num.partition": "3"}, "unknown setting num.partition; did you mean num.partitions"),
        ({"num.partitions": "many"}, "not a whole number"),
        ({"num.partitions": "0"}, "at least 1"),
        ({"delete.topic.enable": "yes"}, "true or false"),
        ({"log.cleanup.policy": "burn"}, "a list of delete, compact"),
        ({"log.cleaner.min.cleanable.ratio": "1.5"}, "from 0 to 1"),
        ({"listeners": "SSL://x:1"}, "only PLAINTEXT"),
        ({"listeners": "nowhere"}, "expected HOST:PORT"),
    ],
)
def test_wrong_setting_is_refused_with_the_valid_range(
    properties: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        BrokerSettings.from_properties(properties)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("PLAINTEXT://127.0.0.1:9092", ("127.0.0.1", 9092)),
        ("localhost:0", ("localhost", 0)),
        ("PLAINTEXT://[::1]:9", ("::1", 9)),
        (":9092", ("0.0.0.0", 9092)),
    ],
)
def test_listeners_are_read(text: str, address: tuple[str, int]) -> None:
    assert parse_listener(text) == address


def test_properties_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "server.properties"
    path.write_text("# a comment\n\nnum.partitions = 4\nlisteners=PLAINTEXT://h:1\n")
    assert read_properties(path) == {"num.partitions": "4", "listeners": "PLAINTEXT://h:1"}
    path.write_text("num.partitions\n")
    with pytest.raises(ConfigError, match="line 1: expected name=value"):
        read_properties(path)
    with pytest.raises(ConfigError, match="can't read"):
        read_properties(tmp_path / "missing")


@pytest.mark.parametrize(
    ("properties", "retention_ms"),
    [
        ({}, 604_800_000),
        ({"log.retention.hours": "1"}, 3_600_000),
        ({"log.retention.hours": "1", "log.retention.minutes": "1"}, 60_000),
        ({"log.retention.minutes": "1", "log.retention.ms": "5"}, 5),
        ({"log.retention.hours": "-1"}, -1),
    ],
)
def test_the_finest_unit_of_retention_holds(properties: dict[str, str], retention_ms: int) -> None:
    assert log_defaults(BrokerSettings.from_properties(properties)).retention_ms == retention_ms


@pytest.mark.parametrize(
    ("properties", "jitter_ms"),
    [
        ({}, 0),
        ({"log.roll.jitter.hours": "2"}, 7_200_000),
        ({"log.roll.jitter.hours": "2", "log.roll.jitter.ms": "5"}, 5),
        ({"log.roll.jitter.hours": "2", "log.roll.jitter.ms": "0"}, 0),
    ],
)
def test_the_finest_unit_of_the_jitter_holds(properties: dict[str, str], jitter_ms: int) -> None:
    assert log_defaults(BrokerSettings.from_properties(properties)).segment_jitter_ms == jitter_ms


@pytest.mark.parametrize(
    "properties",
    [{"log.segment.bytes": "1048575"}, {"log.cleanup.policy": "delete,,compact"}],
)
def test_default_that_a_topic_could_not_have_is_refused(properties: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="Invalid value"):
        log_defaults(BrokerSettings.from_properties(properties))


@pytest.mark.parametrize(
    "properties",
    [
        {"log.retention.ms": "0"},
        {"log.retention.hours": "0"},
        {"max.connections": "0"},
        {"max.connections.per.ip": "0"},
        {"num.partitions": "1_0"},
    ],
)
def test_what_no_broker_can_be_set_to_is_refused(properties: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        BrokerSettings.from_properties(properties)


def test_only_named_addresses_may_connect() -> None:
    settings = {"max.connections.per.ip": "0", "max.connections.per.ip.overrides": "127.0.0.1:5"}
    assert BrokerSettings.from_properties(settings).max_connections_per_ip == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("compression.gzip.level", "0"),
        ("compression.gzip.level", "10"),
        ("compression.gzip.level", "-2"),
        ("compression.lz4.level", "0"),
        ("compression.lz4.level", "18"),
        ("compression.zstd.level", "23"),
        ("compression.zstd.level", "-131073"),
    ],
)
def test_level_of_compression_that_a_codec_has_not_is_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"Invalid value {text} for configuration {name}"):
        parse_settings({name: text})


def test_every_broker_setting_that_topics_take_over_has_their_default_and_range() -> None:
    for topic in TOPIC_SETTINGS.values():
        setting = BROKER_SETTINGS.get(topic.server_name or "")
        if setting is None:
            continue
        default = Setting.text(setting.default)
        if default is not None:
            assert default == topic.default, topic.name
        for number in (topic.minimum, topic.maximum):
            if number is not None:
                setting.parse(str(number))
                topic.parse(str(number))


def test_broker_settings_are_the_topics_defaults() -> None:
    defaults = log_defaults(
        BrokerSettings(message_max_bytes=5000, log_message_timestamp_type="LogAppendTime")
    )
    assert defaults.max_message_bytes == 5000
    assert defaults.log_append_time
