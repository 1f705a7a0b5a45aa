"""A word count in Java, on Kafka Streams 4.3, runs on our broker and counts right, whoever is killed.

Lines come from an idempotent producer while the application, or the broker, is killed by kill -9 and started again.
Exactly once, a read_committed consumer sees each word's counts 1, 2, 3 … in order, each once. At least once, they go
as far at least; where the application itself isn't killed, its producer's retries repeat nothing either.
"""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import confluent_kafka as ck
import pytest
from broker_process import BrokerProcess
from java import JAVA_FOLDER, java_command

from streamkit.log.client import Admin, NewTopic

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]

SETTINGS = {
    "group.min.session.timeout.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}
WORDS = [f"word-{number}" for number in range(12)]
PARTITIONS = 2
_PATIENCE_S = 60.0


class WordCount:
    """The Java application, in a process that can be killed; `with` ends it."""

    def __init__(self, bootstrap: str, guarantee: str, folder: Path) -> None:
        program = JAVA_FOLDER / "StreamsWordCount.java"
        state = str(folder / "state")
        self._command = java_command(program, bootstrap, guarantee, state, heap="256m")
        self._log = (folder / "word-count.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log
        )

    def kill(self) -> None:
        """kill -9; the process must have been alive until then."""
        assert self._process is not None
        ended = self._process.poll()
        assert ended is None, f"the application ended by itself, with {ended}"
        self._process.kill()
        self._process.communicate()

    def close(self) -> int:
        """Let it close its streams; its exit code."""
        assert self._process is not None
        self._process.communicate(timeout=30)
        return self._process.returncode

    def __enter__(self) -> WordCount:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._log.close()


class Feeder:
    """Writes random lines from a thread of its own until it is stopped; `written` counts the words."""

    def __init__(self, bootstrap: str, seed: int) -> None:
        self.written: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._producer = ck.Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 2,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stopping.wait(0.005):
            words = self._random.choices(WORDS, k=3)
            self.written.update(words)
            self._producer.produce("lines", " ".join(words), partition=number % PARTITIONS)
            self._producer.poll(0)
            number += 1

    def stop(self) -> None:
        """Write no more; all is acknowledged then."""
        self._stopping.set()
        self._thread.join()
        assert self._producer.flush(30) == 0


class Counts:
    """What a read_committed consumer has seen of topic "counts"."""

    def __init__(self, bootstrap: str) -> None:
        self.seen: dict[str, list[int]] = defaultdict(list)
        self._consumer = ck.Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "the-test",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,
            }
        )
        self._consumer.assign([ck.TopicPartition("counts", each, 0) for each in range(PARTITIONS)])

    def read_until(self, enough: Callable[[], bool]) -> bool:
        """Read on; whether it was enough in good time."""
        deadline = time.monotonic() + _PATIENCE_S
        while not enough():
            if time.monotonic() > deadline:
                return False
            for message in self._consumer.consume(500, 0.2):
                if message.error() is None:
                    word, count = message.key(), message.value()
                    assert isinstance(word, bytes)
                    assert isinstance(count, bytes)
                    self.seen[word.decode()].append(int(count))
        return True

    @property
    def records(self) -> int:
        return sum(map(len, self.seen.values()))

    def reach(self, wanted: Counter[str]) -> bool:
        """Whether each word was counted at least that often."""
        return all(max(self.seen[word], default=0) >= n for word, n in wanted.items())

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    options = [part for each in SETTINGS.items() for part in ("--set", "=".join(each))]
    with (
        (tmp_path / "broker.log").open("a") as errors,
        BrokerProcess(tmp_path / "data", *options, errors=errors) as broker,
    ):
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic(name, PARTITIONS) for name in ("lines", "counts")])
        yield broker
    assert "Traceback" not in (tmp_path / "broker.log").read_text()


def counted(
    broker: BrokerProcess, folder: Path, guarantee: str, *, victims: str
) -> tuple[Counter[str], dict[str, list[int]]]:
    """What was written, and each word's counts as they were seen, after these were killed in turn."""
    feeder, counts = Feeder(broker.bootstrap, seed=len(victims)), Counts(broker.bootstrap)
    try:
        with WordCount(broker.bootstrap, guarantee, folder) as application:
            for victim in victims:
                before = counts.records
                assert counts.read_until(lambda: counts.records > before + 300)  # noqa: B023
                if victim == "a":
                    application.kill()
                    application.start()
                else:
                    broker.kill()
                    broker.start()
            before = counts.records
            assert counts.read_until(lambda: counts.records > before + 300)
            feeder.stop()
            assert counts.read_until(lambda: counts.reach(feeder.written))
            assert application.close() == 0
            # What it sends at the end, it has sent now: nothing more may come after this.
            end = time.monotonic() + 0.5
            counts.read_until(lambda: time.monotonic() > end)
    finally:
        feeder.stop()
        counts.close()
    return feeder.written, counts.seen


def assert_each_once(written: Counter[str], seen: dict[str, list[int]]) -> None:
    for word, n in written.items():
        assert seen[word] == list(range(1, n + 1)), word


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_counts_are_right_when_the_broker_is_killed(
    broker: BrokerProcess, tmp_path: Path, guarantee: str
) -> None:
    """The application's retries are idempotent, so nothing repeats at least once either."""
    written, seen = counted(broker, tmp_path, guarantee, victims="bb")
    assert_each_once(written, seen)


def test_counts_are_exact_when_the_application_and_the_broker_are_killed(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    written, seen = counted(broker, tmp_path, "exactly_once_v2", victims="aba")
    assert_each_once(written, seen)


def test_no_count_is_lost_at_least_once_when_the_application_is_killed(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    """After a kill, what wasn't committed is counted again: counts go as far as they should, or further."""
    written, seen = counted(broker, tmp_path, "at_least_once", victims="ab")
    assert seen.keys() == written.keys()
    for word, n in written.items():
        assert set(range(1, n + 1)) <= set(seen[word])
