"""A global store that a processor of the user's fills, read by other processors."""

from __future__ import annotations

from typing import Any

import streamkit as sk
from streamkit.testing import TopologyTestDriver

TEXT = sk.serde_for(str)


class ByValue(sk.Processor[str, str, Any, Any]):
    def init(self, context: sk.ProcessorContext[Any, Any]) -> None:
        super().init(context)
        self.keys = context.store("keys")

    def process(self, record: sk.Record[str, str]) -> None:
        self.keys.put(record.value, record.key)


class Named(sk.FixedKeyProcessor[str, str, str]):
    def init(self, context: sk.FixedKeyProcessorContext[str]) -> None:
        super().init(context)
        self.keys = context.store("keys")

    def process(self, record: sk.Record[str, str]) -> None:
        self.context.forward(str(self.keys.get(record.value)))


def test_processors_read_what_the_global_processor_put() -> None:
    builder = sk.StreamsBuilder()
    spec = sk.StoreSpec("keys", sk.StoreKind.KEY_VALUE, TEXT, TEXT)
    builder.add_global_store(spec, "names", ByValue, key=str, value=str)
    builder.stream("in", key=str, value=str).process_values(Named, value=str).to("out")
    with TopologyTestDriver(builder) as driver:
        driver.pipe_input("names", "ann", "1", timestamp_ms=0)
        for value in ("1", "2"):
            driver.pipe_input("in", "k", value, timestamp_ms=1)
        assert [record.value for record in driver.read_all("out")] == ["ann", "None"]
