"""Opening a log after a crash: torn tails, damage, damaged indexes, and how much is read for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from log_batches import OpenLog, all_rows, batch, marker, rows

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import ControlKind, batches
from streamkit.log.storage import LogConfig, OutOfOrderSequenceError, PartitionLog
from streamkit.log.storage.files import OpenFiles

SMALL = LogConfig(segment_bytes=400, index_interval_bytes=100)


def fill(log: PartitionLog, count: int) -> None:
    for index in range(count):
        log.append(batch(b"%d" % index, timestamp=index, producer=(9, 0, index)), now_ms=0)


def test_cut_at_every_byte_of_the_last_two_batches(open_log: OpenLog, tmp_path: Path) -> None:
    """The page cache hides torn writes from kill -9, so they are made by hand."""
    log = open_log(LogConfig(index_interval_bytes=0))
    for index in range(5):
        log.append(
            batch(b"a%d" % index, b"b", timestamp=index, producer=(1, 0, 2 * index)), now_ms=0
        )
    before = all_rows(log)
    path = Path(log.segments[0].path)
    whole = path.read_bytes()
    starts = [position for position, _ in batches(whole)]
    log.abandon()
    saved = tmp_path / "saved"
    shutil.copytree(path.parent, saved)
    for size in range(starts[3], len(whole)):
        shutil.rmtree(path.parent)
        shutil.copytree(saved, path.parent)
        path.write_bytes(whole[:size])
        log = open_log(LogConfig(index_interval_bytes=0), recovery_point=0)
        kept = sum(1 for start in [*starts[1:], len(whole)] if start <= size)
        assert log.end_offset == 2 * kept
        assert log.bytes_cut == size - [*starts, len(whole)][kept]
        assert all_rows(log) == before[: 2 * kept]
        assert log.offset_for_timestamp(kept) is None
        result = log.append(batch(b"new", timestamp=9, producer=(1, 0, 2 * kept)), now_ms=0)
        assert result.base_offset == 2 * kept
        assert all_rows(log)[-1].value == b"new"
        log.abandon()


def test_zeros_behind_the_last_batch_are_cut(open_log: OpenLog) -> None:
    """What some file systems show after a power failure."""
    log = open_log()
    fill(log, 3)
    log.abandon()
    with Path(log.segments[0].path).open("ab") as file:
        file.write(bytes(5000))
    log = open_log(recovery_point=0)
    assert (log.end_offset, log.bytes_cut) == (3, 5000)


def test_damage_cuts_the_log_and_drops_later_segments(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    fill(log, 30)
    victim = log.segments[3]
    log.abandon()
    data = bytearray(Path(victim.path).read_bytes())
    data[-1] ^= 1
    Path(victim.path).write_bytes(data)
    log = open_log(SMALL, recovery_point=0)
    last_batch = log.end_offset
    assert victim.base_offset < last_batch <= log.segments[-1].base_offset + 10
    assert [row.offset for row in all_rows(log)] == list(range(last_batch))
    assert log.segments[-1].base_offset == victim.base_offset
    log.append(batch(b"on", producer=(9, 0, last_batch)), now_ms=0)
    assert not list(Path(victim.path).parent.glob(f"{29:020d}*"))


def test_only_what_follows_the_recovery_point_is_read(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_bytes=100_000, index_interval_bytes=1000))
    payload = b"x" * 500
    for index in range(2000):
        log.append(batch(payload, timestamp=index, producer=(1, 0, index)), now_ms=0)
        if index == 1899:
            log.flush()
    point, total = log.recovery_point, log.size_bytes
    log.abandon()
    files = OpenFiles()
    log = open_log(recovery_point=point, files=files)
    assert log.end_offset == 2000
    assert point == 1900
    assert files.bytes_read < total / 10
    assert files.bytes_read > total / 20
    scanned = OpenFiles()
    log.abandon()
    open_log(recovery_point=0, files=scanned)
    assert scanned.bytes_read >= total


def test_clean_stop_needs_no_scan(open_log: OpenLog) -> None:
    log = open_log()
    for index in range(1000):
        log.append(batch(b"x" * 500, producer=(1, 0, index)), now_ms=0)
    log.close()
    files = OpenFiles()
    log = open_log(files=files)
    assert log.end_offset == 1000
    assert files.bytes_read < 30_000
    with pytest.raises(OutOfOrderSequenceError):
        log.append(batch(producer=(1, 0, 1001)), now_ms=0)
    assert log.append(batch(producer=(1, 0, 1000)), now_ms=0).base_offset == 1000


def test_recovery_point_within_a_segment_keeps_its_indexes(open_log: OpenLog) -> None:
    config = LogConfig(index_interval_bytes=200)
    log = open_log(config)
    fill(log, 20)
    log.flush()
    fill_from = log.end_offset
    for index in range(fill_from, 30):
        log.append(batch(b"%d" % index, timestamp=index, producer=(9, 0, index)), now_ms=0)
    point = log.recovery_point
    log.abandon()
    log = open_log(config, recovery_point=point)
    for at in range(30):
        found = log.offset_for_timestamp(at)
        assert found is not None
        assert found.offset == at
        assert rows(log.read(at, 1).data)[0].offset == at


def test_recovery_point_behind_the_end_scans_the_segment(open_log: OpenLog) -> None:
    """A file was shortened from outside: the checkpoint knows of more than there is."""
    log = open_log()
    fill(log, 10)
    log.flush()
    path = Path(log.segments[0].path)
    log.abandon()
    path.write_bytes(path.read_bytes()[:-10])
    log = open_log(recovery_point=10)
    assert log.end_offset == 9
    assert log.append(batch(producer=(9, 0, 9)), now_ms=0).base_offset == 9


def test_producers_and_open_transactions_survive(open_log: OpenLog) -> None:
    for clean in (True, False):
        log = open_log(SMALL, recovery_point=None if clean else 0)
        base = log.end_offset
        producer = 100 + base
        log.append(batch(producer=(producer, 0, 0), transactional=True), now_ms=0)
        log.append(batch(producer=(producer + 1, 0, 0), transactional=True), now_ms=0)
        log.append(marker(ControlKind.ABORT, producer), now_ms=0, from_client=False)
        for index in range(10):
            log.append(batch(b"%d" % index, producer=(7, 0, base // 14 * 10 + index)), now_ms=0)
        assert log.last_stable_offset == base + 1
        if clean:
            log.close()
            log = open_log(SMALL)
        else:
            log.abandon()
            log = open_log(SMALL, recovery_point=0)
        assert log.last_stable_offset == base + 1
        log.append(marker(ControlKind.COMMIT, producer + 1), now_ms=0, from_client=False)
        assert log.last_stable_offset == log.end_offset
        result = log.read(base, 10_000, isolation="read_committed")
        assert [entry[:3] for entry in result.aborted or []] == [(producer, base, base + 2)]
        log.close()


@pytest.mark.parametrize("suffix", ["index", "timeindex"])
@pytest.mark.parametrize("damage", ["missing", "odd", "zeros", "beyond", "shifted"])
def test_damaged_indexes_are_made_anew(open_log: OpenLog, suffix: str, damage: str) -> None:
    config = LogConfig(segment_bytes=3000, index_interval_bytes=100)
    log = open_log(config)
    fill(log, 100)
    log.close()
    for path in Path(log.segments[0].path).parent.glob(f"*.{suffix}"):
        data = path.read_bytes()
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(
                {
                    "odd": data + b"\1",
                    "zeros": bytes(len(data)),
                    "beyond": data[:-4] + b"\x7f\xff\xff\xff",
                    "shifted": bytes(8) + data[:-8],
                }[damage]
            )
    log = open_log(config)
    for at in range(100):
        assert rows(log.read(at, 1).data)[0].offset == at
        found = log.offset_for_timestamp(at)
        assert found is not None
        assert found.offset == at


def test_index_that_points_between_batches_is_made_anew(open_log: OpenLog) -> None:
    config = LogConfig(index_interval_bytes=100)
    log = open_log(config)
    fill(log, 40)
    log.close()
    path = Path(log.segments[0].offset_index.path)
    data = bytearray(path.read_bytes())
    for at in range(7, len(data), 8):
        data[at] = max(data[at] - 3, 1)
    path.write_bytes(data)
    log = open_log(config)
    assert [rows(log.read(at, 1).data)[0].offset for at in range(40)] == list(range(40))


@pytest.mark.parametrize("tail", [b"", b"torn", bytes(34)])
def test_torn_transaction_index_is_made_anew(open_log: OpenLog, tail: bytes) -> None:
    """Its last entry is on the way to the disk when the machine goes down."""
    log = open_log()
    for index in range(4):
        if index == 3:
            log.flush()
        log.append(batch(b"v", producer=(7, 0, index), transactional=True), now_ms=0)
        log.append(marker(ControlKind.ABORT, 7), now_ms=0, from_client=False)
    before = log.aborted_transactions(0, log.end_offset)
    assert len(before) == 4
    point = log.recovery_point
    log.begin_flush()
    log.abandon()
    path = Path(log.segments[0].path).with_suffix(".txnindex")
    entries = path.read_bytes()
    path.write_bytes(entries[: len(entries) * 3 // 4] + tail)
    again = open_log(recovery_point=point)
    assert again.aborted_transactions(0, again.end_offset) == before
    assert path.read_bytes() == entries


@pytest.mark.parametrize("damage", ["torn", "swapped"])
def test_transaction_index_that_was_damaged_after_a_clean_stop_is_made_anew(
    open_log: OpenLog, damage: str
) -> None:
    """Readers of committed records would get an error for its segment, for ever."""
    config = LogConfig(segment_bytes=500)
    log = open_log(config)
    for index in range(4):
        for producer in range(3):
            data = batch(b"v", producer=(producer, 0, index), transactional=True)
            log.append(data, now_ms=0)
        for producer in range(3):
            log.append(marker(ControlKind.ABORT, producer), now_ms=0, from_client=False)
    before = log.aborted_transactions(0, log.end_offset)
    assert len(before) == 12
    log.close()
    paths = [Path(segment.txn_index.path) for segment in log.segments]
    contents = {path: path.read_bytes() for path in paths if path.exists()}
    assert len(contents) > 2
    for path, data in contents.items():
        path.write_bytes(data[:-1] if damage == "torn" else data[34:] + data[:34] + data[:34])
    again = open_log(config)
    assert again.aborted_transactions(0, again.end_offset) == before
    again.close()
    assert {path: path.read_bytes() for path in contents} == contents


def test_damaged_snapshot_is_passed_over(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    fill(log, 30)
    log.close()
    for path in Path(log.segments[0].path).parent.glob("*.snapshot"):
        path.write_bytes(path.read_bytes()[:-1])
    log = open_log(SMALL)
    assert log.producers[9].last_sequence == 29


def test_remains_of_a_crash_are_removed(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    fill(log, 30)
    log.close()
    folder = Path(log.segments[0].path).parent
    remains = [f"{0:020d}.log.deleted", f"{5:020d}.log.cleaned", f"{777:020d}.index", "x.tmp"]
    for name in remains:
        (folder / name).write_bytes(b"rubbish")
    (folder / "stray.txt").write_bytes(b"someone's note")
    (folder / "12.log").write_bytes(b"not a segment's name")
    log = open_log(SMALL)
    assert len(all_rows(log)) == 30
    assert not any((folder / name).exists() for name in remains)
    assert (folder / "stray.txt").exists()


def test_damage_before_the_recovery_point_is_found_at_read(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    fill(log, 30)
    log.flush()
    path = Path(log.segments[1].path)
    log.abandon()
    data = bytearray(path.read_bytes())
    data[70] ^= 4
    path.write_bytes(data)
    log = open_log(SMALL, recovery_point=30)
    with pytest.raises(CorruptRecordError):
        log.read(log.segments[1].base_offset, 1000)
    last = log.segments[-1].base_offset
    assert rows(log.read(last, 1000).data)
