"""The recorded answers of Kafka Streams 4.3.0, given by a real worker on the bundled broker.

The test driver's twin (`test_vectors.py`) holds the operators to every single step. Here the same cases go
through sockets, consumer group, repartition topics, changelogs and commits. Inputs of one topic that follow each
other are sent together; before the topic changes, or the clock moves, the worker has to be done with them, since a
worker would otherwise take records of two topics by their timestamps. So every output topic holds the same
records in the same order, and every store ends with the same content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from vector_cases import BUILDERS, CASES, Case, content, encoded, serde, shown_key

from streamkit.clock import ManualClock
from streamkit.dsl import StreamsBuilder
from streamkit.log.client import Admin, Consumer, ConsumerRecord, NewTopic, Producer
from streamkit.model import TopicPartition
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.runtime.worker_status import WorkerStatus
from streamkit.serde import Serde
from streamkit.state import StateStore
from streamkit.testing import EmbeddedBroker, TopologyTestDriver

pytestmark = pytest.mark.timeout(60)

_IDLE_ROUNDS = 3
_NO_TIME = "negative timestamp"
_SETTINGS = {"log.message.timestamp.after.max.ms": str(2**63 - 1)}


def _quick() -> set[str]:
    """One case a family: the one that takes the fewest rounds."""
    chosen: dict[str, tuple[int, str]] = {}
    for name in BUILDERS:
        case = CASES[name]
        cost = (len(list(_runs(case))) * 100 - len(case["inputs"]), name)
        chosen[case["family"]] = min(chosen.get(case["family"], cost), cost)
    return {name for _, name in chosen.values()}


def _runs(case: Case) -> Iterator[tuple[str | None, list[dict[str, Any]]]]:
    """Inputs that may be given at once, with their topic; None: the clock moves."""
    alone = case["family"].startswith("foreign_key")
    for topic, inputs in groupby(case["inputs"], lambda given: given.get("topic")):
        if alone:  # of rows that change before the other table answers, only the last one counts
            yield from ((topic, [each]) for each in inputs)
        else:
            yield topic, list(inputs)


QUICK = _quick()


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in BUILDERS],
)
def test_worker_gives_the_results_of_kafka_streams(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    with (
        EmbeddedBroker(settings=_SETTINGS) as broker,
        Run(case, name, broker.bootstrap, tmp_path) as run,
    ):
        for topic, inputs in _runs(case):
            run.give(topic, inputs)
        for store in case["types"]["stores"]:
            assert content(run.store(store), case) == case["stores"][store]
        run.stop()
        for topic, expected in case["outputs"].items():
            assert run.read(topic) == expected


class Run:
    """A worker at work on one case.

    A twin in the test driver gets the same inputs; it tells how many records will go through repartition topics, so
    that it is known when the worker is done.
    """

    def __init__(self, case: Case, name: str, bootstrap: str, folder: Path) -> None:
        self._case = case
        self._bootstrap = bootstrap
        self._clock = ManualClock()
        builder = StreamsBuilder()
        BUILDERS[name](builder, case["params"])
        topology = builder.build()
        settings = WorkerSettings(
            application_id="vectors",
            bootstrap=bootstrap,
            state_dir=folder,
            commit_interval_ms=200,
            linger_ms=0,
        )
        self._worker = Worker(topology, settings, clock=self._clock)
        self._twin = TopologyTestDriver(topology, backend="memory")
        self._globals = {node.source.topics[0] for node in self._worker.plan.global_stores}
        self._given = 0
        self._global_given = 0

    def __enter__(self) -> Run:
        types = self._case["types"]
        with Admin(self._bootstrap) as admin:
            topics = dict.fromkeys((*types["inputs"], *types["outputs"]))
            admin.create_topics([NewTopic(topic, 1) for topic in topics])
        self._producer = Producer(self._bootstrap, linger_ms=0)
        self._worker.start()
        self._wait(lambda: self._worker.status.state == "running")
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.stop()
        self._worker.join(30)
        self._producer.close()
        self._twin.close()

    def stop(self) -> None:
        """A graceful end."""
        self._worker.stop()
        assert self._worker.join(30), "the worker does not stop"

    def give(self, topic: str | None, inputs: list[dict[str, Any]]) -> None:
        """Give these inputs and wait until the worker is done with all that they cause."""
        if topic is None:
            for given in inputs:
                self._twin.advance_wall_clock(given["advance_wall_clock_ms"])
                self._clock.advance(given["advance_wall_clock_ms"])
                self._idle()
        else:
            types = self._case["types"]["inputs"][topic]
            for given in inputs:
                key = encoded(types["key"], given["key"])
                value = encoded(types["value"], given["value"])
                self._twin.pipe_raw(topic, key, value, given["ts"])
                self._producer.append(topic, 0, key, value, given["ts"], ())
            self._producer.flush()
            if topic in self._globals:
                self._global_given += len(inputs)
            else:
                self._given += len(inputs)
        expected = self._given + sum(
            self._twin._topics.end_offset(name)
            for name, internal in self._twin.plan.internal_topics.items()
            if internal.kind == "repartition"
        )
        self._wait(lambda: self._taken() >= expected)
        self._wait(lambda: self._worker._work.global_tables.done >= self._global_given)
        assert self._taken() == expected

    def store(self, name: str) -> StateStore:
        """A store of the worker, which has nothing to do."""
        self._idle()
        work = self._worker._work
        stores = dict(work.global_tables.stores)
        for task in work.tasks.running():
            stores.update(task.stores)
        return stores[name]

    def read(self, topic: str) -> list[dict[str, Any]]:
        """All records of an output topic, as the vectors write them."""
        types = self._case["types"]["outputs"][topic]
        key, value = serde(self._case, types["key"]), serde(self._case, types["value"])
        partition = TopicPartition(topic, 0)
        records: list[ConsumerRecord] = []
        with Consumer(self._bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([partition])
            end = consumer.end_offsets([partition])[partition]
            consumer.seek_to_beginning()
            while consumer.position(partition) < end:
                records += consumer.poll(0.2)
        return [
            {
                "key": decoded(key, record.key),
                "value": decoded(value, record.value),
                "ts": record.timestamp_ms,
            }
            for record in records
        ]

    def _taken(self) -> int:
        """Records that the tasks have dealt with, those without a usable timestamp too."""
        status = self._worker.status
        refused = (count for (_, why), count in status.dropped.items() if why == _NO_TIME)
        return status.processed + sum(refused)

    def _idle(self) -> None:
        """Wait until the processing thread has gone round a few times: each publishes a status."""
        for _ in range(_IDLE_ROUNDS):
            before = self._worker.status
            self._worker._work.wakeup()
            self._wait_for_other(before)

    def _wait_for_other(self, status: WorkerStatus) -> None:
        self._wait(lambda: self._worker.status is not status)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {self._worker.status}"
            self._worker.join(0)
            time.sleep(0.001)


def decoded(form: Serde[Any], data: bytes | None) -> Any:
    return None if data is None else shown_key(form.deserialize("", data))
