"""Admin: topics, their settings, offsets and groups. Each call is one question and its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from streamkit.errors import ConfigError
from streamkit.log.client import admin_calls
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.network import NetworkThread
from streamkit.log.client.offsets import (
    EARLIEST,
    LATEST,
    MAX_TIMESTAMP,
    commit_offsets,
    fetch_committed,
    list_offsets,
)
from streamkit.log.client.records import (
    ConsumerGroupMetadata,
    OffsetAndMetadata,
    OffsetAndTimestamp,
)
from streamkit.log.client.settings import ClientSettings, parse_bootstrap
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

T = TypeVar("T")

_SPECIAL_TIMES = {"latest": LATEST, "earliest": EARLIEST, "max_timestamp": MAX_TIMESTAMP}


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
        settings = ClientSettings(
            parse_bootstrap(bootstrap),
            client_id,
            request_timeout_ms=request_timeout_ms,
            api_timeout_ms=api_timeout_ms,
        )
        self._network = network or NetworkThread.shared()
        self._cluster = ClusterClient(settings)
        self._closed = False

    def nodes(self) -> list[Node]:
        """The brokers of the cluster."""

        async def ask(deadline: float) -> list[Node]:
            cluster = await self._cluster.retrying(self._cluster.refresh, deadline=deadline)
            return sorted(cluster.nodes.values(), key=lambda node: node.id)

        return self._run(ask)

    def cluster_id(self) -> str:
        """The cluster's own id, the same whichever of its brokers is asked."""

        async def ask(deadline: float) -> str:
            cluster = await self._cluster.retrying(self._cluster.refresh, deadline=deadline)
            return cluster.cluster_id

        return self._run(ask)

    def list_topics(self, *, internal: bool = False) -> list[str]:
        """Names of all topics, sorted; with `internal` also the broker's own."""

        async def ask(deadline: float) -> list[str]:
            found = await admin_calls.describe_topics(self._cluster, None, deadline=deadline)
            return [name for name, topic in found.items() if internal or not topic.internal]

        return self._run(ask)

    def describe_topics(self, topics: Collection[str]) -> dict[str, TopicDescription]:
        """Partitions and leaders by topic. A topic that does not exist is left out."""
        wanted = set(topics)
        return self._run(
            lambda deadline: admin_calls.describe_topics(self._cluster, wanted, deadline=deadline)
        )

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
        self._run(
            lambda deadline: admin_calls.create_topics(
                self._cluster,
                topics,
                exist_ok=exist_ok,
                validate_only=validate_only,
                deadline=deadline,
            )
        )

    def create_partitions(self, topic: str, total: int) -> None:
        """Raise a topic's number of partitions to `total`."""
        self._run(
            lambda deadline: admin_calls.create_partitions(
                self._cluster, topic, total, deadline=deadline
            )
        )

    def delete_topics(self, topics: Collection[str], *, missing_ok: bool = False) -> None:
        """Delete topics with their records."""
        self._run(
            lambda deadline: admin_calls.delete_topics(
                self._cluster, list(topics), missing_ok=missing_ok, deadline=deadline
            )
        )

    def describe_configs(self, topic: str) -> dict[str, ConfigEntry]:
        """All settings of a topic by name."""
        return self._run(
            lambda deadline: admin_calls.describe_configs(self._cluster, topic, deadline=deadline)
        )

    def alter_configs(self, topic: str, configs: Mapping[str, str | None]) -> None:
        """Set some settings of a topic; None puts one back to its default."""
        self._run(
            lambda deadline: admin_calls.alter_configs(
                self._cluster, topic, configs, deadline=deadline
            )
        )

    def delete_records(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Delete all records before an offset (-1: all there are), a partition.

        Returns:
            The first offset left, by partition.
        """
        return self._run(
            lambda deadline: admin_calls.delete_records(
                self._cluster, dict(offsets), deadline=deadline
            )
        )

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
        time = _SPECIAL_TIMES.get(at) if isinstance(at, str) else at
        if time is None:
            raise ConfigError(f"at is {at!r}: it has to be a time or one of {list(_SPECIAL_TIMES)}")
        times = dict.fromkeys(partitions, time)
        return self._run(
            lambda deadline: list_offsets(
                self._cluster, times, read_committed=False, deadline=deadline
            )
        )

    def list_groups(self) -> list[GroupListing]:
        """All groups of all brokers, sorted by id."""
        return self._run(lambda deadline: admin_calls.list_groups(self._cluster, deadline=deadline))

    def describe_groups(self, group_ids: Collection[str]) -> dict[str, GroupDescription]:
        """State and members of groups; one that does not exist has the state "Dead"."""
        return self._run(
            lambda deadline: admin_calls.describe_groups(
                self._cluster, list(group_ids), deadline=deadline
            )
        )

    def group_offsets(self, group_id: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """All that a group committed."""
        return self._run(
            lambda deadline: fetch_committed(self._cluster, group_id, None, deadline=deadline)
        )

    def alter_group_offsets(
        self, group_id: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | int]
    ) -> None:
        """Set what an empty group committed."""
        entries = {
            tp: o if isinstance(o, OffsetAndMetadata) else OffsetAndMetadata(o)
            for tp, o in offsets.items()
        }
        self._run(
            lambda deadline: commit_offsets(
                self._cluster, ConsumerGroupMetadata(group_id), entries, deadline=deadline
            )
        )

    def delete_groups(self, group_ids: Collection[str]) -> None:
        """Delete empty groups with their offsets."""
        self._run(
            lambda deadline: admin_calls.delete_groups(
                self._cluster, list(group_ids), deadline=deadline
            )
        )

    def close(self) -> None:
        """Give up the connections; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._network.run(self._cluster.close())

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self, ask: Callable[[float], Awaitable[T]]) -> T:
        async def run() -> T:
            return await ask(self._cluster.deadline())

        return self._network.run(run())
