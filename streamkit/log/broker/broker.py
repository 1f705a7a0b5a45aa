"""The broker without its sockets: logs, metadata, groups, waiting fetches. Handlers work on it.

Owned by one thread, the server's event loop; nothing here is thread-safe. A partition's log is made when it
is first used, so that a topic of many partitions costs little until then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from streamkit.clock import Clock, SystemClock
from streamkit.errors import BrokerError, ConfigError, StorageError
from streamkit.log.broker.authorization import Authorizer
from streamkit.log.broker.cluster_view import ClusterView
from streamkit.log.broker.descriptors import shares_of_descriptors
from streamkit.log.broker.dynamic_settings import DynamicSettings
from streamkit.log.broker.empty_log import EmptyLog
from streamkit.log.broker.failures import refusal
from streamkit.log.broker.fetch_sessions import FetchSessions
from streamkit.log.broker.groups import GroupService
from streamkit.log.broker.internal_log import InternalLog, batch_of, check_records
from streamkit.log.broker.memory import FlightMemory
from streamkit.log.broker.metadata.image import INTERNAL_TOPICS, TopicImage
from streamkit.log.broker.metadata.service import METADATA_PARTITION, Metadata
from streamkit.log.broker.services import InternalRecord
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.broker.timers import TimerHandle, Timers
from streamkit.log.broker.topic_configs import log_defaults
from streamkit.log.broker.transactions import TransactionService
from streamkit.log.broker.waiters import FetchWaiters
from streamkit.log.protocol import ControlKind, ErrorCode, control_batch
from streamkit.log.storage import LogConfig, LogManager, LogStorageError, PartitionLog
from streamkit.model import TopicPartition

__all__ = ["Broker"]

logger = logging.getLogger(__name__)

_TICK_MS = 1000
_HOUSEKEEPING_PAUSE_MS = 10
# A step of compaction takes about 5 ms; clients get the loop for four times as long in between.
_COMPACTION_PAUSE_MS = 20


class Broker:
    """State and services of one broker; see `services.CoordinatorServices` for what coordinators use.

    Args:
        settings: `log.dirs` names the data folder; what clients change later comes on top.
        timers: of the loop that owns the broker, or a test's.
        clock: the time.

    Attributes:
        host, port: the address that clients are told; the server sets it.
        memory: for requests and answers in flight.
        authorizer: decides what clients may do; None: everything.
        metadata: topics, their settings and producer ids; from `open` on.
        groups: consumer groups and committed offsets; from `open` on.
    """

    metadata: Metadata
    groups: GroupService

    def __init__(
        self, settings: BrokerSettings, *, timers: Timers, clock: Clock | None = None
    ) -> None:
        self.dynamic_settings = DynamicSettings(settings)
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.timers = timers
        self.host, self.port = settings.listen_address
        self.node_id = settings.node_id
        self.log_defaults: LogConfig = log_defaults(settings)
        self.logs = LogManager(
            settings.data_dir,
            self.log_defaults,
            self.clock,
            node_id=settings.node_id,
            retention_check_ms=settings.log_retention_check_interval_ms,
            producer_expiration_ms=settings.producer_id_expiration_ms,
            cleaner_backoff_ms=settings.log_cleaner_backoff_ms,
            max_open_files=shares_of_descriptors().log_files,
        )
        self.authorizer: Authorizer | None = None
        self.memory = FlightMemory(settings.queued_max_request_bytes)
        self.waiters = FetchWaiters(timers)
        self.fetch_sessions = FetchSessions(
            settings.max_incremental_fetch_session_cache_slots, self.clock
        )
        self._open_logs: dict[tuple[str, int], PartitionLog] = {}
        self._tick: TimerHandle | None = None
        self._compaction: TimerHandle | None = None
        self._without_coordinator: set[TopicPartition] = set()
        self._epochs_are_due = False

    def open(self) -> None:
        """Lock and recover the data folder, replay metadata, groups and transactions, begin housekeeping.

        Raises:
            LockedError: another process has the folder open.
            StorageError: the disk refused, or the metadata log is damaged.
        """
        self.logs.open()
        try:
            self.metadata = Metadata(self.logs, self.node_id)
            self.metadata.open(self.clock.now_ms())
            self._apply_dynamic_settings()
            self._epochs_are_due = self.logs.recovered and bool(self.metadata.image.topics)
            self._begin_leader_epochs()
            self._match_logs_with_topics()
            self.groups = GroupService(self)
            self.groups.load()
            self.transactions = TransactionService(self, self.groups)
            self.transactions.load()
        except BaseException:
            self.logs.close()
            raise
        self._tick = self.timers.call_later(_TICK_MS, self._housekeeping)
        self._compaction = self.timers.call_later(_TICK_MS, self._compact)

    def close(self) -> None:
        """Force everything to the disk, and leave the mark of a clean stop."""
        for timer in (self._tick, self._compaction):
            if timer is not None:
                timer.cancel()
        self.drain()
        self._open_logs.clear()
        self.logs.close()

    def drain(self) -> None:
        """Answer everybody who waits; from now on nobody does."""
        self.waiters.stop()
        self.groups.close()
        self.transactions.close()

    @property
    def cluster_id(self) -> str:
        """The cluster's id, unique to the data folder."""
        return self.logs.cluster_id

    # Topics and their logs.

    def topic(self, name: str) -> TopicImage:
        """The topic called `name`.

        Raises:
            BrokerError: UNKNOWN_TOPIC_OR_PARTITION.
        """
        found = self.metadata.image.topics.get(name)
        if found is None:
            raise refusal(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"This server does not host topic '{name}'."
            )
        return found

    def topic_by_id(self, topic_id: UUID) -> TopicImage:
        """The topic with the id.

        Raises:
            BrokerError: UNKNOWN_TOPIC_ID.
        """
        found = self.metadata.image.topics_by_id.get(topic_id)
        if found is None:
            raise refusal(
                ErrorCode.UNKNOWN_TOPIC_ID, f"This server does not host topic ID {topic_id}."
            )
        return found

    def partition_log(self, topic: str, partition: int) -> PartitionLog:
        """The log of a partition, made if it is used for the first time.

        Raises:
            BrokerError: UNKNOWN_TOPIC_OR_PARTITION.
            StorageError: it can't be made.
        """
        log = self._open_logs.get((topic, partition))
        if log is not None:
            return log
        image = self._topic_with(topic, partition)
        key = TopicPartition(topic, partition)
        log = self.logs.get(key)
        if log is None:
            log = self.logs.create(key, image.topic_id, self.log_config(image))
            log.leader_epoch = image.leader_epochs[partition]
        self._open_logs[topic, partition] = log
        return log

    def readable_log(self, topic: str, partition: int) -> PartitionLog | EmptyLog:
        """The log of a partition for readers: one that was never written to isn't made for them.

        Raises:
            BrokerError: UNKNOWN_TOPIC_OR_PARTITION.
            StorageError: it can't be opened.
        """
        log = self._open_logs.get((topic, partition))
        if log is not None:
            return log
        image = self._topic_with(topic, partition)
        key = TopicPartition(topic, partition)
        if self.logs.get(key) is None and key not in self.logs.failed:
            return EmptyLog(key, image.leader_epochs[partition])
        return self.partition_log(topic, partition)

    def _topic_with(self, topic: str, partition: int) -> TopicImage:
        """The topic called `topic`, which has that partition."""
        image = self.topic(topic)
        if not 0 <= partition < image.partitions:
            raise refusal(
                ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                f"This server does not host partition {topic}-{partition}.",
                topic_partition=(topic, partition),
            )
        return image

    def log_config(self, topic: TopicImage) -> LogConfig:
        """What a topic's settings make of its logs."""
        return LogConfig.from_settings(topic.configs, self.log_defaults)

    def create_topic(
        self, name: str, partitions: int, configs: Mapping[str, str], *, internal: bool = False
    ) -> TopicImage:
        """Make a topic; its settings were checked. Raises as `Metadata.create_topic`."""
        return self.metadata.create_topic(
            name, partitions, configs, self.clock.now_ms(), internal=internal
        )

    def auto_create_topic(self, name: str) -> TopicImage:
        """Make a topic that a client has named, with the broker's defaults.

        Raises:
            BrokerError: as `Metadata.create_topic`.
        """
        if name in INTERNAL_TOPICS:
            return self._internal_topic(name)
        logger.info("creating topic %s on a client's first use of it", name)
        return self.create_topic(name, self.settings.num_partitions, {})

    def delete_topic(self, topic: TopicImage) -> None:
        """Take a topic and its logs away."""
        self.metadata.delete_topic(topic, self.clock.now_ms())
        for partition in range(topic.partitions):
            self._delete_log(TopicPartition(topic.name, partition))
        self.groups.topic_deleted(topic.name)

    def _delete_log(self, key: TopicPartition) -> None:
        """Delete the log of a topic that is gone, whatever the disk says."""
        self._open_logs.pop(key, None)
        if self.logs.get(key) is not None or key in self.logs.failed:
            try:
                self.logs.delete(key)
            except LogStorageError as error:
                logger.error("the next start deletes what is left of %s: %s", key, error)
        self.waiters.changed(key)

    def set_topic_configs(self, topic: TopicImage, changes: Mapping[str, str | None]) -> None:
        """Change a topic's settings, which were checked; they hold at once."""
        self.metadata.set_configs(topic, changes, self.clock.now_ms())
        self._configure_logs(topic)

    def set_broker_configs(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Change settings of this node, or without a name of all; they were checked and hold at once."""
        self.metadata.set_broker_configs(name, changes, self.clock.now_ms())
        self._apply_dynamic_settings()
        self.groups.reconfigure()
        for topic in self.metadata.image.topics.values():
            self._configure_logs(topic)

    def _configure_logs(self, topic: TopicImage) -> None:
        config = self.log_config(topic)
        for partition in range(topic.partitions):
            log = self.logs.get(TopicPartition(topic.name, partition))
            if log is not None:
                log.config = config

    def _apply_dynamic_settings(self) -> None:
        """Let what was changed while a broker ran hold for what is read from the settings from now on."""
        image = self.metadata.image
        self.dynamic_settings = replace(
            self.dynamic_settings,
            everywhere=image.broker_configs(""),
            own=image.broker_configs(str(self.node_id)),
        )
        try:
            settings = self.dynamic_settings.in_force()
        except ConfigError as error:
            logger.warning("settings that were changed while a broker ran are ignored: %s", error)
            settings = self.dynamic_settings.static
        self.settings = settings
        self.log_defaults = log_defaults(settings)
        self.logs.reconfigure(
            self.log_defaults,
            producer_expiration_ms=settings.producer_id_expiration_ms,
            cleaner_backoff_ms=settings.log_cleaner_backoff_ms,
        )

    def appended(self, topic: str, partition: int, size: int) -> None:
        """Wake the fetches that wait for `size` bytes more in a partition."""
        key = (topic, partition)
        if self.waiters.watches(key):
            log = self.partition_log(topic, partition)
            stable = log.last_stable_offset == log.end_offset
            self.waiters.arrived(key, size, stable=stable)

    # What coordinators use.

    @property
    def cluster(self) -> ClusterView:
        """See `services.CoordinatorServices`."""
        return self.metadata.image

    def append_internal(
        self,
        topic: str,
        partition: int,
        batch_records: Sequence[InternalRecord],
        now_ms: int,
        *,
        producer: tuple[int, int] | None = None,
    ) -> None:
        """See `services.CoordinatorServices.append_internal`."""
        if topic not in self.metadata.image.topics:
            self._internal_topic(topic)
        log = self.partition_log(topic, partition)
        data = batch_of(batch_records, now_ms, producer)
        log.append(data, now_ms=now_ms, from_client=False)
        self.appended(topic, partition, len(data))

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
        """See `services.CoordinatorServices.append_marker`."""
        marker = control_batch(
            kind,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            timestamp=now_ms,
            coordinator_epoch=coordinator_epoch,
        )
        log = self.partition_log(topic_partition.topic, topic_partition.partition)
        stable_before = log.last_stable_offset
        log.append(marker, now_ms=now_ms, from_client=False)
        self.appended(*topic_partition, len(marker))
        if log.last_stable_offset > stable_before:
            # What was unstable can be read now, however much that is.
            self.waiters.stabilized(topic_partition)

    def new_producer_id(self) -> int:
        """See `services.CoordinatorServices.new_producer_id`."""
        return self.metadata.next_producer_id(self.clock.now_ms())

    def internal_logs(self, topic: str) -> Sequence[InternalLog]:
        """See `services.CoordinatorServices.internal_logs`."""
        image = self.metadata.image.topics.get(topic)
        if image is None:
            return []
        found = []
        for key in (TopicPartition(topic, index) for index in range(image.partitions)):
            log = self.logs.get(key)
            try:
                if key in self.logs.failed:
                    raise self.logs.failed[key]
                if log is not None:
                    check_records(log)
                    found.append(InternalLog(key.partition, log))
            except StorageError as error:
                logger.error("%s can't be replayed, and has no coordinator: %s", key, error)
                self._without_coordinator.add(key)
        return found

    def has_coordinator(self, topic: str, partition: int) -> bool:
        """See `services.CoordinatorServices.has_coordinator`."""
        damaged = self._without_coordinator
        return not damaged or TopicPartition(topic, partition) not in damaged

    def partition_exists(self, topic: str, partition: int) -> bool:
        """Whether the topic exists and has that partition."""
        image = self.metadata.image.topics.get(topic)
        return image is not None and 0 <= partition < image.partitions

    def topic_id(self, topic: str) -> UUID | None:
        """The topic's id, or None if there is no such topic."""
        image = self.metadata.image.topics.get(topic)
        return None if image is None else image.topic_id

    def topic_name(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, or None if there is none."""
        image = self.metadata.image.topics_by_id.get(topic_id)
        return None if image is None else image.name

    def partition_counts(self) -> Mapping[str, int]:
        """Every topic with its number of partitions."""
        return {name: image.partitions for name, image in self.metadata.image.topics.items()}

    def _internal_topic(self, name: str) -> TopicImage:
        settings = self.settings
        compacted = {"cleanup.policy": "compact", "compression.type": "producer"}
        if name == "__consumer_offsets":
            compacted["segment.bytes"] = str(max(1 << 20, settings.offsets_topic_segment_bytes))
            partitions = settings.offsets_topic_num_partitions
        else:
            compacted["segment.bytes"] = str(
                max(1 << 20, settings.transaction_state_log_segment_bytes)
            )
            partitions = settings.transaction_state_log_num_partitions
        return self.create_topic(name, partitions, compacted, internal=True)

    def _match_logs_with_topics(self) -> None:
        """Delete logs of topics that were deleted; give the others their settings."""
        image = self.metadata.image
        configs: dict[str, LogConfig] = {}
        for log in self.logs.logs():
            key = log.topic_partition
            if key == METADATA_PARTITION:
                continue
            topic = image.topics.get(key.topic)
            other = topic is not None and log.topic_id not in (None, topic.topic_id)
            if topic is None or key.partition >= topic.partitions or other:
                logger.info("deleting the log of %s: its topic was deleted", key)
                self.logs.delete(key)
                continue
            log.adopt(topic.topic_id)
            log.leader_epoch = topic.leader_epochs[key.partition]
            if topic.name not in configs:
                configs[topic.name] = self._config_at_start(topic)
            log.config = configs[topic.name]

    def _begin_leader_epochs(self) -> None:
        """After an unclean stop; on a full disk it has to wait, since reading must go on."""
        if not self._epochs_are_due:
            return
        try:
            self.metadata.begin_leader_epochs(self.clock.now_ms())
        except LogStorageError as error:
            logger.error("no new leader epochs yet; this is tried again: %s", error)
            return
        self._epochs_are_due = False
        for log in self.logs.logs():
            topic = self.metadata.image.topics.get(log.topic_partition.topic)
            if topic is not None and log.topic_partition.partition < topic.partitions:
                log.leader_epoch = topic.leader_epochs[log.topic_partition.partition]

    def _config_at_start(self, topic: TopicImage) -> LogConfig:
        try:
            return self.log_config(topic)
        except ConfigError as error:
            logger.warning("settings of topic %s are ignored: %s", topic.name, error)
            return self.log_defaults

    def _housekeeping(self) -> None:
        more = False
        try:
            self._begin_leader_epochs()
            more = self.logs.tick(self.clock.now_ms())
        except (OSError, BrokerError) as error:
            logger.error("housekeeping of the logs failed: %s", error)
        pause_ms = _HOUSEKEEPING_PAUSE_MS if more else _TICK_MS
        self._tick = self.timers.call_later(pause_ms, self._housekeeping)

    def _compact(self) -> None:
        """Compact logs for some milliseconds, and again soon while there is more to do."""
        busy = False
        try:
            busy = self.logs.clean(self.clock.now_ms())
        except (OSError, BrokerError) as error:
            logger.error("compaction failed: %s", error)
        pause_ms = _COMPACTION_PAUSE_MS if busy else _TICK_MS
        self._compaction = self.timers.call_later(pause_ms, self._compact)
