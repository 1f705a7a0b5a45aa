"""Each setting of the coordinators, and of what is done from time to time, holds where it is used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from broker_lab import BrokerLab, batch, fetch_request
from group_lab import subscription
from transaction_lab import Writer, state

from streamkit.log.broker.config_resources import GROUP, set_configs
from streamkit.log.broker.failures import code_of
from streamkit.log.broker.settings import BROKER_SETTINGS, parse_settings
from streamkit.log.broker.transactions import TransactionState
from streamkit.log.protocol import BatchBuilder, ErrorCode
from streamkit.log.protocol.messages import ConsumerGroupHeartbeatRequest
from streamkit.log.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from streamkit.log.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from streamkit.log.protocol.messages.offset_fetch import OffsetFetchRequest

NONE = ErrorCode.NONE
STEP_MS = 1_000
HOUR_MS = 3_600_000


class Case(NamedTuple):
    """A value of a setting, what is looked at and what is to be seen; `beside` are settings that it needs."""

    value: str
    look: Callable[[BrokerLab], object]
    expected: object
    beside: Mapping[str, str] | None = None


# What is looked at. Times are counted in steps of a second.


def ms_until(lab: BrokerLab, condition: Callable[[], bool]) -> int:
    """How long it takes until the condition holds; -1: it doesn't within an hour."""
    for waited_ms in range(0, HOUR_MS, STEP_MS):
        if condition():
            return waited_ms
        advance(lab)
    return -1


def advance(lab: BrokerLab, ms: int = STEP_MS) -> None:
    lab.clock.advance(ms)
    lab.timers.advance(ms)


def transaction_timeouts(*timeouts_ms: int) -> Callable[[BrokerLab], object]:
    return lambda lab: [Writer(lab, "x").init(timeout_ms=each) for each in timeouts_ms]


def transactional_id_is_gone_after(lab: BrokerLab) -> int:
    Writer(lab, "x").init(timeout_ms=1)
    return ms_until(lab, lambda: "x" not in lab.broker.transactions.transactions())


def transaction_is_aborted_after(lab: BrokerLab) -> int:
    writer = Writer(lab, "x")
    writer.init(timeout_ms=1)
    writer.write(b"v")
    return ms_until(lab, lambda: state(lab, "x") is TransactionState.COMPLETE_ABORT)


def transactions_topic(lab: BrokerLab) -> tuple[int, int]:
    Writer(lab, "x").init()
    return partitions_and_segment_bytes(lab, "__transaction_state")


def offsets_topic(lab: BrokerLab) -> tuple[int, int]:
    commit(lab)
    return partitions_and_segment_bytes(lab, "__consumer_offsets")


def partitions_and_segment_bytes(lab: BrokerLab, topic: str) -> tuple[int, int]:
    segment_bytes = lab.broker.partition_log(topic, 0).config.segment_bytes
    return lab.broker.topic(topic).partitions, segment_bytes


def commit(lab: BrokerLab, metadata: str = "") -> int:
    partition = OffsetCommitRequestPartition(
        partition_index=0, committed_offset=0, committed_metadata=metadata
    )
    topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
    answer = lab.call(OffsetCommitRequest(group_id="g", topics=[topic]), 8)
    return int(answer.topics[0].partitions[0].error_code)


def offset_is_gone_after(lab: BrokerLab) -> int:
    assert commit(lab) == NONE
    asked = OffsetFetchRequest(group_id="g", topics=None)
    return ms_until(lab, lambda: not lab.call(asked, 5).topics)


def fetch_sessions(lab: BrokerLab) -> list[bool]:
    """Whether each of two consumers gets one."""
    asked = fetch_request("t", [(0, 0)], session_epoch=0)
    return [lab.call(asked, 12).session_id != 0 for _ in range(2)]


# What is done with logs from time to time.


def producer_is_forgotten_after(lab: BrokerLab) -> int:
    lab.produce("t", 0, batch(b"v", producer_id=1, producer_epoch=0, base_sequence=0))
    return ms_until(lab, lambda: not lab.broker.partition_log("t", 0).producers)


def old_segment_is_deleted_after(lab: BrokerLab) -> int:
    lab.broker.create_topic("old", 1, {"retention.ms": "1"})
    lab.produce("old", 0, batch(b"v", timestamp=0))
    return ms_until(lab, lambda: lab.broker.partition_log("old", 0).log_start_offset == 1)


def compaction_begins_after(lab: BrokerLab) -> int:
    """After it has found nothing to do. That it ends depends on the disk's time, not on the lab's."""
    lab.broker.create_topic("table", 1, {"cleanup.policy": "compact", "segment.ms": "1"})
    log = lab.broker.partition_log("table", 0)
    advance(lab)
    for number in range(10):
        log.append(keyed(b"%d" % number, timestamp=10 * number), now_ms=0, from_client=False)
    logs = lab.broker.logs

    def has_begun() -> bool:
        logs.wait_for_flushes()
        return "table" in (logs.data_dir / "cleaner-offset-checkpoint").read_text()

    return ms_until(lab, has_begun)


def keyed(value: bytes, timestamp: int) -> bytes:
    builder = BatchBuilder()
    builder.append(timestamp, b"key", value)
    return bytes(builder.build())


# Members of the classic protocol.


def join(lab: BrokerLab, group: str = "g", session_timeout_ms: int = 10_000) -> Any:
    """A coroutine; version 3 needs no handshake."""
    request = JoinGroupRequest(
        group_id=group,
        session_timeout_ms=session_timeout_ms,
        rebalance_timeout_ms=60_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=subscription("t"))],
    )
    return lab.call(request, 3)


def session_timeouts(*timeouts_ms: int) -> Callable[[BrokerLab], object]:
    return lambda lab: [asyncio.run(join(lab, f"g{each}", each)).error_code for each in timeouts_ms]


def second_member(lab: BrokerLab) -> int:
    """What it is answered at once; -1: it waits for the first one to join again."""

    async def run() -> int:
        await join(lab)
        waiting = asyncio.ensure_future(join(lab))
        return int(waiting.result().error_code) if await is_answered(waiting) else -1

    return asyncio.run(run())


def first_member_waits(lab: BrokerLab) -> int:
    async def run() -> int:
        waiting = asyncio.ensure_future(join(lab))
        waited_ms = 0
        while not await is_answered(waiting):
            advance(lab)
            waited_ms += STEP_MS
        return waited_ms

    return asyncio.run(run())


async def is_answered(waiting: asyncio.Future[Any]) -> bool:
    for _ in range(3):
        await asyncio.sleep(0)
    return waiting.done()


def consumer_joins_a_classic_group(lab: BrokerLab) -> int:
    asyncio.run(join(lab))
    return int(beat(lab).error_code)


# Members of the consumer protocol.


def beat(lab: BrokerLab, member: str = "a", epoch: int = 0, **fields: Any) -> Any:
    """The answer to a heartbeat; epoch 0 joins."""
    given: dict[str, Any] = {} if epoch else {"topic_partitions": [], "rebalance_timeout_ms": 1000}
    if epoch == 0 and "subscribed_topic_regex" not in fields:
        given["subscribed_topic_names"] = ["t"]
    return lab.call(
        ConsumerGroupHeartbeatRequest(
            group_id="g", member_id=member, member_epoch=epoch, **given, **fields
        )
    )


def group_of(lab: BrokerLab) -> Any:
    group = lab.broker.groups.consumer_group("g")
    assert group is not None
    return group


def second_consumer(lab: BrokerLab) -> int:
    assert beat(lab, "a").error_code == NONE
    return int(beat(lab, "b").error_code)


def interval_told(lab: BrokerLab) -> int:
    return int(beat(lab).heartbeat_interval_ms)


def silent_consumer_is_gone_after(lab: BrokerLab) -> int:
    beat(lab)
    return ms_until(lab, lambda: not group_of(lab).members)


def assignors(*names: str) -> Callable[[BrokerLab], object]:
    return lambda lab: [beat(lab, each, server_assignor=each).error_code for each in names]


def targets_follow_after(lab: BrokerLab) -> int:
    beat(lab, "a")
    beat(lab, "b")
    epoch = group_of(lab).target_epoch.epoch

    def followed() -> bool:
        beat(lab, "a", epoch)
        return bool(group_of(lab).target_epoch.epoch > epoch)

    return ms_until(lab, followed)


def patterns_are_matched_after(lab: BrokerLab) -> int:
    """Again, after the first time."""
    epoch = beat(lab, subscribed_topic_regex="t.*").member_epoch
    lab.timers.advance()
    (first,) = group_of(lab).patterns.values()

    def matched() -> bool:
        nonlocal epoch
        epoch = beat(lab, "a", epoch).member_epoch
        lab.timers.advance()
        (last,) = group_of(lab).patterns.values()
        return bool(last.timestamp_ms > first.timestamp_ms)

    return ms_until(lab, matched)


def own_settings(name: str, *values_ms: int) -> Callable[[BrokerLab], object]:
    """Whether a group may set `name` to each of the values."""

    def look(lab: BrokerLab) -> list[ErrorCode]:
        found = []
        for each in values_ms:
            error = NONE
            try:
                set_configs(lab.broker, GROUP, "g", {name: str(each)}, validate_only=False)
            except Exception as raised:  # noqa: BLE001 - mapped to a code, as in the handlers
                error = ErrorCode(code_of(raised, during="a test"))
            found.append(error)
        return found

    return look


SESSION, HEARTBEAT, ASSIGNMENT = (
    f"consumer.{each}.ms"
    for each in ("session.timeout", "heartbeat.interval", "assignment.interval")
)
REFUSED_THEN_TAKEN = [ErrorCode.INVALID_CONFIG, NONE]
TAKEN_THEN_REFUSED = [NONE, ErrorCode.INVALID_CONFIG]

CASES: dict[str, Case] = {
    "transaction.max.timeout.ms": Case(
        "5000",
        transaction_timeouts(5_000, 5_001),
        [NONE, ErrorCode.INVALID_TRANSACTION_TIMEOUT],
    ),
    "transactional.id.expiration.ms": Case(
        "5000",
        transactional_id_is_gone_after,
        5_000,
        {"transaction.remove.expired.transaction.cleanup.interval.ms": "1000"},
    ),
    "transaction.remove.expired.transaction.cleanup.interval.ms": Case(
        "7000", transactional_id_is_gone_after, 7_000, {"transactional.id.expiration.ms": "1"}
    ),
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": Case(
        "7000", transaction_is_aborted_after, 7_000
    ),
    "transaction.state.log.num.partitions": Case("3", transactions_topic, (3, 100 << 20)),
    "transaction.state.log.segment.bytes": Case("2097152", transactions_topic, (50, 2 << 20)),
    "offsets.topic.num.partitions": Case("3", offsets_topic, (3, 100 << 20)),
    "offsets.topic.segment.bytes": Case("2097152", offsets_topic, (50, 2 << 20)),
    "offsets.retention.minutes": Case(
        "3", offset_is_gone_after, 180_000, {"offsets.retention.check.interval.ms": "1000"}
    ),
    "offsets.retention.check.interval.ms": Case(
        "7000", offset_is_gone_after, 63_000, {"offsets.retention.minutes": "1"}
    ),
    "offset.metadata.max.bytes": Case(
        "3",
        lambda lab: [commit(lab, "abc"), commit(lab, "abcd")],
        [NONE, ErrorCode.OFFSET_METADATA_TOO_LARGE],
    ),
    "producer.id.expiration.ms": Case("1200000", producer_is_forgotten_after, 1_200_000),
    "log.retention.check.interval.ms": Case("7000", old_segment_is_deleted_after, 7_000),
    "log.cleaner.backoff.ms": Case("7000", compaction_begins_after, 7_000),
    "max.incremental.fetch.session.cache.slots": Case("1", fetch_sessions, [True, False]),
    "group.min.session.timeout.ms": Case(
        "7000", session_timeouts(6_999, 7_000), [ErrorCode.INVALID_SESSION_TIMEOUT, NONE]
    ),
    "group.max.session.timeout.ms": Case(
        "8000", session_timeouts(8_000, 8_001), [NONE, ErrorCode.INVALID_SESSION_TIMEOUT]
    ),
    "group.initial.rebalance.delay.ms": Case("4000", first_member_waits, 4_000),
    "group.max.size": Case("1", second_member, ErrorCode.GROUP_MAX_SIZE_REACHED),
    "group.consumer.max.size": Case("1", second_consumer, ErrorCode.GROUP_MAX_SIZE_REACHED),
    "group.consumer.session.timeout.ms": Case("50000", silent_consumer_is_gone_after, 50_000),
    "group.consumer.min.session.timeout.ms": Case(
        "30000", own_settings(SESSION, 29_999, 30_000), REFUSED_THEN_TAKEN
    ),
    "group.consumer.max.session.timeout.ms": Case(
        "70000", own_settings(SESSION, 70_000, 70_001), TAKEN_THEN_REFUSED
    ),
    "group.consumer.heartbeat.interval.ms": Case("6000", interval_told, 6_000),
    "group.consumer.min.heartbeat.interval.ms": Case(
        "4000", own_settings(HEARTBEAT, 3_999, 4_000), REFUSED_THEN_TAKEN
    ),
    "group.consumer.max.heartbeat.interval.ms": Case(
        "16000", own_settings(HEARTBEAT, 16_000, 16_001), TAKEN_THEN_REFUSED
    ),
    "group.consumer.assignment.interval.ms": Case("4000", targets_follow_after, 4_000),
    "group.consumer.min.assignment.interval.ms": Case(
        "500", own_settings(ASSIGNMENT, 499, 500), REFUSED_THEN_TAKEN
    ),
    "group.consumer.max.assignment.interval.ms": Case(
        "20000", own_settings(ASSIGNMENT, 20_000, 20_001), TAKEN_THEN_REFUSED
    ),
    "group.consumer.assignors": Case(
        "range", assignors("range", "uniform"), [NONE, ErrorCode.UNSUPPORTED_ASSIGNOR]
    ),
    "group.consumer.migration.policy": Case(
        "disabled", consumer_joins_a_classic_group, ErrorCode.GROUP_ID_NOT_FOUND
    ),
    "group.consumer.regex.refresh.interval.ms": Case(
        # More than the interval must have gone by.
        "20000",
        patterns_are_matched_after,
        21_000,
    ),
}


def lab_with(folder: Path, settings: Mapping[str, str]) -> BrokerLab:
    values = parse_settings(settings)
    lab = BrokerLab(folder, **{name.replace(".", "_"): value for name, value in values.items()})
    if "t" not in lab.broker.metadata.image.topics:
        lab.broker.create_topic("t", 2, {})
    return lab


@pytest.mark.parametrize("name", CASES)
def test_setting_of_a_coordinator_holds_where_it_is_used(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    settings = {name: case.value, **(case.beside or {})}
    with contextlib.closing(lab_with(tmp_path, settings)) as lab:
        assert case.look(lab) == case.expected


@pytest.mark.parametrize("name", CASES)
def test_without_the_setting_something_else_is_seen(name: str, tmp_path: Path) -> None:
    """Or the test above would show nothing."""
    case = CASES[name]
    with contextlib.closing(lab_with(tmp_path, case.beside or {})) as lab:
        assert case.look(lab) != case.expected


def test_every_setting_of_a_coordinator_is_looked_at() -> None:
    kinds = ("group.", "offset", "transaction", "max.incremental.")
    assert CASES.keys() >= {name for name in BROKER_SETTINGS if name.startswith(kinds)}


@pytest.mark.parametrize(
    ("own", "value_ms", "bounds", "look", "expected_ms"),
    [
        (SESSION, 60_000, {"max": 50_000}, silent_consumer_is_gone_after, 50_000),
        (SESSION, 45_000, {"min": 50_000, "": 50_000}, silent_consumer_is_gone_after, 50_000),
        (HEARTBEAT, 15_000, {"max": 9_000}, interval_told, 9_000),
        (HEARTBEAT, 5_000, {"min": 6_000, "": 6_000}, interval_told, 6_000),
        (ASSIGNMENT, 15_000, {"max": 4_000}, targets_follow_after, 4_000),
        (ASSIGNMENT, 0, {"min": 4_000, "": 4_000}, targets_follow_after, 4_000),
    ],
)
def test_own_setting_of_a_group_is_kept_within_bounds_that_have_changed(
    tmp_path: Path,
    own: str,
    value_ms: int,
    bounds: Mapping[str, int],
    look: Callable[[BrokerLab], int],
    expected_ms: int,
) -> None:
    with contextlib.closing(lab_with(tmp_path, {})) as lab:
        set_configs(lab.broker, GROUP, "g", {own: str(value_ms)}, validate_only=False)
    kind = own.removeprefix("consumer.")
    names = {each: f"group.consumer.{each}.{kind}".replace("..", ".") for each in bounds}
    settings = {names[each]: str(bound) for each, bound in bounds.items()}
    with contextlib.closing(lab_with(tmp_path, settings)) as lab:
        assert look(lab) == expected_ms
