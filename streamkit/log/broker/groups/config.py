"""The settings of the group coordinator, under Kafka's names.

One default differs from Apache Kafka's: `group.initial.rebalance.delay.ms` is 0 and not 3,000. A broker on
a developer's machine has few members in a group, and a first assignment at once is worth more there than
a rebalance saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from streamkit.log.broker.settings import BrokerSettings

__all__ = ["GroupConfig", "MigrationPolicy"]

_MINUTE_MS = 60_000


class MigrationPolicy(Enum):
    """Which groups with members may change their protocol."""

    BIDIRECTIONAL = "bidirectional"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    DISABLED = "disabled"

    @property
    def upgrades(self) -> bool:
        """Whether a classic group becomes a consumer group when the first such member joins."""
        return self in (MigrationPolicy.BIDIRECTIONAL, MigrationPolicy.UPGRADE)

    @property
    def downgrades(self) -> bool:
        """Whether a consumer group becomes a classic one when the last member of the new protocol goes."""
        return self in (MigrationPolicy.BIDIRECTIONAL, MigrationPolicy.DOWNGRADE)


@dataclass(slots=True)
class GroupConfig:
    """What a coordinator allows and how long it waits; all parts of a coordinator share one.

    `consumer_assignment_interval_ms` may change while it runs, as in Apache Kafka.

    Attributes:
        min_session_timeout_ms, max_session_timeout_ms: the session timeouts a member may ask for.
        initial_rebalance_delay_ms: how long the first rebalance of an empty group waits for more members.
        max_size: members a group may have.
        new_member_join_timeout_ms: how long a member that has never joined may wait for its first answer.
        offsets_retention_ms: how long offsets of an empty group, or of a consumer without a group, are kept.
        offsets_retention_check_interval_ms: how often expired offsets are looked for.
        offset_metadata_max_bytes: longest metadata string of a commit, in characters as in Kafka.
        offsets_partitions: partitions of `__consumer_offsets`.
        consumer_session_timeout_ms, consumer_heartbeat_interval_ms: of members of the consumer protocol; a group's
            own settings come first.
        consumer_assignment_interval_ms: how long targets hold at least; a group's own setting comes first.
        consumer_session_bounds_ms, consumer_heartbeat_bounds_ms, consumer_assignment_bounds_ms: what a group's own
            settings are kept within.
        consumer_max_size: members a consumer group may have.
        consumer_assignors: the assignors that members may ask for; the first is the default.
        consumer_regex_refresh_interval_ms: how often patterns are matched again without a new topic.
        migration: which groups may change their protocol.
    """

    min_session_timeout_ms: int = 6_000
    max_session_timeout_ms: int = 30 * _MINUTE_MS
    initial_rebalance_delay_ms: int = 0
    max_size: int = 2**31 - 1
    new_member_join_timeout_ms: int = 5 * _MINUTE_MS
    offsets_retention_ms: int = 7 * 24 * 60 * _MINUTE_MS
    offsets_retention_check_interval_ms: int = 10 * _MINUTE_MS
    offset_metadata_max_bytes: int = 4_096
    offsets_partitions: int = 50
    consumer_session_timeout_ms: int = 45_000
    consumer_heartbeat_interval_ms: int = 5_000
    consumer_assignment_interval_ms: int = 1_000
    consumer_session_bounds_ms: tuple[int, int] = (45_000, 60_000)
    consumer_heartbeat_bounds_ms: tuple[int, int] = (5_000, 15_000)
    consumer_assignment_bounds_ms: tuple[int, int] = (0, 15_000)
    consumer_max_size: int = 2**31 - 1
    consumer_assignors: tuple[str, ...] = ("uniform", "range")
    consumer_regex_refresh_interval_ms: int = 10 * _MINUTE_MS
    migration: MigrationPolicy = MigrationPolicy.BIDIRECTIONAL

    @classmethod
    def from_settings(cls, settings: BrokerSettings) -> GroupConfig:
        """The configuration that a broker's settings describe."""
        return cls(
            min_session_timeout_ms=settings.group_min_session_timeout_ms,
            max_session_timeout_ms=settings.group_max_session_timeout_ms,
            initial_rebalance_delay_ms=settings.group_initial_rebalance_delay_ms,
            max_size=settings.group_max_size,
            offsets_retention_ms=settings.offsets_retention_minutes * _MINUTE_MS,
            offsets_retention_check_interval_ms=settings.offsets_retention_check_interval_ms,
            offset_metadata_max_bytes=settings.offset_metadata_max_bytes,
            offsets_partitions=settings.offsets_topic_num_partitions,
            consumer_session_timeout_ms=settings.group_consumer_session_timeout_ms,
            consumer_heartbeat_interval_ms=settings.group_consumer_heartbeat_interval_ms,
            consumer_assignment_interval_ms=settings.group_consumer_assignment_interval_ms,
            consumer_session_bounds_ms=(
                settings.group_consumer_min_session_timeout_ms,
                settings.group_consumer_max_session_timeout_ms,
            ),
            consumer_heartbeat_bounds_ms=(
                settings.group_consumer_min_heartbeat_interval_ms,
                settings.group_consumer_max_heartbeat_interval_ms,
            ),
            consumer_assignment_bounds_ms=(
                settings.group_consumer_min_assignment_interval_ms,
                settings.group_consumer_max_assignment_interval_ms,
            ),
            consumer_max_size=settings.group_consumer_max_size,
            consumer_assignors=settings.group_consumer_assignors,
            consumer_regex_refresh_interval_ms=settings.group_consumer_regex_refresh_interval_ms,
            migration=MigrationPolicy(settings.group_consumer_migration_policy.lower()),
        )

    def session_timeout_ms(self, group_configs: Mapping[str, str]) -> int:
        """How long a group's members of the consumer protocol may be silent."""
        own = group_configs.get("consumer.session.timeout.ms")
        return _own(own, self.consumer_session_timeout_ms, self.consumer_session_bounds_ms)

    def heartbeat_interval_ms(self, group_configs: Mapping[str, str]) -> int:
        """How often they are to be heard of."""
        own = group_configs.get("consumer.heartbeat.interval.ms")
        return _own(own, self.consumer_heartbeat_interval_ms, self.consumer_heartbeat_bounds_ms)

    def assignment_interval_ms(self, group_configs: Mapping[str, str]) -> int:
        """How long a group's targets hold at least."""
        own = group_configs.get("consumer.assignment.interval.ms")
        return _own(own, self.consumer_assignment_interval_ms, self.consumer_assignment_bounds_ms)


def _own(own: str | None, broker: int, bounds: tuple[int, int]) -> int:
    """A group's own setting, if it has one, within bounds that may have changed since it was set."""
    return broker if own is None else min(max(int(own), bounds[0]), bounds[1])
