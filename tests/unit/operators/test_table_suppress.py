"""suppress beyond what the vectors show: bounds in bytes, a full buffer, headers and sources, restarts."""

from __future__ import annotations

from typing import Any

import pytest
from operator_lab import Lab, Sent

from streamkit.errors import TopologyError
from streamkit.model import Change, Headers, Window, Windowed
from streamkit.operators.base import Operator
from streamkit.operators.table_suppress import TableSuppress
from streamkit.serde import TimeWindowedSerde, serde_for
from streamkit.state import ChangelogWriter, StoreKind, StoreSpec

BUFFER = StoreSpec("buffer", StoreKind.SUPPRESS_BUFFER, serde_for(str), serde_for(int))
WINDOWED = StoreSpec(
    "buffer", StoreKind.SUPPRESS_BUFFER, TimeWindowedSerde(serde_for(str), 10), serde_for(int)
)


class Sources(Operator):
    """Remembers the source that each record is said to come from."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[object, str | None, int, int, Headers]] = []

    def process(self, key: object, value: object, timestamp: int, headers: Headers) -> None:
        record = self.context.record
        self.seen.append((key, record.topic, record.offset, record.timestamp, headers))


class Log(ChangelogWriter):
    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def write(self, key: bytes, value: bytes | None, timestamp: int) -> None:
        self.records.append((key, value))


def limited(**bounds: Any) -> TableSuppress:
    return TableSuppress("buffer", 100, until_close=False, **bounds)


def test_full_buffer_sends_the_oldest_early() -> None:
    lab = Lab(limited(max_records=2, emit_when_full=True), BUFFER)
    assert lab.send("a", Change(None, 1), 10) == []
    assert lab.send("b", Change(None, 2), 5) == []
    assert lab.send("c", Change(None, 3), 20) == [Sent("b", Change(None, 2), 5)]


def test_bound_in_bytes_counts_as_kafka_streams_does() -> None:
    """8 + key, 20 + topic ("in"), value: 39 bytes each."""
    lab = Lab(limited(max_bytes=78, emit_when_full=True), BUFFER)
    assert lab.send("a", Change(None, 1), 10) == []
    assert lab.send("b", Change(None, 2), 11) == []
    assert lab.send("c", Change(None, 3), 12) == [Sent("a", Change(None, 1), 10)]


def test_full_buffer_that_must_not_send_early_is_an_error() -> None:
    lab = Lab(limited(max_records=1), BUFFER)
    lab.send("a", Change(None, 1), 10)
    with pytest.raises(TopologyError, match="'op' is full: 2 records"):
        lab.send("b", Change(None, 2), 11)


def test_what_waited_comes_as_the_source_record_that_it_was() -> None:
    sources = Sources()
    lab = Lab(limited(), BUFFER, below=[sources])
    lab.send("a", Change(None, 1), 10, headers=(("h", b"x"),))
    lab.send("b", Change(None, 2), 110, raw_key=b"b")
    assert sources.seen == [("a", "in", 0, 10, (("h", b"x"),))]
    record = lab.context.record
    assert (record.offset, record.timestamp, record.raw_key) == (1, 110, b"b")


def test_deleted_window_is_never_sent() -> None:
    lab = Lab(TableSuppress("buffer", 5, until_close=True), WINDOWED)
    lab.send(Windowed("a", Window(0, 10)), Change(1, None), 3)
    kept = Windowed("b", Window(0, 10))
    lab.send(kept, Change(None, 2), 4)
    late = Windowed("c", Window(20, 30))
    assert lab.send(late, Change(None, 3), 15) == [Sent(kept, Change(None, 2), 4)]


def test_restart_goes_on_with_what_waited_and_with_its_stream_time() -> None:
    first = Lab(limited(), BUFFER)
    first.send("a", Change(None, 1), 50)
    first.send("b", Change(None, 2), 140)
    log = Log()
    first.stores["buffer"].commit(1, log)
    second = Lab(limited(), BUFFER)
    keys: list[bytes | None] = [key for key, _ in log.records]
    second.stores["buffer"].restore_batch(keys, [value for _, value in log.records], [0, 0], 2)
    second.context.node_times.update(first.context.node_times)
    second.operator.init(second.context)
    assert second.send("c", Change(None, 3), 60) == []
    assert second.send("d", Change(None, 4), 150) == [Sent("a", Change(None, 1), 50)]
