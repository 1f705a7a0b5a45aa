"""What a coordinator may ask of the broker: logs of its own, timers, time and settings.

`Broker` implements `CoordinatorServices`. The coordinators (`groups`, `transactions`) depend on this
module alone, so that they can be tested with a fake of a few lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from streamkit.clock import Clock
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.broker.timers import Timers
from streamkit.log.protocol import ControlKind
from streamkit.model import TopicPartition

__all__ = ["CoordinatorServices", "InternalBatch", "InternalRecord", "InternalRecords"]

InternalRecord = tuple[bytes | None, bytes | None]
"""Key and value of a record of an internal topic; a value of None is a tombstone."""


class InternalBatch(NamedTuple):
    """A batch of an internal topic.

    Attributes:
        producer_id: of the transaction that the records belong to, or that the marker ends; -1 for others.
        committed: how the transaction ended, in a marker; None for records.
        records: empty in a marker.
    """

    producer_id: int
    committed: bool | None
    records: Sequence[InternalRecord]


class InternalRecords(Protocol):
    """The records of one partition of an internal topic, in order."""

    @property
    def partition(self) -> int: ...

    def records(self) -> Iterable[InternalRecord]:
        """Every record of the log, oldest first; control batches are left out."""
        ...

    def batches(self) -> Iterable[InternalBatch]:
        """The same with their batches, for logs that hold transactions; markers are batches too."""
        ...


class CoordinatorServices(Protocol):
    """The broker as its coordinators see it.

    Everything here is called on the thread that owns the broker (its event loop), and returns at once.
    """

    @property
    def settings(self) -> BrokerSettings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def timers(self) -> Timers: ...

    @property
    def cluster(self) -> ClusterView: ...

    def append_internal(
        self,
        topic: str,
        partition: int,
        batch_records: Sequence[InternalRecord],
        now_ms: int,
        *,
        producer: tuple[int, int] | None = None,
    ) -> None:
        """Append `batch_records` as one batch (all or none) to a partition of an internal topic.

        The topic (`__consumer_offsets`, `__transaction_state`) and the partition are created when they
        are first written to. When it returns, the records survive the end of the process.

        Args:
            producer: id and epoch of the producer whose transaction the records are part of; None: they are
                part of none.

        Raises:
            StorageError: the disk refused; nothing was appended.
            BrokerError: the log refused, since a newer epoch of the producer has written.
        """
        ...

    def append_marker(
        self,
        topic_partition: TopicPartition,
        kind: ControlKind,
        producer_id: int,
        producer_epoch: int,
        now_ms: int,
        *,
        coordinator_epoch: int = 0,
    ) -> None:
        """End a producer's transaction in a partition; when it returns, the marker survives the process.

        Raises:
            StorageError: the disk refused; nothing was appended.
            BrokerError: the partition isn't there any more, or a newer epoch has written to it.
        """
        ...

    def new_producer_id(self) -> int:
        """A producer id that was never given out before.

        Raises:
            StorageError: the disk refused.
        """
        ...

    def internal_logs(self, topic: str) -> Sequence[InternalRecords]:
        """The partitions of an internal topic that exist, to replay them; empty for a new broker."""
        ...

    def has_coordinator(self, topic: str, partition: int) -> bool:
        """Whether all is known that a partition of an internal topic says: it isn't damaged."""
        ...

    def partition_exists(self, topic: str, partition: int) -> bool:
        """Whether the topic exists and has that partition."""
        ...

    def topic_id(self, topic: str) -> UUID | None:
        """The topic's id, or None if there is no such topic."""
        ...

    def topic_name(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, or None if there is none."""
        ...

    def partition_counts(self) -> Mapping[str, int]:
        """Every topic with its number of partitions."""
        ...
