"""Groups of the consumer protocol (KIP-848) as Kafka's Java consumer forms them, on both brokers.

`tests/java/ConsumerProtocolJudge.java` runs once a broker; each of its checks is a test here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from java import JAVA_FOLDER, run_java
from kafka_broker import KafkaBroker

from streamkit.testing import EmbeddedBroker

pytestmark = [
    pytest.mark.scenario("consumer_protocol", client="java"),
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(400),
]
SETTINGS = {
    "group.consumer.heartbeat.interval.ms": "100",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.session.timeout.ms": "5000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.assignment.interval.ms": "0",
}
CHECKS = (
    "group_settings",
    "more_partitions",
    "pattern",
    "range_assignor",
    "roll_CooperativeSticky",
    "roll_Range",
    "share_and_take_over",
    "static_member",
    "transactional_offsets",
)


@pytest.fixture(scope="module", params=["streamkit", "kafka"])
def verdicts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the judge says of each check."""
    if request.param == "streamkit":
        with EmbeddedBroker(settings=SETTINGS) as broker:
            return judge(broker.bootstrap)
    folder: Path = tmp_path_factory.mktemp("kafka")
    with KafkaBroker(folder, SETTINGS) as kafka:
        return judge(kafka.bootstrap)


def judge(bootstrap: str) -> dict[str, str]:
    output = run_java(JAVA_FOLDER / "ConsumerProtocolJudge.java", bootstrap, timeout=350)
    lines = [line.partition(" ") for line in output.splitlines()]
    return {name: verdict for name, _, verdict in lines if name in CHECKS}


@pytest.mark.parametrize("check", CHECKS)
def test_java_consumer(verdicts: dict[str, str], check: str) -> None:
    assert verdicts.get(check) == "ok"
