"""Features of the cluster: behaviour that is switched on for all nodes at once, by a level.

| feature | levels | what the level does |
| --- | --- | --- |
| group.version | 0, 1 | 1: the consumer protocol of groups (KIP-848) is served |
| transaction.version | 0 to 2 | what producers are told to use; 2: an epoch a transaction (KIP-890). Served are all, at any level |

Pure. The levels are FeatureLevelRecords of `__cluster_metadata`; without a record the newest holds. Apache Kafka's
other features aren't here: one node has none to agree on a schema with, and no share or streams groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from streamkit.log.broker.failures import refusal
from streamkit.log.protocol import ErrorCode

__all__ = [
    "GROUP_VERSION",
    "NEWEST_LEVELS",
    "TRANSACTION_VERSION",
    "FeatureUpdate",
    "UpgradeType",
    "checked_levels",
]

GROUP_VERSION = "group.version"
TRANSACTION_VERSION = "transaction.version"

NEWEST_LEVELS: Mapping[str, int] = {GROUP_VERSION: 1, TRANSACTION_VERSION: 2}
"""Every feature with its highest level; the lowest is 0."""


class UpgradeType(IntEnum):
    """Which way a level may move."""

    UPGRADE = 1
    SAFE_DOWNGRADE = 2
    UNSAFE_DOWNGRADE = 3


@dataclass(frozen=True, slots=True)
class FeatureUpdate:
    """What is asked for one feature; `upgrade_type` is a number of `UpgradeType`, or a wrong one."""

    feature: str
    level: int
    upgrade_type: int


def checked_levels(
    levels: Mapping[str, int], updates: Iterable[FeatureUpdate], node_id: int
) -> dict[str, int]:
    """The levels that change, if all of the updates can be made.

    Args:
        levels: those that hold now.
        updates: of a feature that is named twice, the last one counts.
        node_id: for the message.

    Raises:
        BrokerError: INVALID_UPDATE_VERSION, for one that can't be made.
    """
    asked = {each.feature: each for each in updates}
    for each in asked.values():
        if (problem := _problem(levels, each, node_id)) is not None:
            raise refusal(
                ErrorCode.INVALID_UPDATE_VERSION,
                f"Invalid update version {each.level} for feature {each.feature}. {problem}",
            )
    return {name: each.level for name, each in asked.items() if each.level != levels[name]}


def _problem(levels: Mapping[str, int], update: FeatureUpdate, node_id: int) -> str | None:
    if update.upgrade_type not in tuple(UpgradeType):
        return "The controller does not support the given upgrade type."
    if update.level < 0:
        return "A feature version cannot be less than 0."
    newest = NEWEST_LEVELS.get(update.feature)
    if newest is None:
        return f"Local controller {node_id} does not support this feature."
    if update.level > newest:
        return f"Local controller {node_id} only supports versions 0-{newest}"
    upgrade = update.upgrade_type == UpgradeType.UPGRADE
    if update.level < levels[update.feature] and upgrade:
        return "To lower the level, the upgrade type must be a safe or an unsafe downgrade."
    if update.level > levels[update.feature] and not upgrade:
        return "Can't downgrade to a newer version."
    return None
