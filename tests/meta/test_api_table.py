"""The page on the broker's APIs lists what the broker announces, beside what Apache Kafka does."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka_broker import KafkaBroker
from wire_client import WireClient

from streamkit.log.protocol import ApiKey
from streamkit.log.protocol.messages import ApiVersionsRequest
from streamkit.testing import EmbeddedBroker

_PAGE = Path(__file__).resolve().parents[2] / "docs/reference/apis.md"
_LIST = _PAGE.read_text(encoding="utf-8").partition("## The list")[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in _LIST.splitlines()
    if line.startswith("| ") and line[2].isdigit()
]


def test_apis_have_the_protocols_names() -> None:
    assert {int(key): name for key, name, *_ in ROWS} == {
        int(key): ApiKey(int(key)).name.title().replace("_", "") for key, *_ in ROWS
    }


def test_page_lists_what_the_broker_announces() -> None:
    with EmbeddedBroker() as broker:
        announced = _announced(broker.bootstrap)
    assert {int(row[0]): row[3] for row in ROWS if not row[3].startswith("no: ")} == announced


@pytest.mark.kafka
def test_page_lists_what_apache_kafka_announces(tmp_path: Path) -> None:
    with KafkaBroker(tmp_path / "kafka") as kafka:
        announced = _announced(kafka.bootstrap)
    assert {int(row[0]): row[2] for row in ROWS} == announced


def _announced(bootstrap: str) -> dict[int, str]:
    asked = ApiVersionsRequest(client_software_name="test", client_software_version="1")
    with WireClient(bootstrap, timeout=20) as client:
        return {
            each.api_key: str(each.min_version)
            if each.min_version == each.max_version
            else f"{each.min_version}-{each.max_version}"
            for each in client.ask(asked, 4).api_keys
        }
