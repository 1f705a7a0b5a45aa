"""Commits of one consumer: in order, and carried over a cooperative rebalance; on the network thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from streamkit.errors import BrokerError
from streamkit.log.client.cluster_client import ClusterClient
from streamkit.log.client.fetch_state import FetchState
from streamkit.log.client.offsets import commit_offsets
from streamkit.log.client.records import ConsumerGroupMetadata, OffsetAndMetadata
from streamkit.log.protocol import ErrorCode
from streamkit.model import TopicPartition

__all__ = ["Committer"]


class Committer:
    """Commits one after the other, so that an older commit never overtakes a newer one.

    Args:
        cluster: the connections.
        state: what is assigned now.
    """

    def __init__(self, cluster: ClusterClient, state: FetchState) -> None:
        self._cluster = cluster
        self._state = state
        self._order = asyncio.Lock()

    async def commit(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata],
        member: Callable[[], ConsumerGroupMetadata],
        deadline: float,
    ) -> None:
        """Commit offsets as whoever `member` says this is now.

        Raises:
            CommitFailedError: the group moved on without this member.
            BrokerError: the coordinator refuses.
            NotReachableError: it does not answer.
        """
        async with self._order:
            while True:
                group = member()
                try:
                    await commit_offsets(self._cluster, group, offsets, deadline=deadline)
                except BrokerError as error:
                    late = asyncio.get_running_loop().time() >= deadline
                    if late or not self._still_valid(error, group, member(), offsets):
                        raise
                    await asyncio.sleep(self._cluster.settings.retry_backoff_ms / 1000)
                else:
                    return

    def _still_valid(
        self,
        error: BrokerError,
        then: ConsumerGroupMetadata,
        now: ConsumerGroupMetadata,
        offsets: Collection[TopicPartition],
    ) -> bool:
        """Whether a commit that was refused for its generation may be made under the next.

        That is while this member keeps the partitions over a cooperative rebalance: nobody else can
        have them yet.
        """
        if then.generation_id < 0 or not all(tp in self._state.partitions for tp in offsets):
            return False
        if error.code == ErrorCode.REBALANCE_IN_PROGRESS:
            return True
        return (
            error.code == ErrorCode.ILLEGAL_GENERATION
            and now.generation_id > then.generation_id
            and now.member_id == then.member_id
        )
