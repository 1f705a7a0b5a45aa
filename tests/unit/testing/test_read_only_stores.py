"""Stores that a topic fills and that are restored from it (KIP-813)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamkit import Processor, ProcessorContext, Record, StoreKind, StoreSpec, TopologyError
from streamkit.serde import serde_for
from streamkit.testing import TopologyTestDriver
from streamkit.topology import Topology, plan


class Filling(Processor[str, str, Any, Any]):
    def init(self, context: ProcessorContext[Any, Any]) -> None:
        self.rows = context.store("names")

    def process(self, record: Record[str, str]) -> None:
        self.rows.put(record.key, record.value)


class Naming(Processor[str, str, str, str]):
    def init(self, context: ProcessorContext[str, str]) -> None:
        super().init(context)
        self.rows = context.store("names")

    def process(self, record: Record[str, str]) -> None:
        name = self.rows.get(record.key)
        self.context.forward(Record(record.key, f"{name} {record.value}", record.timestamp_ms))


def named() -> Topology:
    text = serde_for(str)
    topology = Topology()
    topology.add_read_only_state_store(
        StoreSpec("names", StoreKind.KEY_VALUE, text, text),
        "names",
        Filling,
        source_name="read",
        processor_name="fill",
        key=str,
        value=str,
    )
    topology.add_source("orders", "orders", key=str, value=str)
    topology.add_processor("name", Naming, "orders", stores=["names"])
    topology.add_sink("out", "out", "name", key=str, value=str)
    return topology


@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
def test_processors_read_what_the_topic_says(backend: str, tmp_path: Path) -> None:
    with TopologyTestDriver(named(), backend=backend, state_dir=tmp_path) as driver:
        driver.pipe_input("names", "a", "Ann", timestamp_ms=1)
        driver.pipe_input("orders", "a", "tea", timestamp_ms=2)
        (record,) = driver.read_all("out")
        assert record.value == "Ann tea"


def test_the_topic_is_the_changelog() -> None:
    planned = plan(named(), "app")
    (sub,) = planned.sub_topologies
    assert dict(sub.changelogs) == {"names": "names"}
    assert not planned.internal_topics


def test_its_topic_has_no_other_source() -> None:
    with pytest.raises(TopologyError, match="is read by source"):
        named().add_source("again", "names")
