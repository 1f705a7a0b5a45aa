"""The commit of a worker, at least once.

| step | after a crash before the next one |
| --- | --- |
| 1. seal the stores, send their changelogs; wait until the log has these and all outputs | outputs may repeat |
| 2. move the sealed writes to RocksDB, the changelog offset with the last of them | state is ahead of the inputs |
| 3. commit the input offsets | |

A crash after the log took changelog records and before step 3 ends leaves state ahead of the input offsets:
those inputs are then applied twice. That window is what at least once means; exactly once closes it.

Interpreted on purpose: compiled code keeps the interpreter's lock, so the loops over steps are here and
let the network thread run between them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Protocol

from streamkit.errors import BrokerError, StreamkitError, caused_by
from streamkit.log.client import OffsetAndMetadata
from streamkit.model.records import TopicPartition
from streamkit.runtime.offset_metadata import OffsetMetadata
from streamkit.runtime.task import Committable, Task

__all__ = ["CommitLog", "OffsetsRefusedError", "commit_tasks", "offsets_of", "saved_state"]

log = logging.getLogger(__name__)

STEP = 2_000
"""Store entries between two chances for other threads."""


class OffsetsRefusedError(StreamkitError):
    """The group did not take input offsets. Outputs and changelogs are in the log, and stores are written.

    Attributes:
        refusal: what the coordinator said.
    """

    def __init__(self, refusal: BrokerError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class CommitLog(Protocol):
    """What a commit needs of the log."""

    def flush(self) -> None:
        """Wait until everything sent so far is acknowledged."""
        ...

    def end_offsets(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The offset after the last record of each partition."""
        ...

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit input offsets for the group.

        Raises:
            BrokerError: the group refuses.
        """
        ...


def commit_tasks(tasks: Collection[Task], commit_log: CommitLog) -> dict[TopicPartition, int]:
    """Commit what these tasks did since their last commit.

    Returns:
        the input offsets committed.

    Raises:
        OffsetsRefusedError: nothing of step 3 took place; the tasks may go on, and commit again.
        StreamkitError: outputs could not be delivered, or a store could not be written.
    """
    due = [task for task in tasks if task.commit_needed]
    if not due:
        return {}
    for task in due:
        task.seal()
        while not task.write_changelog(STEP):
            pass
    commit_log.flush()
    changelogs = [partition for task in due for partition in task.changelog_partitions()]
    ends = commit_log.end_offsets(changelogs) if changelogs else {}
    for task in due:
        while not task.persist(ends, STEP):
            pass
    offsets: dict[TopicPartition, OffsetAndMetadata] = {}
    for task in due:
        offsets.update(offsets_of(task.committable()))
    if offsets:
        try:
            commit_log.commit(offsets)
        except BrokerError as error:
            raise caused_by(OffsetsRefusedError(error), error) from error
    for task in due:
        task.committed()
    return {partition: offset.offset for partition, offset in offsets.items()}


def offsets_of(
    committable: Mapping[TopicPartition, Committable],
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Offsets as the group's coordinator takes them, metadata in Kafka Streams' layout."""
    return {
        partition: OffsetAndMetadata(
            saved.offset, OffsetMetadata(saved.partition_time, saved.node_times).encode()
        )
        for partition, saved in committable.items()
    }


def saved_state(
    committed: Mapping[TopicPartition, OffsetAndMetadata | None],
) -> dict[TopicPartition, Committable]:
    """What the last commit said, for `Task.start`; partitions without a commit are left out."""
    saved = {}
    for partition, offset in committed.items():
        if offset is not None:
            metadata = OffsetMetadata.decode(offset.metadata)
            saved[partition] = Committable(
                offset.offset, metadata.partition_time_ms, dict(metadata.node_times)
            )
    return saved
