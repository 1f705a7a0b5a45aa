"""Append, read, look up, cut and delete in one partition's log."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from log_batches import OpenLog, all_rows, batch, rows

from streamkit.errors import ClosedError, CorruptRecordError
from streamkit.log.protocol import Compression, ErrorCode, read_header
from streamkit.log.protocol.crc import crc32c
from streamkit.log.storage import (
    CorruptMessageError,
    InvalidRecordError,
    InvalidTimestampError,
    LogConfig,
    LogError,
    MessageTooLargeError,
    NotOneBatchError,
    OffsetOutOfRangeError,
    PartitionLog,
    TimestampOffset,
)
from streamkit.log.storage.files import OpenFiles

SMALL = LogConfig(segment_bytes=400, index_interval_bytes=100)


def test_offsets_are_given_in_order(open_log: OpenLog) -> None:
    log = open_log()
    first = log.append(batch(b"a", b"b", b"c"), now_ms=0, leader_epoch=7)
    second = log.append(batch(b"d"), now_ms=0, leader_epoch=7)
    assert (first.base_offset, first.last_offset) == (0, 2)
    assert (second.base_offset, second.last_offset) == (3, 3)
    assert log.end_offset == log.high_watermark == log.last_stable_offset == 4
    assert [(row.offset, row.value) for row in all_rows(log)] == list(
        enumerate([b"a", b"b", b"c", b"d"])
    )
    assert read_header(log.read(0, 1000).data).partition_leader_epoch == 7


def test_read_gives_whole_batches_up_to_max_bytes(open_log: OpenLog) -> None:
    log = open_log()
    size = len(batch(b"x"))
    for _ in range(10):
        log.append(batch(b"x"), now_ms=0)
    assert len(log.read(0, 3 * size).data) == 3 * size
    assert len(log.read(0, 4 * size - 1).data) == 3 * size
    result = log.read(5, 2 * size)
    assert [row.offset for row in rows(result.data)] == [5, 6]
    assert result.next_offset == 7


def test_first_batch_is_read_though_it_is_too_large(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(b"x" * 1000), now_ms=0)
    log.append(batch(b"y"), now_ms=0)
    assert [row.offset for row in rows(log.read(0, 1).data)] == [0]
    assert [row.offset for row in rows(log.read(0, 0).data)] == [0]
    nothing = log.read(0, 1, min_one=False)
    assert nothing.data == b""
    assert nothing.next_offset == 0


def test_read_inside_a_batch_gives_the_batch(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(b"a", b"b", b"c"), now_ms=0)
    log.append(batch(b"d"), now_ms=0)
    assert [row.offset for row in rows(log.read(1, 1000).data)] == [0, 1, 2, 3]
    assert log.read(2, 1).next_offset == 3


def test_read_at_the_end_is_empty_and_beyond_is_refused(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(b"a"), now_ms=0)
    assert log.read(1, 1000).data == b""
    with pytest.raises(OffsetOutOfRangeError) as error:
        log.read(2, 1000)
    assert error.value.code == ErrorCode.OFFSET_OUT_OF_RANGE
    assert (error.value.log_start_offset, error.value.end_offset) == (0, 1)
    with pytest.raises(OffsetOutOfRangeError):
        log.read(-1, 1000)


def test_log_rolls_by_size_and_reads_across_segments(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    for index in range(40):
        log.append(batch(b"%04d" % index), now_ms=0)
    assert len(log.segments) > 5
    assert [row.value for row in all_rows(log, 150)] == [b"%04d" % index for index in range(40)]
    assert all(segment.size <= 400 for segment in log.segments)


def test_log_rolls_by_record_time(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_ms=1000))
    log.append(batch(timestamp=5_000), now_ms=0)
    log.append(batch(timestamp=6_000), now_ms=0)
    assert len(log.segments) == 1
    log.append(batch(timestamp=6_001), now_ms=0)
    assert [segment.base_offset for segment in log.segments] == [0, 2]


def append_each_ms(log: PartitionLog, count: int) -> list[int]:
    """Append a record each millisecond; how many each closed segment has got."""
    for at in range(count):
        log.append(batch(timestamp=at), now_ms=at)
    starts = [segment.base_offset for segment in log.segments]
    return [after - before for before, after in pairwise(starts)]


def test_segments_are_closed_earlier_by_a_jitter_of_their_own(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_ms=40, segment_jitter_ms=30), seed=7)
    drawn = Random(7)
    ages = append_each_ms(log, 300)
    assert ages == [41 - int(30 * drawn.random()) for _ in ages]
    assert len(set(ages)) > 4


def test_jitter_above_the_age_of_a_segment_leaves_each_a_record(open_log: OpenLog) -> None:
    ages = append_each_ms(open_log(LogConfig(segment_ms=4, segment_jitter_ms=1_000)), 200)
    assert (min(ages), max(ages)) == (2, 5)


def test_jitter_holds_also_for_segments_that_are_there_when_it_is_set(open_log: OpenLog) -> None:
    """A broker opens its logs before it has read their topics' settings."""
    log = open_log(LogConfig(segment_ms=40), seed=7)
    append_each_ms(log, 10)
    log.config = LogConfig(segment_ms=40, segment_jitter_ms=30)
    age_ms = 40 - int(30 * Random(7).random())
    log.append(batch(timestamp=age_ms), now_ms=0)
    assert len(log.segments) == 1
    log.append(batch(timestamp=age_ms + 1), now_ms=0)
    assert len(log.segments) == 2


def test_jitter_makes_compaction_wait_less_too(open_log: OpenLog) -> None:
    compact = frozenset({"compact"})
    config = LogConfig(cleanup_policy=compact, max_compaction_lag_ms=40, segment_jitter_ms=30)
    drawn = Random(0)
    ages = append_each_ms(open_log(config), 200)
    assert ages == [41 - int(30 * drawn.random()) for _ in ages]


def test_log_without_timestamps_rolls_by_the_clock(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_ms=1000))
    log.append(batch(timestamp=-1), now_ms=0)
    log.append(batch(timestamp=-1), now_ms=1_000)
    assert len(log.segments) == 1
    log.append(batch(timestamp=-1), now_ms=1_001)
    assert len(log.segments) == 2


def test_log_rolls_when_an_index_is_full(open_log: OpenLog) -> None:
    log = open_log(LogConfig(index_interval_bytes=0, segment_index_bytes=40))
    for index in range(20):
        log.append(batch(timestamp=index), now_ms=0)
    assert len(log.segments) > 3
    assert len(all_rows(log)) == 20
    assert all(len(segment.time_index) <= 3 for segment in log.segments)


@pytest.mark.parametrize("damage", [0, 8, 16, 17, 21, 30, 60, 65])
def test_damaged_batch_is_refused(open_log: OpenLog, damage: int) -> None:
    log = open_log()
    data = bytearray(batch(b"payload"))
    data[damage] ^= 0x40
    with pytest.raises(LogError) as error:
        log.append(bytes(data), now_ms=0)
    assert error.value.code in (ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD)
    assert log.end_offset == log.size_bytes == 0


def test_torn_empty_or_doubled_batches_are_refused(open_log: OpenLog) -> None:
    log = open_log()
    good = batch(b"a")
    with pytest.raises(NotOneBatchError):
        log.append(good[:-1], now_ms=0)
    with pytest.raises(CorruptMessageError):
        log.append(good + b"\0", now_ms=0)
    with pytest.raises(InvalidRecordError):
        log.append(b"", now_ms=0)
    with pytest.raises(InvalidRecordError):
        log.append(good + good, now_ms=0)
    assert log.append(good + good, now_ms=0, from_client=False).last_offset == 1


@pytest.mark.parametrize("codec", [Compression.NONE, Compression.ZSTD])
def test_batch_of_more_records_than_it_has_room_for_is_refused(
    open_log: OpenLog, codec: Compression
) -> None:
    """Else a few bytes take two billion offsets."""
    log = open_log()
    data = bytearray(batch(b"a", compression=codec))
    data[23:27] = (2**31 - 2).to_bytes(4, "big")
    data[57:61] = (2**31 - 1).to_bytes(4, "big")
    data[17:21] = crc32c(bytes(data[21:])).to_bytes(4, "big")
    with pytest.raises(InvalidRecordError):
        log.append(data, now_ms=0)
    assert log.end_offset == 0


def test_too_large_batch_is_refused(open_log: OpenLog) -> None:
    log = open_log(LogConfig(max_message_bytes=100))
    with pytest.raises(MessageTooLargeError) as error:
        log.append(batch(b"x" * 100), now_ms=0)
    assert error.value.code == ErrorCode.MESSAGE_TOO_LARGE
    assert "max.message.bytes" in str(error.value)


def test_timestamps_too_far_off_are_refused_with_their_records(open_log: OpenLog) -> None:
    log = open_log(
        LogConfig(message_timestamp_after_max_ms=100, message_timestamp_before_max_ms=200)
    )
    log.append(batch(b"a", b"b", timestamps=[800, 1_100]), now_ms=1_000)
    with pytest.raises(InvalidTimestampError) as error:
        log.append(batch(b"a", b"b", timestamps=[1_000, 1_101]), now_ms=1_000)
    assert [index for index, _ in error.value.record_errors] == [1]
    with pytest.raises(InvalidTimestampError) as error:
        log.append(batch(b"a", b"b", timestamps=[799, 1_000]), now_ms=1_000)
    assert [index for index, _ in error.value.record_errors] == [0]
    assert log.end_offset == 2


def test_log_append_time_replaces_timestamps(open_log: OpenLog) -> None:
    log = open_log(LogConfig(message_timestamp_type="LogAppendTime"))
    result = log.append(batch(b"a", b"b", timestamps=[1, 9_999_999_999]), now_ms=5_000)
    assert result.log_append_time_ms == 5_000
    assert [row.timestamp for row in all_rows(log)] == [5_000, 5_000]
    assert log.offset_for_timestamp(5_000) == TimestampOffset(5_000, 0, 0)


def test_records_without_key_are_refused_in_compacted_logs(open_log: OpenLog) -> None:
    log = open_log(LogConfig(cleanup_policy=frozenset({"compact"})))
    log.append(batch(b"a", key=b"k"), now_ms=0)
    with pytest.raises(InvalidRecordError) as error:
        log.append(batch(b"a", b"b", key=None), now_ms=0)
    assert len(error.value.record_errors) == 2


@pytest.mark.parametrize("sent", list(Compression))
@pytest.mark.parametrize("wanted", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
def test_batches_are_recompressed_as_the_topic_asks(
    open_log: OpenLog, sent: Compression, wanted: str
) -> None:
    log = open_log(LogConfig(compression_type=wanted))
    log.append(batch(b"a" * 100, b"b" * 100, compression=sent, timestamps=[3, 2]), now_ms=0)
    names = ["uncompressed", "gzip", "snappy", "lz4", "zstd"]
    assert read_header(log.read(0, 1000).data).compression == names.index(wanted)
    assert [row[1:] for row in all_rows(log)] == [(3, b"key", b"a" * 100), (2, b"key", b"b" * 100)]


def test_batches_keep_the_producers_codec_by_default(open_log: OpenLog) -> None:
    log = open_log()
    data = batch(b"a" * 100, compression=Compression.ZSTD)
    log.append(data, now_ms=0)
    assert log.read(0, 1000).data[21:] == data[21:]


def test_offset_for_timestamp_finds_the_first_record_not_before(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    times = [10, 30, 20, 40, 40, 35, 60, 50]
    for at in times:
        log.append(batch(timestamp=at), now_ms=0)
    assert len(log.segments) > 1
    for at in range(70):
        expected = next((i for i, t in enumerate(times) if t >= at), None)
        found = log.offset_for_timestamp(at)
        assert (found and found.offset) == expected
    assert log.max_timestamp() == TimestampOffset(60, 6, 0)
    assert log.earliest() == TimestampOffset(-1, 0, 0)
    assert log.latest() == TimestampOffset(-1, 8, 0)


@pytest.mark.parametrize("segment_bytes", [200, 1 << 20])
def test_largest_timestamp_is_one_of_the_records_that_are_left(
    open_log: OpenLog, segment_bytes: int
) -> None:
    log = open_log(LogConfig(segment_bytes=segment_bytes))
    times = [(90, 10), (30, 20), (25, 95), (80, 40), (35, 60), (60, 50), (7, 7)]
    for pair in times:
        log.append(batch(b"v", b"v", timestamps=list(pair)), now_ms=0)
    flat = [at for pair in times for at in pair]
    for start in range(len(flat)):
        log.delete_records_before(start)
        largest = max(flat[start:])
        offset = flat.index(largest, start)
        assert log.max_timestamp() == TimestampOffset(largest, offset, 0), start
    log.delete_records_before(-1)
    assert log.max_timestamp() is None


def test_empty_log_has_no_timestamps(open_log: OpenLog) -> None:
    log = open_log()
    assert log.offset_for_timestamp(0) is None
    assert log.max_timestamp() is None
    assert log.earliest().offset == log.latest().offset == 0


def test_deleted_records_are_out_of_range(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    for at in range(20):
        log.append(batch(timestamp=at), now_ms=0)
    assert log.delete_records_before(7) == 7
    assert log.delete_records_before(3) == 7
    with pytest.raises(OffsetOutOfRangeError):
        log.read(6, 1000)
    with pytest.raises(OffsetOutOfRangeError):
        log.delete_records_before(21)
    assert [row.offset for row in all_rows(log)] == list(range(7, 20))
    assert log.offset_for_timestamp(0) == TimestampOffset(7, 7, 0)
    assert log.delete_records_before(-1) == 20
    assert log.offset_for_timestamp(0) is None


@pytest.mark.parametrize("offset", [0, 1, 5, 12, 19, 20, 25])
def test_truncation_removes_the_end(open_log: OpenLog, offset: int) -> None:
    log = open_log(SMALL)
    for index in range(20):
        log.append(batch(b"%d" % index, timestamp=index), now_ms=0, leader_epoch=index // 10)
    log.truncate_to(offset)
    kept = min(offset, 20)
    assert log.end_offset == kept
    assert [row.offset for row in all_rows(log)] == list(range(kept))
    assert log.append(batch(b"new", timestamp=3), now_ms=0, leader_epoch=2).base_offset == kept
    assert all_rows(log)[-1].value == b"new"


def test_leader_epochs_tell_where_they_ended(open_log: OpenLog) -> None:
    log = open_log()
    for epoch in (1, 1, 3, 3, 5):
        log.append(batch(), now_ms=0, leader_epoch=epoch)
    assert log.end_offset_for_epoch(0) == (0, 0)
    assert log.end_offset_for_epoch(1) == (1, 2)
    assert log.end_offset_for_epoch(2) == (1, 2)
    assert log.end_offset_for_epoch(3) == (3, 4)
    assert log.end_offset_for_epoch(5) == (5, 5)
    assert log.end_offset_for_epoch(6) == (-1, -1)
    log.truncate_to(3)
    assert log.end_offset_for_epoch(3) == (3, 3)
    log.delete_records_before(2)
    assert log.end_offset_for_epoch(1) == (1, 2)


def test_bit_flip_is_found_at_read_and_named(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log()
    for index in range(5):
        log.append(batch(b"%d" % index * 50), now_ms=0)
    log.close()
    path = tmp_path / "t-0" / f"{0:020d}.log"
    data = bytearray(path.read_bytes())
    size = len(data) // 5
    data[2 * size + 70] ^= 1
    path.write_bytes(data)
    log = open_log()
    assert [row.offset for row in rows(log.read(0, 10_000).data)] == [0, 1]
    with pytest.raises(CorruptRecordError) as error:
        log.read(2, 10_000)
    assert error.value.topic_partition == ("t", 0)
    assert error.value.position == 2 * size
    assert str(path) in str(error.value)
    assert "topic t, partition 0" in str(error.value)
    assert [row.offset for row in rows(log.read(3, 10_000).data)] == [3, 4]


def test_few_descriptors_serve_many_segments(open_log: OpenLog) -> None:
    files = OpenFiles(max_open=4)
    log = open_log(SMALL, files=files)
    for index in range(60):
        log.append(batch(b"%d" % index, timestamp=index), now_ms=0)
    assert len(log.segments) > 10
    assert [row.value for row in all_rows(log)] == [b"%d" % index for index in range(60)]
    assert len(files) <= 4


def test_indexes_leave_memory_and_come_back(open_log: OpenLog) -> None:
    files = OpenFiles(max_loaded_bytes=64)
    log = open_log(LogConfig(segment_bytes=1000, index_interval_bytes=0), files=files)
    for index in range(60):
        log.append(batch(b"%d" % index, timestamp=index), now_ms=0)
    for offset in [59, 0, 30, 31, 5, 58, 12]:
        assert rows(log.read(offset, 1).data)[0].offset == offset
        assert log.offset_for_timestamp(offset) == TimestampOffset(offset, offset, 0)
    log.append(batch(timestamp=60), now_ms=0)
    assert log.offset_for_timestamp(60) == TimestampOffset(60, 60, 0)


def test_closed_log_says_so(open_log: OpenLog) -> None:
    log = open_log()
    log.close()
    with pytest.raises(ClosedError):
        log.append(batch(), now_ms=0)
    with pytest.raises(ClosedError):
        log.read(0, 1)


def test_flush_that_was_overtaken_by_a_truncation_counts_for_nothing(open_log: OpenLog) -> None:
    log = open_log()
    for _ in range(10):
        log.append(batch(), now_ms=0)
    job = log.begin_flush()
    log.truncate_to(5)
    for _ in range(10):
        log.append(batch(), now_ms=0)
    job.run()
    log.finish_flush(job)
    assert log.recovery_point == log.durable_offset == 0
    log.flush()
    assert log.recovery_point == 15
