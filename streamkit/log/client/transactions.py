"""Transactions of a producer: its dealings with the transaction coordinator. On the network thread.

Two versions of the protocol; the brokers tell which, by the feature `transaction.version`:

| | before version 2 | version 2 |
| --- | --- | --- |
| a partition joins | by AddPartitionsToTxn, before its first batch | by Produce, from version 12 on |
| a group joins | by AddOffsetsToTxn | by TxnOffsetCommit, from version 5 on |
| the producer's epoch | stays; is raised by InitProducerId after an abort, which leaves a gap in the sequences | is raised by each EndTxn, whose answer tells it |

A transaction keeps the version in which it began. No batch is sent while a transaction ends, so that none of
the next one goes out under the epoch of the last.

Source: KIP-98, KIP-360, KIP-447, KIP-890.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from streamkit.errors import BrokerError, ConfigError, StreamkitError
from streamkit.log.client.cluster import broker_error
from streamkit.log.client.cluster_client import TRANSACTION_COORDINATOR, ClusterClient
from streamkit.log.client.errors import CommitFailedError, FencedError
from streamkit.log.client.pipeline import Identity
from streamkit.log.client.records import ConsumerGroupMetadata, OffsetAndMetadata
from streamkit.log.client.sender import Sender
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from streamkit.model import TopicPartition

__all__ = ["Transactions"]

_FENCED = frozenset(
    {
        ErrorCode.INVALID_PRODUCER_EPOCH,
        ErrorCode.PRODUCER_FENCED,
        ErrorCode.INVALID_PRODUCER_ID_MAPPING,
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_FEATURE = "transaction.version"
_LOST_MEMBER = frozenset(
    {ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID}
)
_ASK_AGAIN = frozenset(
    {
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


class Transactions:
    """State of one transactional id at its producer.

    Args:
        transactional_id: of the producer.
        timeout_ms: the coordinator aborts a transaction that is open for longer.
        cluster: the connections.
        sender: asks before it sends to a partition; given the identity.
    """

    def __init__(
        self, transactional_id: str, timeout_ms: int, cluster: ClusterClient, sender: Sender
    ) -> None:
        self._id = transactional_id
        self._timeout_ms = timeout_ms
        self._cluster = cluster
        self._sender = sender
        self._identity = Identity(-1, -1)
        self._open = False
        self._version = 1  # of the transaction that is open
        self._added: set[tuple[str, int]] = set()
        self._has_offsets = False
        self._failure: StreamkitError | None = None  # the transaction can only be aborted
        self._adding = asyncio.Lock()
        sender.before_send = self._take_in

    async def init(self) -> None:
        """Take over the id, or raise its epoch if this producer has it already.

        Raises:
            ConfigError: a transaction is open.
        """
        if self._open:
            raise ConfigError(
                "a transaction is open: commit or abort it before init_transactions()"
            )

        async def ask() -> None:
            request = InitProducerIdRequest(
                transactional_id=self._id,
                transaction_timeout_ms=self._timeout_ms,
                producer_id=self._identity.producer_id,
                producer_epoch=self._identity.producer_epoch,
            )
            response = await self._call(request, highest=5)
            self._check(response.error_code, "starting transactions")
            self._identity = Identity(response.producer_id, response.producer_epoch)

        await self._sender.hold()
        try:
            await self._retrying(ask)
            self._sender.use_identity(self._identity)
        finally:
            self._sender.release()

    def begin(self) -> None:
        """Start a transaction. Any thread, while nothing is under way.

        Raises:
            ConfigError: not initialised, or one is open.
        """
        if self._identity.producer_id < 0:
            raise ConfigError("call init_transactions() once before begin_transaction()")
        if self._open:
            raise ConfigError("a transaction is open: commit or abort it before the next")
        if self._sender.fatal is not None:
            raise self._sender.fatal
        self._version = 2 if self._cluster.feature(_FEATURE) >= 2 else 1
        self._open = True

    @property
    def is_open(self) -> bool:
        """Whether a transaction has begun and not ended."""
        return self._open

    def check_open(self) -> None:
        """Refuse to go on without a transaction.

        Raises:
            ConfigError: none is open.
        """
        if not self._open:
            raise ConfigError("no transaction is open: call begin_transaction() first")

    async def send_offsets(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], group: ConsumerGroupMetadata
    ) -> None:
        """Make a group's offsets part of the transaction."""
        self.check_open()
        if not offsets:
            return

        async def add() -> None:
            request = AddOffsetsToTxnRequest(
                transactional_id=self._id,
                producer_id=self._identity.producer_id,
                producer_epoch=self._identity.producer_epoch,
                group_id=group.group_id,
            )
            response = await self._call(request, highest=3)
            self._check(response.error_code, f"adding group {group.group_id} to the transaction")

        async def commit() -> None:
            response = await self._cluster.call_coordinator(
                group.group_id,
                self._offsets_request(offsets, group),
                highest=5 if self._version >= 2 else 4,
            )
            for topic in response.topics:
                for partition in topic.partitions:
                    self._check_offset(partition.error_code, group.group_id)

        try:
            if self._version < 2:
                await self._retrying(add)
            self._has_offsets = True
            await self._retrying(commit)
        except StreamkitError as error:
            self._failure = self._failure or error
            raise

    async def end(self, *, committed: bool) -> None:
        """Commit or abort what the coordinator knows of the transaction.

        Raises:
            StreamkitError: to be committed, but a record or the offsets failed: it can only be aborted.
        """
        self.check_open()

        async def ask() -> None:
            request = EndTxnRequest(
                transactional_id=self._id,
                producer_id=self._identity.producer_id,
                producer_epoch=self._identity.producer_epoch,
                committed=committed,
            )
            response = await self._call(request, highest=5 if self._version >= 2 else 4)
            self._check(response.error_code, "ending the transaction")
            if self._version >= 2:
                self._identity = Identity(response.producer_id, response.producer_epoch)

        await self._sender.hold()
        try:
            self._failure = self._failure or self._sender.take_failure()
            if committed and self._failure is not None:
                raise self._failure
            if self._added or self._has_offsets:
                await self._retrying(ask)
                if self._version >= 2:
                    self._sender.use_identity(self._identity)
            self._open = self._has_offsets = False
            self._failure = None
            self._added.clear()
        finally:
            self._sender.release()

    async def abort(self) -> None:
        """Drop what is not sent, and abort."""
        self.check_open()
        failure = BrokerError("the transaction was aborted", code=ErrorCode.TRANSACTION_ABORTABLE)
        await self._sender.abort_unsent(failure)
        await self.end(committed=False)
        if self._version < 2:
            # Sequences that were given and not used would be a gap: start over under a new epoch.
            await self.init()

    async def _take_in(self, partitions: list[tuple[str, int]]) -> bool:
        """Partitions that a batch goes to next; whether they were added to the transaction for it."""
        if self._version >= 2:
            self._added.update(partitions)
            return False
        await self._add_partitions(partitions)
        return True

    async def _add_partitions(self, partitions: list[tuple[str, int]]) -> None:
        async with self._adding:
            new = [tp for tp in partitions if tp not in self._added]
            if not new:
                return
            topics: dict[str, list[int]] = {}
            for topic, partition in new:
                topics.setdefault(topic, []).append(partition)

            async def ask() -> None:
                request = AddPartitionsToTxnRequest(
                    v3_and_below_transactional_id=self._id,
                    v3_and_below_producer_id=self._identity.producer_id,
                    v3_and_below_producer_epoch=self._identity.producer_epoch,
                    v3_and_below_topics=[
                        AddPartitionsToTxnTopic(name=name, partitions=indexes)
                        for name, indexes in topics.items()
                    ],
                )
                response = await self._call(request, highest=3)
                for topic in response.results_by_topic_v3_and_below:
                    for result in topic.results_by_partition:
                        self._check(
                            result.partition_error_code, f"adding {topic.name} to the transaction"
                        )

            await self._retrying(ask)
            self._added.update(new)

    def _offsets_request(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], group: ConsumerGroupMetadata
    ) -> TxnOffsetCommitRequest:
        topics: dict[str, list[TxnOffsetCommitRequestPartition]] = {}
        for (topic, partition), committed in offsets.items():
            topics.setdefault(topic, []).append(
                TxnOffsetCommitRequestPartition(
                    partition_index=partition,
                    committed_offset=committed.offset,
                    committed_leader_epoch=committed.leader_epoch,
                    committed_metadata=committed.metadata,
                )
            )
        return TxnOffsetCommitRequest(
            transactional_id=self._id,
            group_id=group.group_id,
            producer_id=self._identity.producer_id,
            producer_epoch=self._identity.producer_epoch,
            generation_id=group.generation_id,
            member_id=group.member_id,
            group_instance_id=group.group_instance_id,
            topics=[
                TxnOffsetCommitRequestTopic(name=name, partitions=parts)
                for name, parts in topics.items()
            ],
        )

    async def _call(self, request: object, *, highest: int) -> Any:
        return await self._cluster.call_coordinator(
            self._id, request, kind=TRANSACTION_COORDINATOR, highest=highest
        )

    async def _retrying(self, ask: Callable[[], Awaitable[None]]) -> None:
        await self._cluster.retrying(ask, deadline=self._cluster.deadline())

    def _check(self, code: int, doing: str) -> None:
        if code == ErrorCode.NONE:
            return
        doing = f"{doing} (transactional id {self._id})"
        if code in _FENCED:
            fatal = FencedError(f"{doing}: {ErrorCode(code).name} ({code})", code=code)
            self._sender.fatal = fatal
            raise fatal
        if code in _ASK_AGAIN:
            self._cluster.forget_coordinator(self._id, TRANSACTION_COORDINATOR)
        raise broker_error(code, doing)

    def _check_offset(self, code: int, group_id: str) -> None:
        if code == ErrorCode.NONE:
            return
        doing = f"committing offsets of group {group_id} in a transaction"
        if code in _LOST_MEMBER:
            raise CommitFailedError(f"{doing}: {ErrorCode(code).name} ({code})", code=code)
        if code in _ASK_AGAIN:
            self._cluster.forget_coordinator(group_id)
        self._check(code, doing)
