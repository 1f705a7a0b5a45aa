"""Topics, their settings, producer ids and feature levels, kept in `__cluster_metadata-0`.

Each change is one batch of records, forced to the disk before anybody hears of it, and then replayed into the
image: the same path as at a restart. Lives on the thread that owns the broker.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from streamkit.log.broker.failures import refusal
from streamkit.log.broker.internal_log import batch_of, records_of
from streamkit.log.broker.metadata.image import (
    BROKER_RESOURCE,
    GROUP_RESOURCE,
    INTERNAL_TOPICS,
    TOPIC_RESOURCE,
    ClusterImage,
    TopicImage,
)
from streamkit.log.broker.metadata.topic_names import colliding_name, topic_name_problem
from streamkit.log.protocol import ErrorCode, decode_metadata_record, encode_metadata_record
from streamkit.log.protocol.messages.metadata_log import (
    ConfigRecord,
    FeatureLevelRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
    RemoveTopicRecord,
    TopicRecord,
)
from streamkit.log.storage import LogConfig, LogManager, LogStorageError
from streamkit.model import TopicPartition

__all__ = [
    "METADATA_PARTITION",
    "Metadata",
    "check_partitions_added",
    "check_time",
    "check_topic_name",
]

METADATA_PARTITION = TopicPartition("__cluster_metadata", 0)
_METADATA_TOPIC_ID = UUID(int=1)
_METADATA_LEVEL = 25  # metadata.version 4.0: the schemas used here are older or equal
_PRODUCER_ID_BLOCK = 1000
_MOST_PARTITIONS_AT_ONCE = 10_000


class Metadata:
    """The cluster's metadata and its log.

    Args:
        logs: opened; holds the metadata log too.
        node_id: this node's number.
        new_id: makes topic ids.
    """

    def __init__(
        self, logs: LogManager, node_id: int, new_id: Callable[[], UUID] = uuid.uuid4
    ) -> None:
        self.image = ClusterImage()
        self._node_id = node_id
        self._new_id = new_id
        self._producer_ids = iter(range(0))
        config = LogConfig(max_message_bytes=64 << 20, retention_ms=-1)
        found = logs.get(METADATA_PARTITION)
        self._log = found or logs.create(METADATA_PARTITION, _METADATA_TOPIC_ID, config)
        self._log.config = config

    def open(self, now_ms: int) -> None:
        """Replay the log; a new one begins with the level of its schemas.

        Raises:
            ProtocolError, CorruptRecordError: the log is damaged.
        """
        if self._log.end_offset == 0:
            level = FeatureLevelRecord(name="metadata.version", feature_level=_METADATA_LEVEL)
            self._commit([(level, 0)], now_ms)
        for _, value in records_of(self._log):
            if value is not None:
                record, _ = decode_metadata_record(value)
                self.image.replay(record)

    def create_topic(
        self,
        name: str,
        partitions: int,
        configs: Mapping[str, str],
        now_ms: int,
        *,
        internal: bool = False,
        validate_only: bool = False,
    ) -> TopicImage:
        """Make a topic.

        Args:
            name: checked against Kafka's rules.
            partitions: 1 or more.
            configs: checked settings.
            now_ms: the time.
            internal: the broker itself asks.
            validate_only: check only; what is returned would be the topic.

        Raises:
            BrokerError: the name isn't legal, is taken, or collides with another; too few partitions.
        """
        self.check_new_name(name)
        if name == METADATA_PARTITION.topic and not internal:
            raise refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic '{name}' is the broker's own.")
        if partitions < 1:
            raise refusal(
                ErrorCode.INVALID_PARTITIONS, "Number of partitions must be larger than 0."
            )
        check_partitions_added(partitions)
        topic = TopicImage(name, self._new_id(), [0] * partitions, dict(configs))
        if validate_only:
            return topic
        records: list[tuple[object, int]] = [
            (TopicRecord(name=name, topic_id=topic.topic_id), 0),
            *(
                (ConfigRecord(resource_type=TOPIC_RESOURCE, resource_name=name, name=k, value=v), 0)
                for k, v in configs.items()
            ),
            *((self._partition(topic.topic_id, index), 1) for index in range(partitions)),
        ]
        self._commit(records, now_ms)
        return self.image.topics[name]

    def check_new_name(self, name: str) -> None:
        """Check that a new topic may have the name.

        Raises:
            BrokerError: it isn't legal, is taken, or collides with another.
        """
        check_topic_name(name)
        if name in self.image.topics:
            raise refusal(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
        if "." in name or "_" in name:
            flat = colliding_name(name)
            if flat in INTERNAL_TOPICS and name != flat:
                # That one may not exist yet; it is made when a group or a transaction comes.
                raise refusal(
                    ErrorCode.INVALID_TOPIC_EXCEPTION,
                    f"Topic '{name}' collides with internal topic: {flat}",
                )
            for other in self.image.topics:
                if colliding_name(other) == flat:
                    raise refusal(
                        ErrorCode.INVALID_TOPIC_EXCEPTION,
                        f"Topic '{name}' collides with existing topic: {other}",
                    )

    def add_partitions(self, topic: TopicImage, partitions: int, now_ms: int) -> None:
        """Make `topic` have `partitions` partitions, more than it has.

        Raises:
            BrokerError: POLICY_VIOLATION: too many at once.
        """
        check_partitions_added(partitions - topic.partitions)
        more = range(topic.partitions, partitions)
        self._commit([(self._partition(topic.topic_id, index), 1) for index in more], now_ms)

    def delete_topic(self, topic: TopicImage, now_ms: int) -> None:
        """Take a topic out; its logs are the caller's to delete, afterwards."""
        self._commit([(RemoveTopicRecord(topic_id=topic.topic_id), 0)], now_ms)

    def set_configs(
        self, topic: TopicImage, changes: Mapping[str, str | None], now_ms: int
    ) -> None:
        """Change settings of `topic`, checked before; None takes one back to its default."""
        self._set_configs(TOPIC_RESOURCE, topic.name, changes, now_ms)

    def set_group_configs(
        self, group_id: str, changes: Mapping[str, str | None], now_ms: int
    ) -> None:
        """Change settings of a group, checked before; None takes one back to its default."""
        self._set_configs(GROUP_RESOURCE, group_id, changes, now_ms)

    def set_broker_configs(self, name: str, changes: Mapping[str, str | None], now_ms: int) -> None:
        """Change settings of the node with this number, or without a name of all nodes; checked before."""
        self._set_configs(BROKER_RESOURCE, name, changes, now_ms)

    def set_features(self, levels: Mapping[str, int], now_ms: int) -> None:
        """Set levels of features, checked before."""
        if levels:
            self._commit(
                [
                    (FeatureLevelRecord(name=n, feature_level=level), 0)
                    for n, level in levels.items()
                ],
                now_ms,
            )

    @property
    def end_offset(self) -> int:
        """The offset that the metadata log's next record will have."""
        return self._log.end_offset

    @property
    def leader_epoch(self) -> int:
        """The leader epoch of the metadata log."""
        return self._log.leader_epoch

    def _set_configs(
        self, kind: int, resource: str, changes: Mapping[str, str | None], now_ms: int
    ) -> None:
        records: list[tuple[object, int]] = [
            (
                ConfigRecord(resource_type=kind, resource_name=resource, name=name, value=value),
                0,
            )
            for name, value in changes.items()
        ]
        if records:
            self._commit(records, now_ms)

    def next_producer_id(self, now_ms: int) -> int:
        """A producer id that was never given out before, also over restarts.

        Ids are reserved in blocks: what is left of one is lost at a restart.
        """
        found = next(self._producer_ids, None)
        if found is None:
            first = self.image.next_producer_id
            after = first + _PRODUCER_ID_BLOCK
            record = ProducerIdsRecord(broker_id=self._node_id, next_producer_id=after)
            self._commit([(record, 0)], now_ms)
            self._producer_ids = iter(range(first, after))
            found = next(self._producer_ids)
        return found

    def begin_leader_epochs(self, now_ms: int) -> None:
        """Let every partition's leader, which is this node, begin a new epoch.

        After a stop that wasn't clean the ends of logs may be lost, and other records take their offsets:
        only the epoch tells a consumer that was further that what it has read is gone. One record does for
        all partitions, so that a node which is killed often doesn't drown in them.
        """
        record = RegisterBrokerRecord(
            broker_id=self._node_id,
            incarnation_id=self._new_id(),
            broker_epoch=self._log.end_offset,
            fenced=False,
        )
        self._commit([(record, 3)], now_ms)

    def _partition(self, topic_id: UUID, index: int) -> PartitionRecord:
        return PartitionRecord(
            partition_id=index,
            topic_id=topic_id,
            replicas=[self._node_id],
            isr=[self._node_id],
            leader=self._node_id,
            leader_epoch=0,
            partition_epoch=0,
            directories=[UUID(int=0)],
        )

    def _commit(self, records: Sequence[tuple[object, int]], now_ms: int) -> None:
        values = [encode_metadata_record(record, version) for record, version in records]
        data = batch_of([(None, value) for value in values], now_ms)
        end_offset = self._log.end_offset
        self._log.append(data, now_ms=now_ms, from_client=False)
        try:
            self._log.sync_records()
        except LogStorageError:
            # Whoever asked is told that nothing has changed: a later start must not find it.
            self._log.truncate_to(end_offset, now_ms=now_ms)
            raise
        for record, _ in records:
            self.image.replay(record)


def check_topic_name(name: str) -> None:
    """Check that a topic may have the name.

    Raises:
        BrokerError: INVALID_TOPIC_EXCEPTION, with what is wrong.
    """
    if (problem := topic_name_problem(name)) is not None:
        raise refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)


def check_time(timeout_ms: int) -> None:
    """Check that a change of the cluster may take any time at all.

    Raises:
        BrokerError: REQUEST_TIMED_OUT, as Apache Kafka's controller answers; nothing was done.
    """
    if timeout_ms <= 0:
        raise refusal(ErrorCode.REQUEST_TIMED_OUT, f"there is no time left: {timeout_ms} ms")


def check_partitions_added(count: int) -> None:
    """Check how many partitions one request adds in all: it must not hold up everybody else's.

    Raises:
        BrokerError: POLICY_VIOLATION, as Apache Kafka answers above the same number.
    """
    if count > _MOST_PARTITIONS_AT_ONCE:
        raise refusal(
            ErrorCode.POLICY_VIOLATION,
            f"{count} partitions in one request; at most {_MOST_PARTITIONS_AT_ONCE} can be added",
        )
