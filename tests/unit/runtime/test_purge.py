"""The purge of repartition topics: what fails is told and tried again, and an end never waits for a thread that is gone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

import streamkit as sk
from streamkit.errors import NotReachableError
from streamkit.model import TopicPartition
from streamkit.runtime.purge import Purger
from streamkit.topology.plan import TopologyPlan, plan

REPARTITION = TopicPartition("app-by-repartition", 0)


class Brokers:
    """Takes deletions; raises what stands in `faults` first."""

    def __init__(self, *faults: BaseException) -> None:
        self.faults = list(faults)
        self.deleted: list[dict[TopicPartition, int]] = []
        self.asked = threading.Semaphore(0)

    def delete_records(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            if self.faults:
                raise self.faults.pop(0)
            self.deleted.append(dict(offsets))
        finally:
            self.asked.release()


def planned() -> TopologyPlan:
    builder = sk.StreamsBuilder()
    stream = builder.stream("in", key=str, value=str)
    stream.group_by(lambda _, value: value, key=str, name="by").count(store="counts")
    return plan(builder.build(), "app")


def purger(brokers: Brokers) -> Purger:
    admin: Any = brokers
    return Purger(planned(), admin)


def test_only_repartition_topics_are_purged_and_each_offset_once() -> None:
    brokers = Brokers()
    purging = purger(brokers)
    for offset in (5, 5, 9):
        purging.purge({REPARTITION: offset, TopicPartition("in", 0): 100})
        if offset != 5 or not brokers.deleted:
            assert brokers.asked.acquire(timeout=10)
    purging.close()
    assert brokers.deleted == [{REPARTITION: 5}, {REPARTITION: 9}]


@pytest.mark.parametrize("fault", [NotReachableError("away"), ZeroDivisionError("a bug")])
def test_purge_that_fails_does_not_end_purging(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    brokers = Brokers(fault)
    with caplog.at_level("INFO", "streamkit.runtime.purge"):
        purging = purger(brokers)
        for offset in (5, 9):
            purging.purge({REPARTITION: offset})
            assert brokers.asked.acquire(timeout=10)
        purging.close()
    assert brokers.deleted == [{REPARTITION: 9}]
    assert "were not purged" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_close_does_not_wait_for_a_thread_that_has_gone() -> None:
    """What waits in its queue, full at one entry, will never be taken."""
    brokers = Brokers(SystemExit(1))
    purging = purger(brokers)
    purging.purge({REPARTITION: 5})
    assert brokers.asked.acquire(timeout=10)
    purging.purge({REPARTITION: 9})
    purging.purge({REPARTITION: 12})
    purging.close()
