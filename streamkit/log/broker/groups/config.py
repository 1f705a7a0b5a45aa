"""The settings of the group coordinator, under Kafka's names.

One default differs from Apache Kafka's: `group.initial.rebalance.delay.ms` is 0 and not 3,000. A broker on
a developer's machine has few members in a group, and a first assignment at once is worth more there than
a rebalance saved.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.log.broker.settings import BrokerSettings

__all__ = ["GroupConfig"]

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """What a coordinator allows and how long it waits.

    Attributes:
        min_session_timeout_ms, max_session_timeout_ms: the session timeouts a member may ask for.
        initial_rebalance_delay_ms: how long the first rebalance of an empty group waits for more members.
        max_size: members a group may have.
        new_member_join_timeout_ms: how long a member that has never joined may wait for its first answer.
        offsets_retention_ms: how long offsets of an empty group, or of a consumer without a group, are kept.
        offsets_retention_check_interval_ms: how often expired offsets are looked for.
        offset_metadata_max_bytes: longest metadata string of a commit, in characters as in Kafka.
        offsets_partitions: partitions of `__consumer_offsets`.
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
        )
