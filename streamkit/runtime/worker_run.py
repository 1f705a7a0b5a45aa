"""What a worker's processing thread does: joins the group, goes round, leaves.

    poll -> buffer -> move tasks on -> process, a chunk a task -> punctuate -> commit if it is time

Everything here runs on that thread, except `stop` and `wakeup`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping

from streamkit.clock import Clock
from streamkit.errors import BrokerError, DamagedStoreError, TopologyError
from streamkit.log.client import (
    Admin,
    CommitFailedError,
    Consumer,
    NetworkThread,
    OffsetAndMetadata,
    OffsetResetError,
    Producer,
)
from streamkit.log.client.records import FetchedBatch
from streamkit.log.protocol import ErrorCode
from streamkit.model.records import TopicPartition
from streamkit.runtime.assignor import StreamkitAssignor
from streamkit.runtime.collector import ProducerCollector
from streamkit.runtime.commit import OffsetsRefusedError
from streamkit.runtime.global_tables import GlobalTables
from streamkit.runtime.purge import Purger
from streamkit.runtime.restore import RestoreThread
from streamkit.runtime.starting_offsets import StartingOffsets
from streamkit.runtime.state_directory import StateDirectory
from streamkit.runtime.status_report import StatusReport
from streamkit.runtime.strangers import Strangers
from streamkit.runtime.task_factory import TaskFactory
from streamkit.runtime.task_manager import TaskManager
from streamkit.runtime.task_settings import TaskSettings
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.runtime.worker_status import WorkerStatus
from streamkit.topology.plan import TopologyPlan

__all__ = ["WorkerRun"]

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_REPORT_SECONDS = 0.02
_END_CHECK_SECONDS = 0.5
_END_CHECKS = 2
_FIRST_CONTACT_MS = 5_000
_STRANGERS_SECONDS = 0.5
_LAST_COMMIT_SECONDS = 10.0
_ISOLATION = "read_committed"  # what was aborted is no input, and no store may be restored from it
_RETRY_COMMIT = (
    ErrorCode.REBALANCE_IN_PROGRESS,
    ErrorCode.UNKNOWN_MEMBER_ID,
    ErrorCode.ILLEGAL_GENERATION,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,  # deleted: made again, or the next rebalance stops the worker
)


class WorkerRun:
    """Everything that lives as long as the processing thread runs.

    Args:
        publish: takes the status, often.
    """

    def __init__(
        self,
        plan: TopologyPlan,
        settings: WorkerSettings,
        clock: Clock,
        network: NetworkThread | None,
        publish: Callable[[WorkerStatus], None],
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.clock = clock
        self._network = network
        self._publish = publish
        self._stopping = threading.Event()
        self._waiting: Consumer | None = None
        self._resources = contextlib.ExitStack()
        self.starting = StartingOffsets(plan, settings.auto_offset_reset, clock)
        self._reported = ""
        self._reported_at = 0.0
        self._topic_ids: dict[str, str] = {}
        self._factory: TaskFactory | None = None

    def stop(self) -> None:
        """Ask for a graceful end, from any thread or a signal handler."""
        self._stopping.set()
        self.wakeup()

    def wakeup(self) -> None:
        """End a waiting poll early, from any thread: there is something to do."""
        consumer = self._waiting
        if consumer is not None:
            consumer.wakeup()

    def run(self) -> None:
        """Work until `stop`, or until every input is processed if the settings say so.

        Raises:
            StreamkitError: what stopped it; nothing was committed on the way out.
        """
        settings = self.settings
        network = self._network
        name = settings.client_id or settings.application_id
        with self._resources as resources:
            cluster = self._cluster()
            self.admin = resources.enter_context(
                Admin(
                    settings.bootstrap,
                    network=network,
                    client_id=f"{name}-admin",
                    api_timeout_ms=settings.api_timeout_ms,
                )
            )
            self._check_sources()
            state = StateDirectory(settings.state_dir, settings.application_id, cluster)
            resources.callback(state.close)
            self.producer = Producer(
                settings.bootstrap,
                network=network,
                client_id=f"{name}-producer",
                linger_ms=settings.linger_ms,
                batch_bytes=settings.batch_bytes,
                compression=settings.compression,
                auto_create_topics=True,
            )
            # What a failed worker has not sent must not be sent; a graceful end has flushed already.
            resources.callback(self.producer.close, 0)
            self.collector = ProducerCollector(self.producer)
            self.restorer = RestoreThread(self._plain_consumer, self._log_ends, self.wakeup)
            self.tasks = TaskManager(
                settings,
                self.clock,
                state,
                self.restorer,
                self,
                factory=self.factory,
                topic_ids=self.topic_ids,
                starting=self.starting,
            )
            resources.callback(self.tasks.close)
            self.status = StatusReport(self.tasks, self.collector, state)
            self.global_tables = GlobalTables(
                self.plan, self._new_factory(), self._global_consumer()
            )
            resources.callback(self.global_tables.close)
            self.status.global_tables = self.global_tables
            self.global_tables.fill(self._filling)
            self.tasks.global_stores = self.global_tables.stores
            self.strangers = Strangers(
                self.admin, settings.application_id, settings.session_timeout_ms
            )
            self._join_group()
            self.purger = Purger(self.plan, self.admin)
            resources.callback(self.purger.close)
            try:
                self._loop()
            except DamagedStoreError as error:
                self.tasks.condemn(error)
                raise

    def _join_group(self) -> None:
        settings = self.settings
        name = settings.client_id or settings.application_id
        assignor = StreamkitAssignor(
            self.plan, self.tasks.member_state, replication_factor=settings.replication_factor
        )
        self.assignor = assignor
        self.consumer = Consumer(
            settings.bootstrap,
            network=self._network,
            client_id=f"{name}-consumer",
            group_id=settings.application_id,
            auto_offset_reset=self.starting.of_consumer,
            isolation_level=_ISOLATION,
            assignors=[assignor],
            session_timeout_ms=settings.session_timeout_ms,
            max_poll_interval_ms=settings.max_poll_interval_ms,
            api_timeout_ms=settings.api_timeout_ms,
        )
        host = f"{socket.gethostname()}:{settings.state_dir.resolve()}"
        if self._waiting is None:
            self._resources.callback(self._leave)
        self.tasks.connect(self.consumer, assignor, host)
        self._waiting = self.consumer
        self.consumer.subscribe(self.plan.subscription, listener=self.tasks)

    def _leave(self) -> None:
        """Leave the group. After an error nothing may be committed on the way out."""
        self._waiting = None
        self.restorer.stop()
        try:
            self.tasks.close()
        finally:
            self.consumer.close()

    def _poll(self, seconds: float) -> list[FetchedBatch]:
        """What was fetched; nothing while others than workers of ours are in the group."""
        try:
            return self.consumer.poll_batches(seconds)
        except OffsetResetError as error:
            self.tasks.reset(error.offsets)
            return []
        except BrokerError as error:
            if error.code != ErrorCode.INCONSISTENT_GROUP_PROTOCOL or self.tasks.task_ids():
                raise
            self.strangers.met(error)
        self._report("waiting for the group")
        self._stopping.wait(_STRANGERS_SECONDS)
        self.consumer.close()
        self._join_group()
        return []

    # -- the loop ----------------------------------------------------------------------------------

    def _loop(self) -> None:
        self._report("joining")
        tasks = self.tasks
        interval = self.settings.commit_interval_ms / 1000
        next_commit = time.monotonic() + interval
        next_end_check = time.monotonic() + _END_CHECK_SECONDS
        at_end = 0
        busy = False
        while self._going():
            batches = self._poll(0.0 if busy else self._idle_seconds(next_commit))
            if self.assignor.error:
                raise TopologyError(self.assignor.error)
            tasks.add(batches)
            tasks.advance()
            self.global_tables.update()
            busy = tasks.process() > 0
            tasks.punctuate()
            now = time.monotonic()
            if now >= next_commit or tasks.commit_requested:
                self._commit()
                next_commit = time.monotonic() + interval
            self._report("running" if tasks.all_running() else "restoring")
            if self.settings.stop_at_end and not busy and now >= next_end_check:
                at_end = at_end + 1 if self._everything_is_done() else 0
                if at_end >= _END_CHECKS:
                    log.info("every input is processed and committed")
                    break
                next_end_check = time.monotonic() + _END_CHECK_SECONDS
        self._report("stopping")
        self._commit_at_last()
        self._publish(self.status.now("stopping"))

    def _idle_seconds(self, next_commit: float) -> float:
        """How long the next poll may wait."""
        until_commit = next_commit - time.monotonic()
        until_punctuation = (self.tasks.next_punctuation_ms() - self.clock.now_ms()) / 1000
        return max(0.0, min(_POLL_SECONDS, until_commit, until_punctuation))

    def _commit(self) -> bool:
        """Commit everything; False if the group is busy or has moved on, of which poll tells more."""
        begin = time.monotonic()
        try:
            self.tasks.commit()
        except OffsetsRefusedError as error:
            refusal = error.refusal
            if isinstance(refusal, CommitFailedError):
                log.warning("commit refused: %s", refusal)
            elif refusal.code in _RETRY_COMMIT:
                log.info("commit refused: %s", refusal)
            else:
                raise refusal from None
            return False
        self.status.committed(time.monotonic() - begin)
        self.purger.purge(self.tasks.committed_offsets)
        return True

    def _commit_at_last(self) -> None:
        """Commit before leaving.

        Workers that stop together meet a group that rebalances, as the first of them has left. It takes
        commits again once this worker has done its part of that.
        """
        deadline = time.monotonic() + _LAST_COMMIT_SECONDS
        while not self._commit() and time.monotonic() < deadline:
            self.tasks.add(self._poll(_POLL_SECONDS))

    def _everything_is_done(self) -> bool:
        """Whether the group has committed every record of every topic that the application reads."""
        if not self.tasks.task_ids() and not self.assignor.tasks:
            # No task of our own: whether the others are done shows in the group's offsets alone.
            pass
        elif not self.tasks.drained():
            return False
        self._commit()
        resolved = self.factory().topics
        partitions = [
            TopicPartition(topic, partition)
            for topic in dict.fromkeys(name for names in resolved.topics.values() for name in names)
            for partition in range(resolved.partitions[topic])
        ]
        ends = self.admin.list_offsets(partitions)
        begins = self.admin.list_offsets(partitions, at="earliest")
        committed = self.admin.group_offsets(self.settings.application_id)
        for partition in partitions:
            end, begin = ends[partition], begins[partition]
            done = committed.get(partition)
            if end is None or (begin is not None and begin.offset >= end.offset):
                continue
            if done is None or done.offset < end.offset:
                return False
        return True

    def _report(self, state: str) -> None:
        now = time.monotonic()
        if state != self._reported or now - self._reported_at >= _REPORT_SECONDS:
            self._reported = state
            self._reported_at = now
            self._publish(self.status.now(state))

    # -- what the parts ask for --------------------------------------------------------------------

    def factory(self, *, renew: bool = False) -> TaskFactory:
        """Makes tasks; `renew` looks partition counts up again."""
        if self._factory is None or renew:
            self._factory = self._new_factory()
        return self._factory

    def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """Ids of topics by name, asked once a topic."""
        unknown = [topic for topic in topics if topic not in self._topic_ids]
        if unknown:
            for name, description in self.admin.describe_topics(unknown).items():
                self._topic_ids[name] = str(description.topic_id)
        return {topic: self._topic_ids[topic] for topic in topics if topic in self._topic_ids}

    def flush(self) -> None:
        """Wait until everything sent so far is acknowledged."""
        self.producer.flush()

    def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The offset after the last record of each partition."""
        return self.consumer.end_offsets(partitions)

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit input offsets for the group."""
        self.consumer.commit(offsets)

    def _filling(self) -> bool:
        self._report("filling global tables")
        return self._going()

    def _going(self) -> bool:
        return not self._stopping.is_set()

    def _new_factory(self) -> TaskFactory:
        settings = self.settings
        resolved = self.plan.resolve(self._counts())
        # As many as there are when all tasks come to this worker.
        stores = sum(
            len(sub.stores) * resolved.task_counts[sub.id] for sub in self.plan.sub_topologies
        )
        return TaskFactory(
            self.plan,
            resolved,
            settings=TaskSettings(
                settings.application_id,
                settings.max_task_idle_ms,
                settings.on_deserialization_error,
                settings.on_processing_error,
                settings.values,
                settings.statestore_cache_max_bytes,
            ),
            collector=self.collector,
            clock=self.clock,
            store_settings=settings.store_settings.shared_by(stores),
            default_serde=settings.default_serde,
        )

    def _counts(self) -> dict[str, int]:
        topics = set(self.plan.external_topics)
        if self.plan.patterns:
            topics.update(
                topic
                for topic in self.admin.list_topics()
                if any(pattern.fullmatch(topic) for pattern in self.plan.patterns)
            )
        return {
            name: len(description.partitions)
            for name, description in self.admin.describe_topics(topics).items()
        }

    def _check_sources(self) -> None:
        """A missing source topic, or joined ones that differ, shall be said before anything is joined."""
        self.plan.resolve(self._counts())

    def _cluster(self) -> str:
        """The cluster's id.

        The first question to the cluster, and one that is given up soon: at the start a wrong address is
        likelier than a broker that is away.
        """
        settings = self.settings
        timeout_ms = min(settings.api_timeout_ms, _FIRST_CONTACT_MS)
        with Admin(
            settings.bootstrap,
            network=self._network,
            client_id=f"{settings.client_id or settings.application_id}-admin",
            api_timeout_ms=timeout_ms,
        ) as admin:
            return admin.cluster_id()

    def _plain_consumer(self) -> Consumer:
        return self._unassigned_consumer("restore")

    def _global_consumer(self) -> Consumer:
        return self._unassigned_consumer("global")

    def _unassigned_consumer(self, role: str) -> Consumer:
        settings = self.settings
        name = settings.client_id or settings.application_id
        return Consumer(
            settings.bootstrap,
            network=self._network,
            client_id=f"{name}-{role}",
            auto_offset_reset="earliest",
            isolation_level=_ISOLATION,
            api_timeout_ms=settings.api_timeout_ms,
        )

    def _log_ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        ends = self.admin.list_offsets(partitions)
        return {partition: end.offset for partition, end in ends.items() if end is not None}
