"""A takeover at any moment: inputs go on coming, and repartition topics may hold what nobody has read yet.

Everything is in one partition, so what comes out depends on the inputs alone.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from streams_application import StreamsApplications
from takeover_lab import Case, Results, Run, Shift
from topology_json import Input, Node

from streamkit.errors import StreamkitError
from streamkit.model import TopicPartition
from streamkit.testing import EmbeddedBroker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

RECORDS = 1_500
WINDOWED: Node = {
    "op": "aggregate",
    "of": [0],
    "how": "aggregate",
    "f": 0,
    "by": 0,
    "store": "sums",
    "windows": {"size": 40, "advance": 20, "grace": 30},
    "kind": "window",
}
CASE = Case(
    [
        {"op": "stream", "topic": "in"},
        WINDOWED,
        {"op": "suppress_close", "of": [1]},
        {"op": "windowed_to_stream", "of": [2]},
        {"op": "to", "of": [3], "topic": "closed"},
        {"op": "aggregate", "of": [0], "how": "reduce", "f": 0, "by": 3, "store": "folds"},
        {"op": "to_stream", "of": [5]},
        {"op": "to", "of": [6], "topic": "folded"},
    ],
    (),
)
BUFFER = ("KTABLE-SUPPRESS-STATE-STORE-0000000007", 0)
QUICK_GROUP = {"group.min.session.timeout.ms": "500"}
QUICK_TRANSACTIONS = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "200"}
QUICK_MEMBER = {"consumer.session.timeout.ms": "1000", "consumer.heartbeat.interval.ms": "200"}
EXACTLY_ONCE = {
    "processing.guarantee": "exactly_once_v2",
    "producer.transaction.timeout.ms": "2000",
}


def inputs() -> list[Input]:
    chance = random.Random(7)
    return [
        {
            "topic": "in",
            "key": chance.choice("abc"),
            "value": f"{chance.choice('uvwxyz')}{number}",
            "ts": max(0, number + chance.randint(-40, 0)),
        }
        for number in range(RECORDS)
    ]


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamsApplications]:
    with StreamsApplications(tmp_path_factory.mktemp("java") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def reference(java: StreamsApplications, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Kafka Streams, uninterrupted."""
    folder = tmp_path_factory.mktemp("reference")
    with (
        EmbeddedBroker() as broker,
        Run(CASE, "takeover", broker.bootstrap, folder / "state", java) as run,
    ):
        with run.running(Shift("java")):
            run.give(inputs())
        return run.results()


def come(run: Run, go_on: threading.Event) -> threading.Thread:
    """Inputs come for a while, on a thread; the last third once they shall go on."""

    def give() -> None:
        for number, given in enumerate(inputs()):
            if number == RECORDS * 2 // 3:
                run.flush()
                go_on.wait()
            run.produce(given)
            if number % 15 == 14:
                run.flush()
                time.sleep(0.008)
        run.flush()

    thread = threading.Thread(target=give)
    thread.start()
    return thread


def wait_until_midway(run: Run) -> None:
    deadline = time.monotonic() + 30
    source = TopicPartition("in", 0)
    while True:
        committed = run.admin.group_offsets("takeover").get(source)
        if committed is not None and committed.offset >= RECORDS // 3:
            return
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize(
    "shifts",
    [
        (Shift("java"), Shift("python")),
        (Shift("python"), Shift("java")),
        (Shift("java", "kill"), Shift("python")),
    ],
    ids=["java then python", "python then java", "java killed, exactly once, then python"],
)
def test_takeover_midway_loses_and_repeats_nothing(
    shifts: tuple[Shift, Shift], reference: Results, java: StreamsApplications, tmp_path: Path
) -> None:
    killed = shifts[0].end == "kill"
    with (
        EmbeddedBroker(settings=QUICK_GROUP | QUICK_TRANSACTIONS) as broker,
        StreamsApplications(tmp_path / "log") if killed else nullcontext(java) as jvm,
        Run(CASE, "takeover", broker.bootstrap, tmp_path / "state", jvm) as run,
    ):
        run.settings.update(QUICK_MEMBER | (EXACTLY_ONCE if killed else {}))
        stopped = threading.Event()
        coming = come(run, stopped)
        try:
            with run.running(shifts[0]):
                wait_until_midway(run)
        finally:
            stopped.set()
            coming.join()
        with run.running(shifts[1]):
            run.wait_until_done()
        found = run.results()
    assert found.outputs == reference.outputs
    for store, rows in reference.stores.items():
        # What is buffered tells its offset in the repartition topic, where transactions leave markers.
        if not killed or store != BUFFER:
            assert found.stores[store] == rows


@pytest.mark.parametrize("first", ["java", "python"])
def test_the_other_side_is_refused_while_one_runs(
    first: str, java: StreamsApplications, tmp_path: Path
) -> None:
    """Clearly, and without harm to the one that runs."""
    share = inputs()[:40]
    with (
        EmbeddedBroker(settings=QUICK_GROUP) as broker,
        Run(CASE, "takeover", broker.bootstrap, tmp_path / "state", java) as run,
        run.running(Shift(first)),
    ):
        run.give(share[:20])
        if first == "java":
            worker = run.worker(session_timeout_ms=600)
            worker.start()
            with pytest.raises(StreamkitError, match="protocol 'stream' that are no streamkit"):
                worker.join(20)
        else:
            java.start("takeover", broker.bootstrap, tmp_path / "other", CASE.nodes, {})
            deadline = time.monotonic() + 20
            while not (state := java.state("takeover", broker.bootstrap))[1]:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert "InconsistentGroupProtocolException" in state[1]
        run.give(share[20:])
