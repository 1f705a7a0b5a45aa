"""The unit of work that moves between workers."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TaskId"]


class TaskId(NamedTuple):
    """A sub-topology and a partition number; its text form is Kafka Streams' `0_3`.

    Source: org.apache.kafka.streams.processor.TaskId.
    """

    sub_topology: int
    partition: int

    def __str__(self) -> str:
        return f"{self.sub_topology}_{self.partition}"

    @classmethod
    def parse(cls, text: str) -> TaskId:
        """The task id written as `text`.

        Raises:
            ValueError: `text` is not of the form `<number>_<number>`.
        """
        sub_topology, separator, partition = text.partition("_")
        if not separator or not sub_topology.isdigit() or not partition.isdigit():
            raise ValueError(f"{text!r} is not a task id such as '0_3'")
        return cls(int(sub_topology), int(partition))
