"""Settings of the broker that clients change while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from broker_lab import BrokerLab, batch

from streamkit.log.broker.dynamic_settings import DYNAMIC_SETTINGS
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import ConsumerGroupHeartbeatRequest
from streamkit.log.protocol.messages.alter_configs import (
    AlterableConfig as Config,
)
from streamkit.log.protocol.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResource,
)
from streamkit.log.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    IncrementalAlterConfigsRequest,
)
from streamkit.log.protocol.messages.incremental_alter_configs import (
    AlterConfigsResource as IncrementalResource,
)

TOPIC, BROKER, GROUP = 2, 4, 32
SET, DELETE, APPEND = 0, 1, 2
INTERVAL = "log.index.interval.bytes"


def alter(
    lab: BrokerLab,
    broker: str,
    name: str,
    value: str | None,
    operation: int = SET,
    *,
    validate_only: bool = False,
) -> int:
    config = AlterableConfig(name=name, config_operation=operation, value=value)
    resource = IncrementalResource(resource_type=BROKER, resource_name=broker, configs=[config])
    request = IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only)
    return int(lab.call(request).responses[0].error_code)


def described(lab: BrokerLab, name: str, *, kind: int = BROKER, of: str = "1") -> Any:
    resource = DescribeConfigsResource(
        resource_type=kind, resource_name=of, configuration_keys=[name]
    )
    request = DescribeConfigsRequest(resources=[resource], include_synonyms=True)
    (config,) = lab.call(request).results[0].configs
    synonyms = [(each.name, each.value, each.source) for each in config.synonyms]
    return config.value, config.config_source, config.read_only, synonyms


def test_value_of_this_node_comes_before_that_of_all(lab: BrokerLab) -> None:
    default = (INTERVAL, "4096", 5)
    assert described(lab, INTERVAL) == ("4096", 5, False, [default])
    assert alter(lab, "", INTERVAL, "5000") == ErrorCode.NONE
    assert described(lab, INTERVAL) == ("5000", 3, False, [(INTERVAL, "5000", 3), default])
    assert alter(lab, "1", INTERVAL, "6000") == ErrorCode.NONE
    layers = [(INTERVAL, "6000", 2), (INTERVAL, "5000", 3), default]
    assert described(lab, INTERVAL) == ("6000", 2, False, layers)
    assert described(lab, INTERVAL, of="") == ("5000", 3, False, [(INTERVAL, "5000", 3)])
    assert alter(lab, "1", INTERVAL, None, DELETE) == ErrorCode.NONE
    assert alter(lab, "", INTERVAL, None, DELETE) == ErrorCode.NONE
    assert described(lab, INTERVAL) == ("4096", 5, False, [default])


@pytest.mark.parametrize("cleanly", [True, False])
def test_changed_setting_holds_over_a_restart(lab: BrokerLab, cleanly: bool) -> None:
    alter(lab, "1", "log.retention.ms", "7000")
    lab.restart(cleanly=cleanly)
    assert lab.broker.settings.retention_ms == 7000
    lab.broker.create_topic("t", 1, {})
    assert lab.broker.partition_log("t", 0).config.retention_ms == 7000


def test_logs_that_are_open_get_it_and_topics_with_their_own_keep_that(lab: BrokerLab) -> None:
    for topic, configs in (("plain", {}), ("own", {"retention.ms": "5"})):
        lab.broker.create_topic(topic, 1, configs)
        lab.produce(topic, 0, batch(b"v"))
    alter(lab, "", "log.retention.ms", "7000")
    assert lab.broker.partition_log("plain", 0).config.retention_ms == 7000
    assert lab.broker.partition_log("own", 0).config.retention_ms == 5
    layers = [("log.retention.ms", "7000", 3), ("log.retention.hours", "168", 5)]
    assert described(lab, "retention.ms", kind=TOPIC, of="plain") == ("7000", 3, False, layers)


def test_jitter_of_segments_has_kafkas_synonyms(tmp_path: Path) -> None:
    hours = ("log.roll.jitter.hours", "1", 4)
    lab = BrokerLab(tmp_path, log_roll_jitter_hours=1)
    lab.broker.create_topic("t", 1, {})
    lab.produce("t", 0, batch(b"v"))
    assert lab.broker.partition_log("t", 0).config.segment_jitter_ms == 3_600_000
    assert alter(lab, "", "log.roll.jitter.ms", "7000") == ErrorCode.NONE
    assert lab.broker.partition_log("t", 0).config.segment_jitter_ms == 7000
    layers = [("log.roll.jitter.ms", "7000", 3), hours, ("log.roll.jitter.hours", "0", 5)]
    assert described(lab, "log.roll.jitter.ms") == ("7000", 3, False, layers)
    found = described(lab, "segment.jitter.ms", kind=TOPIC, of="t")
    assert found == ("7000", 3, False, layers)
    lab.close()


@pytest.mark.parametrize(
    ("codec", "levels"), [("gzip", ("1", "9")), ("lz4", ("1", "12")), ("zstd", ("-50", "19"))]
)
def test_level_of_compression_holds_for_topics_without_their_own(
    lab: BrokerLab, codec: str, levels: tuple[str, str]
) -> None:
    """The same records become smaller with each level."""
    name = f"compression.{codec}.level"
    lab.broker.create_topic("plain", 1, {"compression.type": codec})
    lab.broker.create_topic("own", 1, {"compression.type": codec, name: levels[0]})
    data = batch(*(b"%d and %d" % (number, number * number) for number in range(500)))
    sizes: dict[str, list[int]] = {"plain": [], "own": []}
    for level in levels:
        assert alter(lab, "", name, level) == ErrorCode.NONE
        for topic, found in sizes.items():
            before = lab.broker.partition_log(topic, 0).size_bytes
            assert lab.produce(topic, 0, data).error_code == ErrorCode.NONE
            found.append(lab.broker.partition_log(topic, 0).size_bytes - before)
    assert sizes["plain"][0] > sizes["plain"][1]
    assert sizes["own"] == [sizes["plain"][0]] * 2
    value, source, read_only, synonyms = described(lab, name, kind=TOPIC, of="plain")
    assert (value, source, read_only) == (levels[1], 3, False)
    assert synonyms == [
        (name, levels[1], 3),
        (name, Setting.text(BROKER_SETTINGS[name].default), 5),
    ]


def test_idle_producers_of_logs_that_are_open_are_forgotten_sooner(lab: BrokerLab) -> None:
    """A producer that the log doesn't know may begin with any sequence number."""
    lab.broker.create_topic("t", 1, {})

    def send(sequence: int) -> int:
        data = batch(b"v", producer_id=1, producer_epoch=0, base_sequence=sequence)
        return int(lab.produce("t", 0, data).error_code)

    assert send(0) == ErrorCode.NONE
    lab.clock.advance(600_000)
    lab.timers.advance(600_000)
    assert send(7) == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert alter(lab, "1", "producer.id.expiration.ms", "1000") == ErrorCode.NONE
    lab.clock.advance(600_000)
    lab.timers.advance(600_000)
    assert send(7) == ErrorCode.NONE


def test_too_large_batches_are_measured_by_the_new_limit(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    alter(lab, "1", "message.max.bytes", "100")
    answer = lab.produce("t", 0, batch(b"x" * 200))
    assert answer.error_code == ErrorCode.MESSAGE_TOO_LARGE


@pytest.mark.parametrize(
    ("broker", "name", "value", "operation", "error"),
    [
        ("1", "num.partitions", "3", SET, ErrorCode.INVALID_REQUEST),
        ("", "num.partitions", "3", SET, ErrorCode.INVALID_REQUEST),
        ("1", "listeners", "PLAINTEXT://h:1", SET, ErrorCode.INVALID_REQUEST),
        ("1", INTERVAL, "few", SET, ErrorCode.INVALID_REQUEST),
        ("1", INTERVAL, "-5", SET, ErrorCode.INVALID_REQUEST),
        ("1", INTERVAL, None, SET, ErrorCode.INVALID_REQUEST),
        ("1", "no.such.config", "1", SET, ErrorCode.INVALID_REQUEST),
        ("7", INTERVAL, "5000", SET, ErrorCode.INVALID_REQUEST),
        ("x", INTERVAL, "5000", SET, ErrorCode.INVALID_REQUEST),
        ("1", INTERVAL, "1", APPEND, ErrorCode.INVALID_CONFIG),
        ("1", "num.partitions", None, DELETE, ErrorCode.NONE),
    ],
)
def test_what_can_not_be_changed_is_refused(
    lab: BrokerLab, broker: str, name: str, value: str | None, operation: int, error: ErrorCode
) -> None:
    before = lab.broker.settings
    assert alter(lab, broker, name, value, operation) == error
    assert lab.broker.settings == before


def test_check_alone_changes_nothing(lab: BrokerLab) -> None:
    assert alter(lab, "1", INTERVAL, "7", validate_only=True) == ErrorCode.NONE
    assert lab.broker.settings.log_index_interval_bytes == 4096


def test_lists_grow_from_the_default(lab: BrokerLab) -> None:
    assert alter(lab, "1", "log.cleanup.policy", "compact", APPEND) == ErrorCode.NONE
    assert lab.broker.settings.log_cleanup_policy == ("delete", "compact")


def test_alter_configs_takes_back_what_it_does_not_name(lab: BrokerLab) -> None:
    alter(lab, "1", "max.connections", "500")
    resource = AlterConfigsResource(
        resource_type=BROKER, resource_name="1", configs=[Config(name=INTERVAL, value="8000")]
    )
    (answer,) = lab.call(AlterConfigsRequest(resources=[resource])).responses
    assert answer.error_code == ErrorCode.NONE
    assert lab.broker.metadata.image.broker_configs("1") == {INTERVAL: "8000"}
    assert lab.broker.settings.max_connections == 2**31 - 1


def test_every_dynamic_setting_is_a_setting() -> None:
    assert BROKER_SETTINGS.keys() >= DYNAMIC_SETTINGS


def test_time_that_targets_hold_changes_for_the_groups_there_are(lab: BrokerLab) -> None:
    name = "group.consumer.assignment.interval.ms"
    lab.broker.create_topic("t", 2, {})

    def joins(member_id: str) -> int:
        answer = lab.call(
            ConsumerGroupHeartbeatRequest(
                group_id="g",
                member_id=member_id,
                rebalance_timeout_ms=1000,
                subscribed_topic_names=["t"],
                topic_partitions=[],
            )
        )
        assert answer.error_code == ErrorCode.NONE
        group = lab.broker.groups.consumer_group("g")
        assert group is not None
        return group.target_epoch.epoch

    assert alter(lab, "", name, "15000") == ErrorCode.NONE
    assert joins("a") == joins("b") == 2
    assert alter(lab, "1", name, "0") == ErrorCode.NONE
    assert joins("c") == 4
    assert described(lab, "consumer.assignment.interval.ms", kind=GROUP, of="g") == (
        "0",
        2,
        False,
        [(name, "0", 2), (name, "15000", 3), (name, "1000", 5)],
    )
    lab.restart()
    assert joins("d") == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group.consumer.assignment.interval.ms", "15001"),
        ("log.cleanup.policy", "delete,,compact"),
        ("log.segment.bytes", "1048575"),
    ],
)
def test_value_that_does_not_fit_the_others_is_refused(
    lab: BrokerLab, name: str, value: str
) -> None:
    for of in ("", "1"):
        assert alter(lab, of, name, value) == ErrorCode.INVALID_REQUEST
    assert lab.broker.metadata.image.broker_configs("1") == {}


def test_size_of_segments_holds_for_topics_without_their_own(lab: BrokerLab) -> None:
    lab.broker.create_topic("t", 1, {})
    lab.produce("t", 0, batch(b"v"))
    assert alter(lab, "", "log.segment.bytes", "1048576") == ErrorCode.NONE
    assert lab.broker.partition_log("t", 0).config.segment_bytes == 1 << 20
