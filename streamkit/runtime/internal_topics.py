"""The topics that an application makes for itself: which are missing, and whether the others fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamkit.errors import TopologyError
from streamkit.log.client import NewTopic
from streamkit.topology.nodes import InternalTopic

__all__ = ["missing_topics"]


def missing_topics(
    internal: Mapping[str, InternalTopic],
    partitions: Mapping[str, int],
    existing: Callable[[str], int | None],
    *,
    replication_factor: int = -1,
) -> list[NewTopic]:
    """Internal topics to create.

    Args:
        internal: the plan's, by name.
        partitions: how many each has to have.
        existing: how many a topic has; None if it does not exist.
        replication_factor: -1: the broker's default.

    Raises:
        TopologyError: one exists with another number of partitions.
    """
    missing = []
    for name, topic in internal.items():
        wanted = partitions[name]
        present = existing(name)
        if present is None:
            missing.append(NewTopic(name, wanted, replication_factor, topic.config))
        elif present != wanted:
            raise TopologyError(
                f"internal topic {name!r} has {present} partitions, but {wanted} are needed: its sources "
                "changed. Stop all workers and delete the application's internal topics and state "
                "folder, or give the application another id"
            )
    return missing
