"""Admin: topics, their settings, offsets and groups. Each call is one question and its answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from streamkit.log.client.network import NetworkThread
from streamkit.log.client.records import OffsetAndMetadata, OffsetAndTimestamp
from streamkit.log.client.topics import (
    ConfigEntry,
    GroupDescription,
    GroupListing,
    NewTopic,
    Node,
    TopicDescription,
)
from streamkit.model import TopicPartition

__all__ = ["Admin"]


class Admin:
    """Asks and changes what a cluster holds. Thread-safe.

    Args:
        bootstrap: `host:port`, more of them separated by commas.
        network: the thread that does the work; None for the one that the process shares.
        client_id: the name that the broker's logs see.
        request_timeout_ms: how long one request may take before the connection is given up.
        api_timeout_ms: bound on each call, with all its retries.

    All calls raise NotReachableError if no broker answers within api_timeout_ms, and BrokerError
    with the broker's code if one refuses.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        network: NetworkThread | None = None,
        client_id: str = "streamkit-admin",
        request_timeout_ms: int = 30_000,
        api_timeout_ms: int = 60_000,
    ) -> None:
        raise NotImplementedError

    def nodes(self) -> list[Node]:
        """The brokers of the cluster."""
        raise NotImplementedError

    def list_topics(self, *, internal: bool = False) -> list[str]:
        """Names of all topics, sorted; with `internal` also the broker's own."""
        raise NotImplementedError

    def describe_topics(self, topics: Collection[str]) -> dict[str, TopicDescription]:
        """Partitions and leaders by topic. A topic that does not exist is left out."""
        raise NotImplementedError

    def create_topics(
        self,
        topics: Sequence[NewTopic],
        *,
        exist_ok: bool = False,
        validate_only: bool = False,
    ) -> None:
        """Create topics and wait until they can be used.

        Args:
            topics: what to create.
            exist_ok: one that exists already is fine, whatever its partitions.
            validate_only: only ask whether it would work.

        Raises:
            BrokerError: TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, …: the first that failed; others
                may have been created.
        """
        raise NotImplementedError

    def create_partitions(self, topic: str, total: int) -> None:
        """Raise a topic's number of partitions to `total`."""
        raise NotImplementedError

    def delete_topics(self, topics: Collection[str], *, missing_ok: bool = False) -> None:
        """Delete topics with their records."""
        raise NotImplementedError

    def describe_configs(self, topic: str) -> dict[str, ConfigEntry]:
        """All settings of a topic by name."""
        raise NotImplementedError

    def alter_configs(self, topic: str, configs: Mapping[str, str | None]) -> None:
        """Set some settings of a topic; None puts one back to its default."""
        raise NotImplementedError

    def delete_records(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Delete all records before an offset (-1: all there are), a partition.

        Returns:
            The first offset left, by partition.
        """
        raise NotImplementedError

    def list_offsets(
        self, partitions: Collection[TopicPartition], *, at: str | int = "latest"
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """Offsets by time.

        Args:
            partitions: which.
            at: "earliest", "latest", "max_timestamp", or milliseconds since the epoch: the first
                record at or after it.

        Returns:
            None where no record is that late.
        """
        raise NotImplementedError

    def list_groups(self) -> list[GroupListing]:
        """All groups of all brokers, sorted by id."""
        raise NotImplementedError

    def describe_groups(self, group_ids: Collection[str]) -> dict[str, GroupDescription]:
        """State and members of groups; one that does not exist has the state "Dead"."""
        raise NotImplementedError

    def group_offsets(self, group_id: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """All that a group committed."""
        raise NotImplementedError

    def alter_group_offsets(
        self, group_id: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | int]
    ) -> None:
        """Set what an empty group committed."""
        raise NotImplementedError

    def delete_groups(self, group_ids: Collection[str]) -> None:
        """Delete empty groups with their offsets."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up the connections; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
