"""Transactions of Kafka's Java clients, Kafka Streams and command line tools.

`tests/java/TransactionJudge.java` runs once a broker; each of its checks is a test here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest
from java import JAVA_FOLDER, run_java

from streamkit.log.client import (
    Admin,
    ConsumerGroupMetadata,
    NewTopic,
    OffsetAndMetadata,
    Producer,
)
from streamkit.model import TopicPartition
from streamkit.testing import EmbeddedBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

CHECKS = {
    "abort_by_admin": "transactions_admin",
    "commit_and_abort": "transactions",
    "describe": "transactions_admin",
    "fence_by_admin": "fencing",
    "fencing": "fencing",
    "new_epoch_each_transaction": "transactions",
    "offsets": "transaction_offsets",
    "streams_exactly_once": "transactions",
    "timeout": "transaction_timeout",
    "timeout_too_long": "transaction_timeout",
}
"""What the judge prints for each check, and the scenario that it shows."""


class Cluster(Protocol):
    """The broker to be judged, from the fixture in `conftest`."""

    @property
    def bootstrap(self) -> str: ...


@pytest.fixture(scope="session")
def bootstrap(cluster: Cluster) -> str:
    return cluster.bootstrap


@pytest.fixture(scope="session")
def verdicts(bootstrap: str) -> dict[str, str]:
    """What the judge says of each check."""
    output = run_java(JAVA_FOLDER / "TransactionJudge.java", bootstrap, timeout=350)
    lines = [line.partition(" ") for line in output.splitlines()]
    return {name: verdict for name, _, verdict in lines if name in CHECKS}


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, marks=pytest.mark.scenario(s, client="java")) for c, s in CHECKS.items()],
)
def test_java_transactions_work(verdicts: dict[str, str], check: str) -> None:
    assert verdicts[check] == "ok"


def test_dump_log_decodes_our_transaction_state(tmp_path: Path) -> None:
    """Kafka's own decoders read ids, markers and offsets of transactions from the segment files."""
    settings = {
        "transaction.state.log.num.partitions": "1",
        "offsets.topic.num.partitions": "1",
    }
    with EmbeddedBroker(data_dir=tmp_path, settings=settings) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("t", 1)])
        with Producer(broker.bootstrap, transactional_id="dumped") as producer:
            producer.init_transactions()
            for commit in (True, False):
                producer.begin_transaction()
                producer.send("t", b"v", partition=0).result(20)
                offsets = {TopicPartition("t", 0): OffsetAndMetadata(1)}
                producer.send_offsets_to_transaction(offsets, ConsumerGroupMetadata("g"))
                if commit:
                    producer.commit_transaction()
                else:
                    producer.abort_transaction()
    found = {}
    for topic, decoder in (
        ("__transaction_state", "--transaction-log-decoder"),
        ("__consumer_offsets", "--offsets-decoder"),
        ("t", "--deep-iteration"),
    ):
        (segment,) = tmp_path.glob(f"{topic}-0/*.log")
        arguments = (decoder, "--files", str(segment))
        found[topic] = run_java("org.apache.kafka.tools.DumpLogSegments", *arguments, timeout=60)
    states = found["__transaction_state"].replace(" ", "")
    assert "dumped" in states
    for status in range(6):
        # Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort.
        assert f'"transactionStatus":{status}' in states
    assert '"group":"g"' in found["__consumer_offsets"]
    for output in (found["__consumer_offsets"], found["t"]):
        assert "endTxnMarker: COMMIT" in output
        assert "endTxnMarker: ABORT" in output
