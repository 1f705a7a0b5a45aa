"""Topic settings by Kafka's names: defaults, ranges, refusals."""

from __future__ import annotations

import pytest

from streamkit.errors import ConfigError
from streamkit.log.storage import TOPIC_SETTINGS, LogConfig


def test_defaults_of_table_and_class_agree() -> None:
    everything = {setting.name: setting.default for setting in TOPIC_SETTINGS.values()}
    assert LogConfig.from_settings(everything) == LogConfig()


@pytest.mark.parametrize(
    ("jitter_ms", "oldest_ms", "share", "roll_jitter_ms"),
    [
        (400, 1_000, 0.0, 0),
        (400, 1_000, 0.5, 200),
        (400, 1_000, 1 - 2**-53, 399),
        (5_000, 1_000, 1 - 2**-53, 999),
        (2**63 - 1, 604_800_000, 1 - 2**-53, 604_799_999),
        (1, 1_000, 1 - 2**-53, 0),
        (0, 1_000, 0.5, 0),
    ],
)
def test_jitter_is_less_than_its_bound_and_than_the_age_of_a_segment(
    jitter_ms: int, oldest_ms: int, share: float, roll_jitter_ms: int
) -> None:
    config = LogConfig(segment_jitter_ms=jitter_ms)
    assert config.roll_jitter_ms(share, oldest_ms) == roll_jitter_ms


def test_settings_go_over_defaults() -> None:
    config = LogConfig.from_settings(
        {"segment.bytes": "1048576", "cleanup.policy": "compact, delete", "preallocate": "true"},
        LogConfig(retention_ms=5),
    )
    assert config.segment_bytes == 1_048_576
    assert config.retention_ms == 5
    assert config.cleanup_policy == {"compact", "delete"}
    assert config.compacted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("segment.bytes", "1048575"),
        ("segment.bytes", "many"),
        ("segment.bytes", str(2**31)),
        ("retention.ms", "-2"),
        ("cleanup.policy", "shred"),
        ("cleanup.policy", "delete,,compact"),
        ("retention.ms", "1_000"),
        ("min.cleanable.dirty.ratio", "0_1"),
        ("leader.replication.throttled.replicas", "0:1,x"),
        ("leader.replication.throttled.replicas", "*,0:1"),
        ("compression.type", "lzma"),
        ("compression.gzip.level", "0"),
        ("min.cleanable.dirty.ratio", "1.1"),
        ("min.cleanable.dirty.ratio", "nan"),
        ("preallocate", "yes"),
        ("message.timestamp.type", "createtime"),
        ("no.such.setting", "1"),
    ],
)
def test_bad_settings_are_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        LogConfig.from_settings({name: text})


def test_refusal_names_the_valid_range() -> None:
    with pytest.raises(ConfigError, match=r"\[1,...,9\] or -1"):
        LogConfig.from_settings({"compression.gzip.level": "10"})
    with pytest.raises(ConfigError, match="at least 1048576"):
        LogConfig.from_settings({"segment.bytes": "1"})
    with pytest.raises(ConfigError, match="one of uncompressed, zstd"):
        LogConfig.from_settings({"compression.type": "rar"})
