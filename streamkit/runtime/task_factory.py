"""From a plan and a task's id to the task: opens its stores, makes its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamkit.clock import Clock
from streamkit.model.records import TopicPartition
from streamkit.model.tasks import TaskId
from streamkit.operators.context import RecordCollector
from streamkit.operators.record_cache import CacheBudget
from streamkit.runtime.operator_graph import OperatorGraph
from streamkit.runtime.partition_group import DISABLED
from streamkit.runtime.task import Task
from streamkit.runtime.task_settings import TaskSettings
from streamkit.runtime.task_stores import TaskStores
from streamkit.serde import Serde
from streamkit.state import StateStore, StoreSettings, open_store
from streamkit.topology.nodes import GlobalStoreNode
from streamkit.topology.partitions import ResolvedTopics
from streamkit.topology.plan import SubTopology, TopologyPlan

__all__ = ["TaskFactory"]


class TaskFactory:
    """Makes the tasks of one application in one process.

    Args:
        plan: the topology, planned.
        topics: partition counts of all topics.
        settings: of every task.
        store_settings: how stores are opened; None: the defaults.
        default_serde: for stores whose serdes the topology leaves open; None: JSON.
        collector: where records leave the tasks.
        clock: wall clock.
    """

    def __init__(
        self,
        plan: TopologyPlan,
        topics: ResolvedTopics,
        *,
        settings: TaskSettings,
        collector: RecordCollector,
        clock: Clock,
        store_settings: StoreSettings | None = None,
        default_serde: Serde[Any] | None = None,
    ) -> None:
        self.plan = plan
        self.topics = topics
        self._settings = settings
        self._collector = collector
        self._clock = clock
        self._store_settings = store_settings or StoreSettings()
        self._default_serde = default_serde
        cache = settings.cache_max_bytes
        self._cache = CacheBudget(cache) if cache > 0 else None

    def inputs(self, task_id: TaskId) -> list[TopicPartition]:
        """The partitions that a task reads."""
        return [
            TopicPartition(topic, task_id.partition)
            for topic in self.topics.topics[task_id.sub_topology]
            if task_id.partition < self.topics.partitions[topic]
        ]

    def task(
        self,
        task_id: TaskId,
        *,
        directory: Path | None,
        global_stores: Mapping[str, StateStore],
    ) -> Task:
        """A new task with open stores.

        Args:
            directory: the task's folder, locked by the caller; None: stores in memory.
            global_stores: filled already.

        Raises:
            LockedError: another process has a store open.
            StorageError: a store's folder is damaged or can't be written.
        """
        sub = self.plan.sub_topology(task_id.sub_topology)
        stores: dict[str, StateStore] = {}
        try:
            for spec in sub.stores:
                stores[spec.name] = open_store(
                    spec,
                    directory=directory,
                    settings=self._store_settings,
                    application_id=self.plan.application_id,
                    default_serde=self._default_serde,
                )
            return Task(
                task_id,
                OperatorGraph(sub, self._cache),
                self.inputs(task_id),
                stores=TaskStores(
                    task_id.partition,
                    stores,
                    sub.changelogs,
                    frozenset(
                        spec.name for spec in sub.stores if spec.source_changelog is not None
                    ),
                    self._collector,
                ),
                global_stores=dict(global_stores),
                collector=self._collector,
                clock=self._clock,
                settings=self._settings,
            )
        except BaseException:
            for store in stores.values():
                store.close()
            raise

    def global_task(self, number: int, node: GlobalStoreNode, partitions: Sequence[int]) -> Task:
        """The task that fills one global store, in memory: each process has its own copy.

        It reads every partition of the topic and has no output.
        """
        topic = node.source.topics[0]
        sub = SubTopology(id=-1, nodes=(node.source, node.processor), stores=(), changelogs={})
        refusing = RecordCollector()  # a global store's processor has nowhere to send to
        store = open_store(
            node.store,
            directory=None,
            settings=self._store_settings,
            application_id=self.plan.application_id,
            default_serde=self._default_serde,
        )
        return Task(
            TaskId(-1, number),
            OperatorGraph(sub),
            [TopicPartition(topic, partition) for partition in partitions],
            stores=TaskStores(-1, {node.store.name: store}, {}, frozenset(), refusing),
            global_stores={},
            collector=refusing,
            clock=self._clock,
            settings=TaskSettings(
                self._settings.application_id,
                max_task_idle_ms=DISABLED,
                on_deserialization_error=self._settings.on_deserialization_error,
                on_processing_error=self._settings.on_processing_error,
                values=self._settings.values,
            ),
        )
