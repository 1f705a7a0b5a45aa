"""The stores of one task, and their part of a commit.

| step | what happens |
| --- | --- |
| `seal` | the current generation of writes ends; processing could go on into the next |
| `write_changelog` | the sealed generation goes to the changelog topics, one record a key |
| `persist` | once the log has it, it moves into the backends, the changelog offset with the last entry |
"""

from __future__ import annotations

from collections.abc import Mapping

from mypy_extensions import i64

from streamkit.model.records import EMPTY_HEADERS, Headers, TopicPartition
from streamkit.operators.context import RecordCollector
from streamkit.state import ChangelogWriter, SealedGeneration, StateStore, StoreContext

__all__ = ["TaskStores"]


class _TopicWriter(ChangelogWriter):
    """Sends one store's changelog records to the task's partition of its topic."""

    def __init__(self, collector: RecordCollector, topic: str, partition: int) -> None:
        self._collector = collector
        self._topic = topic
        self._partition = partition

    def write(self, key: bytes, value: bytes | None, timestamp: i64) -> None:
        self._collector.send(self._topic, self._partition, key, value, timestamp, EMPTY_HEADERS)

    def write_with_headers(
        self, key: bytes, value: bytes, timestamp: i64, headers: Headers
    ) -> None:
        self._collector.send(self._topic, self._partition, key, value, timestamp, headers)


class TaskStores:
    """Owned by the task.

    Args:
        partition: the task's, and that of its changelogs.
        by_name: the stores, open.
        changelogs: changelog topic by store, for logged stores.
        source_changelogs: names of the stores whose changelog is a source topic: nothing is written.
        collector: where changelog records go.
    """

    def __init__(
        self,
        partition: int,
        by_name: dict[str, StateStore],
        changelogs: Mapping[str, str],
        source_changelogs: frozenset[str],
        collector: RecordCollector,
    ) -> None:
        self.by_name = by_name
        self._collector = collector
        self._sealed: list[tuple[StateStore, SealedGeneration]] = []
        self._from_source = source_changelogs
        self._changelogs: dict[str, TopicPartition] = {
            store: TopicPartition(topic, partition) for store, topic in changelogs.items()
        }

    def init(self, context: StoreContext) -> None:
        """Let the stores meet the task."""
        for store in self.by_name.values():
            store.init(context)

    def restorable(self) -> dict[TopicPartition, StateStore]:
        """Stores that a changelog can fill, by its partition."""
        return {partition: self.by_name[store] for store, partition in self._changelogs.items()}

    def seal(self) -> None:
        for store in self.by_name.values():
            generation = store.seal()
            if generation is not None:
                self._sealed.append((store, generation))

    def write_changelog(self, limit: i64) -> bool:
        """Send up to `limit` entries a store (0: all); True once through."""
        through = True
        for store, generation in self._sealed:
            partition = self._written_to(store.name)
            if partition is not None:
                writer = _TopicWriter(self._collector, partition.topic, partition.partition)
                through = generation.write_changelog(writer, limit) and through
        return through

    def changelog_partitions(self) -> list[TopicPartition]:
        """Where the sealed generation is written to."""
        partitions = (self._written_to(store.name) for store, _ in self._sealed)
        return [partition for partition in partitions if partition is not None]

    def persist(
        self,
        ends: Mapping[TopicPartition, int],
        inputs: Mapping[TopicPartition, int],
        limit: i64,
    ) -> bool:
        """Move up to `limit` entries a store to the backends; True once through.

        Args:
            ends: offset after the last acknowledged record of each changelog partition.
            inputs: offset after the last processed record of each input partition, for the stores
                whose changelog is an input.
        """
        through = True
        for store, generation in self._sealed:
            partition = self._changelogs.get(store.name)
            next_offset: i64 = -1
            if partition is not None:
                known = inputs if store.name in self._from_source else ends
                next_offset = known.get(partition, -1)
            through = generation.persist(next_offset, limit) and through
        if through:
            self._sealed.clear()
        return through

    def discard(self) -> None:
        """Forget every write that was not persisted."""
        self._sealed.clear()
        for store in self.by_name.values():
            store.discard()

    def close(self) -> None:
        """Close every store, also after one that can't be: its files would stay locked."""
        failure: Exception | None = None
        for store in self.by_name.values():
            try:
                store.close()
            except Exception as error:  # noqa: BLE001  # raised below
                failure = failure or error
        if failure is not None:
            raise failure

    def _written_to(self, store: str) -> TopicPartition | None:
        return None if store in self._from_source else self._changelogs.get(store)
