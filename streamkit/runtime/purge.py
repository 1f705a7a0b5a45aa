"""Deletes records of repartition topics that every reader has committed.

Their topics keep records for ever otherwise. A failure is no harm: the next purge deletes more.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Mapping

from streamkit.errors import StreamkitError
from streamkit.log.client import Admin
from streamkit.model.records import TopicPartition
from streamkit.topology.plan import TopologyPlan

__all__ = ["Purger"]

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1


class Purger:
    """Asks the broker in a thread of its own, so that no commit waits for it.

    Args:
        plan: names the repartition topics.
        admin: used by the thread until `close`.
    """

    def __init__(self, plan: TopologyPlan, admin: Admin) -> None:
        self._topics = {
            name for name, topic in plan.internal_topics.items() if topic.kind == "repartition"
        }
        self._admin = admin
        self._asked: dict[TopicPartition, int] = {}
        self._work: queue.Queue[dict[TopicPartition, int] | None] = queue.Queue(maxsize=1)
        self._thread: threading.Thread | None = None

    def purge(self, committed: Mapping[TopicPartition, int]) -> None:
        """Delete below these offsets soon; skipped while an earlier purge is under way."""
        due = {
            partition: offset
            for partition, offset in committed.items()
            if partition.topic in self._topics and offset > self._asked.get(partition, 0)
        }
        if not due:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="streamkit-purge", daemon=True)
            self._thread.start()
        try:
            self._work.put_nowait(due)
        except queue.Full:
            return
        self._asked.update(due)

    def close(self) -> None:
        """End the thread after what it does now."""
        if self._thread is not None:
            while self._thread.is_alive():
                with contextlib.suppress(queue.Full):
                    self._work.put(None, timeout=_LOOK_SECONDS)
                    break
            self._thread.join()

    def _run(self) -> None:
        while (due := self._work.get()) is not None:
            try:
                self._admin.delete_records(due)
            except StreamkitError as error:
                log.info("repartition topics were not purged: %s", error)
            except Exception:  # the thread's boundary: the next purge may go well
                log.exception("repartition topics were not purged")
