"""Where to read a partition on when the group has no offset of it, or one that the log does not hold any more.

The source's own word (`offset_reset=`) comes before the application's; internal topics begin with their first
record, as whatever is in them was not processed yet.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta

from streamkit.clock import Clock
from streamkit.errors import StreamkitError
from streamkit.log.client import Consumer
from streamkit.model.records import TopicPartition
from streamkit.topology.nodes import OffsetReset
from streamkit.topology.plan import TopologyPlan

__all__ = ["StartingOffsets"]

log = logging.getLogger(__name__)


class StartingOffsets:
    """The reset policies of one application.

    Args:
        plan: names the sources.
        default: "earliest" or "latest", for sources that don't say.
        clock: for sources that begin so long ago.
    """

    def __init__(self, plan: TopologyPlan, default: str, clock: Clock) -> None:
        self._plan = plan
        self._default = default
        self._clock = clock

    def policy(self, topic: str) -> OffsetReset:
        """What the source of `topic` says."""
        if topic in self._plan.internal_topics:
            return "earliest"
        for sub in self._plan.sub_topologies:
            for source in sub.sources:
                matches = source.pattern is not None and source.pattern.fullmatch(topic)
                if (topic in source.topics or matches) and source.offset_reset is not None:
                    return source.offset_reset
        return "latest" if self._default == "latest" else "earliest"

    def of_consumer(self, topic: str) -> str:
        """The policy as the consumer has it; what it does not know, it shall raise."""
        policy = self.policy(topic)
        return policy if isinstance(policy, str) else "none"

    def seek(self, consumer: Consumer, partitions: Collection[TopicPartition], why: str) -> None:
        """Move the consumer to where these partitions begin.

        Args:
            why: said if a source has no policy.

        Raises:
            StreamkitError: a source says that there has to be an offset.
        """
        begin, end = [], []
        times: dict[TopicPartition, int] = {}
        for partition in partitions:
            policy = self.policy(partition.topic)
            if policy == "none":
                raise StreamkitError(
                    f"{why} for {partition}, and its source says offset_reset='none'"
                )
            if isinstance(policy, timedelta):
                before_ms = policy // timedelta(milliseconds=1)
                times[partition] = max(0, self._clock.now_ms() - before_ms)
            elif policy == "latest":
                end.append(partition)
            else:
                begin.append(partition)
        if times:
            for partition, found in consumer.offsets_for_times(times).items():
                if found is None:  # nothing is that young
                    end.append(partition)
                else:
                    consumer.seek(partition, found.offset)
        if end:
            for partition, offset in consumer.end_offsets(end).items():
                consumer.seek(partition, offset)
        if begin:
            consumer.seek_to_beginning(begin)
