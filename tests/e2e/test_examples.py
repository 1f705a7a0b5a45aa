"""The examples run as a newcomer runs them, and their results equal a plain recomputation."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from kafka_broker import KafkaBroker

from examples.nyc_flights.data import DataSet
from examples.nyc_flights.demo import read_delays
from examples.nyc_flights.expected import delays_per_hour
from examples.nyc_flights.feed import PARTITIONS, feed
from examples.word_count.app import WORD
from examples.word_count.app import app as word_count
from examples.word_count.text import text
from streamkit.log.client import Admin
from streamkit.testing import EmbeddedBroker, TopologyTestDriver

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_flights_with_two_workers(bootstrap: str, folder: Path) -> None:
    """Feed January, run two workers to the end; nothing dropped, result as the csv module has it."""
    data = DataSet()
    assert feed(bootstrap, data) == 27_004
    with Admin(bootstrap) as admin:
        topics = admin.describe_topics(["flights", "delays-per-hour"])
    assert [len(topic.partitions) for topic in topics.values()] == [PARTITIONS, PARTITIONS]
    summary = folder / "summary.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "streamkit", "worker", EXAMPLES / "nyc_flights" / "app.py"),
            *("--bootstrap", bootstrap, "--workers", "2", "--state-dir", folder / "state"),
            *("--stop-at-end", "--metrics-json", summary),
        ],
        check=True,
        cwd=EXAMPLES.parent,
        timeout=100,
    )
    metrics = json.loads(summary.read_text())
    assert metrics["dropped"] == 0
    assert metrics["processed"] > 4 * 26_000
    assert read_delays(bootstrap) == delays_per_hour(data)


def test_flights_equal_the_csv_recomputation_on_the_bundled_broker(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        run_flights_with_two_workers(broker.bootstrap, tmp_path)


@pytest.mark.kafka
def test_flights_equal_the_csv_recomputation_on_apache_kafka(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka") as broker:
        run_flights_with_two_workers(broker.bootstrap, tmp_path)


def test_word_count_counts_as_a_counter_does() -> None:
    lines = list(text())[:2000]
    counts: dict[str, int] = {}
    with TopologyTestDriver(word_count) as driver:
        for number, line in enumerate(lines):
            driver.pipe_input("lines", None, line, timestamp_ms=number)
        while (record := driver.read_output("word-counts")) is not None:
            assert record.value == counts.get(record.key, 0) + 1
            counts[record.key] = record.value
    assert counts == Counter(word for line in lines for word in WORD.findall(line.lower()))
