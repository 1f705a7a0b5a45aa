"""The ends of a sub-topology: bytes to records and back."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_lab import Lab, Sent, Written

from streamkit import StreamsBuilder
from streamkit.errors import SerdeError, TopologyError
from streamkit.log.client.partitioner import partition_for_key
from streamkit.model import Change, RecordInfo, Window, Windowed
from streamkit.operators.change_codec import decode_change, encode_change
from streamkit.operators.sink import SinkOperator
from streamkit.operators.source import SourceOperator
from streamkit.operators.timestamps import (
    FieldTime,
    partition_time_if_negative,
    record_time,
    record_time_or_fail,
    wall_clock_time,
)
from streamkit.serde import IntegerSerde, StringSerde
from streamkit.serde.windowed import TimeWindowedSerde
from streamkit.testing import TopologyTestDriver


def source(*arguments: Any, **options: Any) -> tuple[Lab, SourceOperator]:
    operator = SourceOperator(*arguments, **options)
    return Lab(operator), operator


def test_source_decodes_keys_and_values_and_leaves_nulls() -> None:
    lab, operator = source(StringSerde(), IntegerSerde())
    operator.process_raw("t", b"k", (7).to_bytes(8, "big"), 5, ())
    operator.process_raw("t", None, None, 6, ())
    assert lab.capture.take() == [Sent("k", 7, 5), Sent(None, None, 6)]


def test_source_without_serdes_passes_bytes() -> None:
    lab, operator = source()
    operator.process_raw("t", b"k", b"v", 5, ())
    assert lab.capture.take() == [Sent(b"k", b"v", 5)]


def test_undecodable_value_names_source_and_topic() -> None:
    _, operator = source(StringSerde(), IntegerSerde())
    with pytest.raises(SerdeError) as caught:
        operator.process_raw("numbers", b"k", b"short", 5, ())
    assert (caught.value.node, caught.value.topic) == ("op", "numbers")
    with pytest.raises(SerdeError):
        operator.decode_key("numbers", b"\xff\xfe")


def test_event_time_is_the_records_own_or_the_extractors() -> None:
    _, plain = source(StringSerde(), StringSerde(), record_time_or_fail)
    assert plain.timestamp_extractor is None  # nothing to decode for it
    assert plain.event_time("t", b"k", b"v", 5, -1) == 5
    _, field = source(StringSerde(), IntegerSerde(), FieldTime(lambda _, value: value * 2))
    assert field.event_time("t", b"k", (7).to_bytes(8, "big"), 5, -1) == 14


def test_extractors_for_records_without_a_timestamp() -> None:
    assert record_time("k", "v", -1, 40) == -1
    assert partition_time_if_negative("k", "v", -1, 40) == 40
    assert partition_time_if_negative("k", "v", 7, 40) == 7
    assert record_time_or_fail("k", "v", 7, 40) == 7
    assert wall_clock_time("k", "v", -1, 40) > 1_600_000_000_000
    with pytest.raises(TopologyError, match="negative timestamp -1"):
        record_time_or_fail("k", "v", -1, 40)


def test_wall_clock_time_is_that_of_the_tasks_clock() -> None:
    """Kafka Streams reads the machine's clock under its test driver; ours is the same in each run."""
    builder = StreamsBuilder(default_key=str, default_value=str)
    builder.stream("in", timestamp_extractor=wall_clock_time).to("out")
    with TopologyTestDriver(builder, backend="memory", wall_clock_start_ms=7) as driver:
        driver.pipe_input("in", "k", "v", timestamp_ms=1)
        driver.advance_wall_clock(5)
        driver.pipe_input("in", "k", "v", timestamp_ms=2)
        assert [record.timestamp_ms for record in driver.read_all("out")] == [7, 12]


def written(
    operator: SinkOperator, key: Any, value: Any, timestamp: int = 3, **options: Any
) -> Any:
    lab = Lab(operator)
    lab.send(key, value, timestamp, **options)
    return lab.collector.records


def test_sink_writes_bytes_to_its_topic() -> None:
    sink = SinkOperator("out", StringSerde(), StringSerde())
    headers = (("h", b"1"),)
    assert written(sink, "k", "v", headers=headers) == [Written("out", -1, b"k", b"v", 3, headers)]


def test_sink_leaves_nulls() -> None:
    sink = SinkOperator("out", StringSerde(), StringSerde())
    assert written(sink, None, None) == [Written("out", -1, None, None, 3, ())]


def test_sink_reuses_the_source_records_key_bytes() -> None:
    sink = SinkOperator("out", StringSerde(), StringSerde(), reuse_raw_key=True)
    assert written(sink, "k", "v", raw_key=b"raw")[0].key == b"raw"


def test_sink_with_a_topic_function_sees_where_the_record_came_from() -> None:
    seen: list[RecordInfo] = []

    def topic_of(key: str, value: str, info: RecordInfo) -> str:
        seen.append(info)
        return f"{info.topic}-{value}"

    sink = SinkOperator(None, StringSerde(), StringSerde(), topic_extractor=topic_of)
    assert written(sink, "k", "v")[0].topic == "in-v"
    assert seen == [RecordInfo("in", 0, 0, 3, ())]


def test_partitioner_decides_or_leaves_it_to_the_producer() -> None:
    def partition(topic: str, key: str, value: str, partitions: int) -> int | None:
        return None if key == "any" else partitions - 1

    def sink() -> SinkOperator:
        return SinkOperator("out", StringSerde(), StringSerde(), partitioner=partition)

    assert written(sink(), "any", "v")[0].partition == -1
    assert written(sink(), "last", "v")[0].partition == 3


def test_windows_of_one_key_go_to_one_partition() -> None:
    """As in Kafka Streams, where a topic of windowed keys is partitioned by the keys alone."""
    serde = TimeWindowedSerde(StringSerde(), 10)
    for key in ("ann", "bob", "cid"):
        partitions = {
            written(
                SinkOperator("out", serde, StringSerde(), window_bytes=8),
                Windowed(key, Window(start, start + 10)),
                "v",
            )[0].partition
            for start in range(0, 200, 10)
        }
        assert partitions == {partition_for_key(key.encode(), 4)}
    assert written(SinkOperator("out", serde, StringSerde(), window_bytes=8), None, "v") == [
        Written("out", -1, None, b"v", 3, ())
    ]


def test_partitioner_may_send_a_record_to_several_partitions_or_to_none() -> None:
    """KIP-837; a partition that is named twice gets the record once."""
    chosen: dict[str, Any] = {"some": [2, 0, 2], "all": range(4), "none": (), "set": frozenset({1})}

    def partition(_topic: str, key: str, _value: str, _partitions: int) -> Collection[int] | None:
        found: Collection[int] | None = chosen[key]
        return found

    def partitions(key: str) -> list[int]:
        sink = SinkOperator("out", StringSerde(), StringSerde(), partitioner=partition)
        return [record.partition for record in written(sink, key, "v")]

    assert partitions("some") == [2, 0]
    assert partitions("all") == [0, 1, 2, 3]
    assert partitions("none") == []
    assert partitions("set") == [1]


@pytest.mark.parametrize("chosen", [4, -1, [0, 4], "0", [None]])
def test_partition_that_is_not_there_is_refused(chosen: Any) -> None:
    sink = SinkOperator(
        "out", StringSerde(), StringSerde(), partitioner=lambda _t, _k, _v, _n: chosen
    )
    with pytest.raises(TopologyError, match=r"topic 'out' has partitions 0 to 3"):
        written(sink, "k", "v")


def test_value_that_the_serde_cant_write_names_the_sink() -> None:
    with pytest.raises(SerdeError) as caught:
        written(SinkOperator("out", StringSerde(), IntegerSerde()), "k", "text")
    assert caught.value.node == "op"


def test_sink_without_a_serde_takes_bytes_only() -> None:
    assert written(SinkOperator("out"), b"k", b"v")[0].value == b"v"
    with pytest.raises(SerdeError, match="no serde for its value and got str"):
        written(SinkOperator("out"), b"k", "v")


def test_negative_timestamp_cant_be_written() -> None:
    with pytest.raises(TopologyError, match="negative timestamp -5"):
        written(SinkOperator("out"), b"k", b"v", -5)


TEXTS = st.none() | st.text(max_size=200)


@given(old=TEXTS, new=TEXTS)
def test_changes_survive_the_repartition_topic(old: str | None, new: str | None) -> None:
    serde = StringSerde()
    if old is None and new is None:
        with pytest.raises(SerdeError):
            encode_change(serde, "t", Change(None, None))
    else:
        data = encode_change(serde, "t", Change(old, new))
        assert decode_change(serde, "t", data) == Change(old, new)


def test_changes_have_kafka_streams_bytes() -> None:
    serde = StringSerde()
    assert encode_change(serde, "t", Change("old", None)) == b"old\x00"
    assert encode_change(serde, "t", Change(None, "new")) == b"new\x01"
    assert encode_change(serde, "t", Change("o", "new")) == b"\x06newo\x02"
    assert decode_change(serde, "t", b"old\x00\x03") == Change("old", None, is_latest=False)
    assert decode_change(serde, "t", b"new\x01\x04") == Change(None, "new")
    assert decode_change(serde, "t", b"\x06newo\x01\x05") == Change("o", "new")


@given(st.binary(max_size=40))
def test_damaged_changes_are_serde_errors(data: bytes) -> None:
    with contextlib.suppress(SerdeError):
        decode_change(None, "t", data)


def test_change_source_and_sink_meet() -> None:
    [record] = written(
        SinkOperator("t", StringSerde(), IntegerSerde(), changes=True), "k", Change(1, 2)
    )
    lab, operator = source(StringSerde(), IntegerSerde(), changes=True)
    operator.process_raw("t", record.key, record.value, 5, ())
    assert lab.capture.take() == [Sent("k", Change(1, 2), 5)]
