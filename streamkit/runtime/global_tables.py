"""Global stores of a worker: filled before any task starts, kept up to date between records.

Each process reads the whole of every global topic into memory; the processing thread applies updates
between chunks, so no task ever sees half of one. No group, no commit: a restart reads the topics again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamkit.errors import TopologyError
from streamkit.log.client import Consumer
from streamkit.model.records import TopicPartition
from streamkit.runtime.columns import columns_of
from streamkit.runtime.task import Task
from streamkit.runtime.task_factory import TaskFactory
from streamkit.state import StateStore
from streamkit.topology.plan import TopologyPlan

__all__ = ["GlobalTables"]

_STEP = 1_000


class GlobalTables:
    """The global stores of one process.

    Args:
        plan: names them.
        factory: makes the tasks that fill them.
        consumer: without a group, for this object alone; closed with it.

    Attributes:
        stores: by name.
        total, done: records to read at the start, and read so far.

    Raises:
        TopologyError: a global topic does not exist.
    """

    def __init__(self, plan: TopologyPlan, factory: TaskFactory, consumer: Consumer) -> None:
        self._consumer = consumer
        self._tasks: dict[TopicPartition, Task] = {}
        self.stores: dict[str, StateStore] = {}
        self.total = 0
        self.done = 0
        for number, node in enumerate(plan.global_stores):
            topic = node.source.topics[0]
            count = consumer.partitions_for(topic)
            if not count:
                raise TopologyError(
                    f"topic {topic!r} of global store {node.store.name!r} does not exist; create it first "
                    "(streamkit topics create NAME --partitions N)"
                )
            task = factory.global_task(number, node, range(count))
            self.stores.update(task.stores)
            self._tasks.update(dict.fromkeys(task.inputs, task))
            task.start({})

    def fill(self, keep_going: Callable[[], bool]) -> None:
        """Read every topic to the end that it has now; blocks.

        Args:
            keep_going: asked now and then; False ends it early.
        """
        partitions = list(self._tasks)
        if not partitions:
            return
        begins = self._consumer.beginning_offsets(partitions)
        ends = self._consumer.end_offsets(partitions)
        self._consumer.assign(partitions)
        for partition in partitions:
            self._consumer.seek(partition, begins[partition])
        self.total = sum(ends[partition] - begins[partition] for partition in partitions)
        while keep_going() and not self._reached(ends):
            self._poll(0.1)

    def update(self) -> None:
        """Apply what has arrived; never waits."""
        if self._tasks:
            self._poll(0.0)

    def tasks(self) -> list[Task]:
        """One a global store, for counters."""
        return list(dict.fromkeys(self._tasks.values()))

    def close(self) -> None:
        """Close stores and consumer."""
        for task in self.tasks():
            task.close()
        self._consumer.close()

    def _reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        return all(
            self._consumer.position(partition) >= end for partition, end in ends.items() if end > 0
        )

    def _poll(self, timeout: float) -> None:
        touched: dict[Task, None] = {}
        for batch in self._consumer.poll_batches(timeout, max_records=5_000):
            task = self._tasks[batch.topic_partition]
            self.done += len(batch.columns.offsets)
            task.add(batch.topic_partition, columns_of(batch))
            touched[task] = None
        for task in touched:
            while task.process(_STEP):
                pass
            task.seal()
            while not task.persist({}, _STEP):
                pass
            task.committed()
