"""The log against a plain list: append, read, find by time, roll, cut, delete, reopen cleanly or not."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from log_batches import Row, all_rows, batch, marker, rows

from streamkit.log.protocol import ControlKind
from streamkit.log.storage import (
    LogConfig,
    OffsetOutOfRangeError,
    OutOfOrderSequenceError,
    PartitionLog,
)
from streamkit.log.storage.files import OpenFiles
from streamkit.model import TopicPartition

TIMES = st.integers(0, 50)
VALUES = st.lists(st.tuples(st.binary(max_size=60), TIMES), min_size=1, max_size=5)


class LogMachine(RuleBasedStateMachine):
    """`self.model` is what the log should hold: a row for each record that isn't a marker."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()) / "t-0"
        self.folder.mkdir()
        self.model: list[Row] = []
        self.start = 0
        self.end = 0
        # Producer id -> (next sequence, last batch sent, its offset); first offsets of open ones.
        self.producers: dict[int, tuple[int, bytes, int]] = {}
        self.open: dict[int, int] = {}
        self.aborted: list[tuple[int, int, int]] = []
        self.markers: list[int] = []
        self.batches: list[int] = []
        self.recovery_point = 0

    @initialize(
        segment_bytes=st.integers(200, 1500),
        index_interval_bytes=st.sampled_from([0, 100, 4096]),
        max_open=st.sampled_from([3, 100]),
    )
    def begin(self, segment_bytes: int, index_interval_bytes: int, max_open: int) -> None:
        self.config = LogConfig(
            segment_bytes=segment_bytes, index_interval_bytes=index_interval_bytes
        )
        self.files = OpenFiles(max_open=max_open, max_loaded_bytes=200)
        self.log = self.opened(0)

    def opened(self, recovery_point: int | None) -> PartitionLog:
        return PartitionLog(
            self.folder,
            TopicPartition("t", 0),
            config=self.config,
            files=self.files,
            log_start_offset=self.start,
            recovery_point=recovery_point,
        )

    def teardown(self) -> None:
        self.files.close_all()
        shutil.rmtree(self.folder.parent)

    def took(self, values: list[tuple[bytes, int]]) -> None:
        self.batches.append(self.end)
        for value, at in values:
            self.model.append(Row(self.end, at, b"key", value))
            self.end += 1

    @rule(values=VALUES)
    def append(self, values: list[tuple[bytes, int]]) -> None:
        data = batch(*(value for value, _ in values), timestamps=[at for _, at in values])
        if len(data) > self.config.segment_bytes:
            return
        assert self.log.append(data, now_ms=0).base_offset == self.end
        self.took(values)

    @rule(values=VALUES, producer=st.integers(1, 3), transactional=st.booleans())
    def append_idempotent(
        self, values: list[tuple[bytes, int]], producer: int, transactional: bool
    ) -> None:
        transactional = transactional or producer in self.open
        sequence = self.producers[producer][0] if producer in self.producers else 0
        data = batch(
            *(value for value, _ in values),
            timestamps=[at for _, at in values],
            producer=(producer, 0, sequence),
            transactional=transactional,
        )
        if len(data) > self.config.segment_bytes:
            return
        result = self.log.append(data, now_ms=0)
        assert result.base_offset == self.end
        assert not result.duplicate
        if transactional:
            self.open.setdefault(producer, self.end)
        self.took(values)
        self.producers[producer] = (sequence + len(values), data, result.base_offset)

    @precondition(lambda self: self.producers)
    @rule(data=st.data())
    def repeat_last_batch(self, data: st.DataObject) -> None:
        producer = data.draw(st.sampled_from(sorted(self.producers)))
        _, sent, offset = self.producers[producer]
        result = self.log.append(sent, now_ms=0)
        assert result.duplicate
        assert result.base_offset == offset

    @precondition(lambda self: self.producers)
    @rule(data=st.data())
    def leave_a_gap(self, data: st.DataObject) -> None:
        producer = data.draw(st.sampled_from(sorted(self.producers)))
        sent = batch(
            producer=(producer, 0, self.producers[producer][0] + 1),
            transactional=producer in self.open,
        )
        with pytest.raises(OutOfOrderSequenceError):
            self.log.append(sent, now_ms=0)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), kind=st.sampled_from(list(ControlKind)))
    def end_transaction(self, data: st.DataObject, kind: ControlKind) -> None:
        producer = data.draw(st.sampled_from(sorted(self.open)))
        self.log.append(marker(kind, producer), now_ms=0, from_client=False)
        first = self.open.pop(producer)
        if kind is ControlKind.ABORT:
            self.aborted.append((producer, first, self.end))
        self.markers.append(self.end)
        self.end += 1

    @rule(offset=st.integers(-1, 80), max_bytes=st.integers(0, 2000), min_one=st.booleans())
    def read(self, offset: int, max_bytes: int, min_one: bool) -> None:
        if not self.start <= offset <= self.end:
            with pytest.raises(OffsetOutOfRangeError):
                self.log.read(offset, max_bytes)
            return
        result = self.log.read(offset, max_bytes, min_one=min_one)
        found = [row for row in rows(result.data) if row.offset >= offset]
        assert found == [row for row in self.model if offset <= row.offset < result.next_offset]
        if min_one:
            assert (result.next_offset > offset) == (offset < self.end)
        else:
            assert len(result.data) <= max_bytes

    @rule(offset=st.integers(0, 80), max_bytes=st.integers(0, 2000))
    def read_committed(self, offset: int, max_bytes: int) -> None:
        if not self.start <= offset <= self.end:
            return
        stable = max(min(self.open.values(), default=self.end), self.start)
        result = self.log.read(offset, max_bytes, isolation="read_committed")
        assert result.last_stable_offset == stable == self.log.last_stable_offset
        assert result.next_offset <= max(stable, offset)
        assert (result.next_offset > offset) == (offset < stable)
        found = [row for row in rows(result.data) if row.offset >= offset]
        assert found == [row for row in self.model if offset <= row.offset < result.next_offset]
        wanted = {
            entry
            for entry in self.aborted
            if result.next_offset > offset and entry[1] < result.next_offset and entry[2] >= offset
        }
        assert {entry[:3] for entry in result.aborted or []} == wanted

    @rule(at=st.integers(0, 55))
    def find_by_time(self, at: int) -> None:
        found = self.log.offset_for_timestamp(at)
        times = [(row.offset, row.timestamp) for row in self.model]
        times.extend((offset, 1_000) for offset in self.markers)
        late = [entry for entry in sorted(times) if entry[0] >= self.start and entry[1] >= at]
        assert (found and (found.offset, found.timestamp)) == (late[0] if late else None)

    @rule()
    def roll(self) -> None:
        self.log.roll(0)

    @rule()
    def flush(self) -> None:
        self.log.flush()
        self.recovery_point = self.log.recovery_point

    @rule(offset=st.integers(0, 80))
    def delete_records(self, offset: int) -> None:
        if offset <= self.end:
            self.start = max(self.start, offset)
            assert self.log.delete_records_before(offset) == self.start

    @precondition(lambda self: not self.producers)
    @rule(offset=st.integers(0, 80))
    def truncate(self, offset: int) -> None:
        if not self.start <= offset <= self.end:
            return
        self.log.truncate_to(offset)
        # A batch goes as a whole.
        if offset < self.end:
            offset = max(start for start in self.batches if start <= offset)
        self.end = offset
        self.batches = [start for start in self.batches if start < offset]
        self.start = min(self.start, offset)
        self.model = [row for row in self.model if row.offset < offset]
        self.recovery_point = min(self.recovery_point, offset)

    @rule()
    def reopen_cleanly(self) -> None:
        self.log.close()
        self.log = self.opened(None)
        assert self.log.bytes_cut == 0

    @rule(from_start=st.booleans())
    def reopen_after_kill(self, from_start: bool) -> None:
        self.log.abandon()
        self.log = self.opened(0 if from_start else self.recovery_point)
        assert self.log.bytes_cut == 0

    @rule(garbage=st.binary(min_size=1, max_size=100))
    def reopen_with_torn_tail(self, garbage: bytes) -> None:
        self.log.abandon()
        with Path(self.log.segments[-1].path).open("ab") as file:
            file.write(garbage)
        self.log = self.opened(self.recovery_point)
        assert self.log.bytes_cut == len(garbage)

    @rule(data=st.data())
    def reopen_without_indexes(self, data: st.DataObject) -> None:
        self.log.close()
        paths = sorted(self.folder.glob("*.index")) + sorted(self.folder.glob("*.timeindex"))
        for path in data.draw(st.lists(st.sampled_from(paths), unique=True)):
            if data.draw(st.booleans()):
                path.unlink()
            else:
                path.write_bytes(data.draw(st.binary(max_size=50)))
        self.log = self.opened(None)

    @invariant()
    def offsets_agree(self) -> None:
        if hasattr(self, "log"):
            assert (self.log.log_start_offset, self.log.end_offset) == (self.start, self.end)
            assert self.log.high_watermark == self.end

    @rule()
    def everything_is_there(self) -> None:
        assert all_rows(self.log, 500) == [row for row in self.model if row.offset >= self.start]


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
