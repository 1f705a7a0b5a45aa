"""What a test wants of a Kafka client's calls for administrators, whichever client it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Administrator", "DescribedGroup"]


@dataclass(frozen=True)
class DescribedGroup:
    """A group, as an administrator sees it; `protocol` is the assignor."""

    state: str
    protocol: str
    members: int


class Administrator:
    """The calls of a client for administrators.

    Attributes:
        lacks: the scenarios whose calls it has none of; they stay as they are here.
    """

    lacks: frozenset[str] = frozenset()

    def delete_records(self, topic: str, partition: int, before: int) -> int:
        """Delete what lies before an offset, -1 for all; the new start."""
        raise NotImplementedError

    def create_partitions(self, topic: str, count: int) -> None:
        raise NotImplementedError

    def config(self, kind: str, name: str, setting: str) -> tuple[str | None, int]:
        """A `topic`'s or `broker`'s setting: its value, and the number of where it comes from."""
        raise NotImplementedError

    def alter_config(self, kind: str, name: str, setting: str, value: str) -> None:
        raise NotImplementedError

    def reset_config(self, kind: str, name: str, setting: str) -> None:
        """Back to what it is without having been set."""
        raise NotImplementedError

    def nodes(self) -> tuple[int, list[tuple[int, str]]]:
        """The controller, and all nodes' ids and addresses."""
        raise NotImplementedError

    def groups(self) -> set[str]:
        raise NotImplementedError

    def group(self, group: str) -> DescribedGroup:
        raise NotImplementedError

    def delete_group(self, group: str) -> None:
        raise NotImplementedError

    def set_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        raise NotImplementedError

    def delete_offset(self, group: str, topic: str, partition: int) -> None:
        raise NotImplementedError

    def elect_leader(self, topic: str, partition: int) -> None:
        raise NotImplementedError

    def reassign(self, topic: str, partition: int, replicas: Sequence[int]) -> None:
        raise NotImplementedError

    def features(self) -> dict[str, tuple[int, int]]:
        """The cluster's features that are in force, and their levels."""
        raise NotImplementedError

    def api_versions(self) -> dict[int, tuple[int, int]]:
        """The versions that the broker announces, by the APIs' keys."""
        raise NotImplementedError

    def set_feature(self, feature: str, level: int) -> None:
        """Ask whether a feature could be raised to a level, without doing it."""
        raise NotImplementedError

    def quorum(self) -> tuple[int, list[int]]:
        """The leader of the controllers, and all voters."""
        raise NotImplementedError

    def log_sizes(self, topic: str) -> dict[int, int]:
        """Bytes of each partition."""
        raise NotImplementedError

    def transaction_state(self, transactional_id: str) -> str:
        raise NotImplementedError

    def transactions(self) -> set[str]:
        """Ids of the transactions that are known."""
        raise NotImplementedError

    def producers(self, topic: str, partition: int) -> list[tuple[int, int]]:
        """Of each producer the last sequence, and where its open transaction begins, -1 for none."""
        raise NotImplementedError

    def abort_transaction(self, topic: str, partition: int) -> None:
        """Abort the transaction that the partition's only producer has open."""
        raise NotImplementedError
