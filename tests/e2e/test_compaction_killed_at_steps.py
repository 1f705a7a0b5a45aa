"""kill -9 in the middle of a compaction, at each of its steps: nothing is lost, and the next start goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stopping_cleaner
from log_batches import all_rows, batch, marker
from stopping_cleaner import CONFIG, EXIT_CODE, STEPS

from streamkit.clock import SystemClock
from streamkit.log.protocol import BatchBuilder, ControlKind
from streamkit.log.storage import LogManager, PartitionLog
from streamkit.log.storage.checkup import check_data_folder
from streamkit.model import TopicPartition

TP = TopicPartition("table", 0)
KEYS = 9

pytestmark = pytest.mark.slow


def committed(log: PartitionLog) -> dict[bytes | None, bytes]:
    """The table that a reader of committed records makes of the log."""
    offset = log.log_start_offset
    void: list[tuple[int, int]] = []
    while offset < log.last_stable_offset:
        result = log.read(offset, 1_000, isolation="read_committed")
        void += [(each.first_offset, each.last_offset) for each in result.aborted or []]
        offset = result.next_offset
    rows = [
        row for row in all_rows(log) if not any(first <= row.offset <= last for first, last in void)
    ]
    table = {row.key: row.value for row in rows}
    return {key: value for key, value in table.items() if value is not None}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log to be compacted: rewritten keys, tombstones, a transaction that was aborted."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    logs = LogManager(folder, CONFIG, SystemClock())
    logs.open()
    log = logs.create(TP)
    for index in range(400):
        builder = BatchBuilder()
        value = None if index % 17 == 0 else b"value %d" % index
        builder.append(1_000, b"key %d" % (index * 7 % KEYS), value)
        log.append(builder.build(), now_ms=0)
        if index == 200:
            log.append(batch(b"void", producer=(1, 0, 0), transactional=True), now_ms=0)
            log.append(marker(ControlKind.ABORT, 1), now_ms=0, from_client=False)
    assert len(log.segments) > 10
    logs.close()
    return folder


@pytest.mark.parametrize("nth", [1, 7])
@pytest.mark.parametrize("step", STEPS)
def test_kill_at_a_step_of_compaction_loses_nothing(
    filled: Path, tmp_path: Path, step: str, nth: int
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(filled, folder)
    wanted, end_offset, _ = state(folder)
    # As a broker that was killed leaves it: nothing says that the stop was clean.
    run = [sys.executable, stopping_cleaner.__file__, str(folder), step, str(nth)]
    killed = subprocess.run(run, check=False, capture_output=True, text=True).returncode
    if nth == 1:
        assert killed == EXIT_CODE, "the step wasn't reached"
    assert killed in (0, EXIT_CODE)
    found, found_end, size = state(folder)
    assert found == wanted
    assert found_end == end_offset
    again = LogManager(folder, CONFIG, SystemClock())
    again.open()
    now_ms = SystemClock().now_ms()
    while again.clean(now_ms):
        pass
    again.tick(now_ms + 1)
    again.close()
    found, found_end, compacted_size = state(folder)
    assert (found, found_end) == (wanted, end_offset)
    assert compacted_size <= size
    assert compacted_size < 5_000
    left_over = [path.name for path in (folder / "table-0").iterdir() if "." in path.stem]
    assert not left_over
    checkup = check_data_folder(folder, lambda _: None)
    assert not [
        each
        for each in checkup.findings
        if each.path != "meta.properties" and each.severity == "error"
    ]


def state(folder: Path) -> tuple[dict[bytes | None, bytes], int, int]:
    """The committed table, the end and the size of the log; the folder is left as it was."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    logs = LogManager(copy, CONFIG, SystemClock())
    logs.open()
    log = logs.get(TP)
    assert log is not None
    assert log.bytes_cut == 0
    offsets = [row.offset for row in all_rows(log)]
    assert offsets == sorted(set(offsets))
    found = committed(log), log.end_offset, log.size_bytes
    logs.close()
    shutil.rmtree(copy)
    return found
