"""`streamkit doctor`: a sound folder is sound, and each kind of damage is found and named."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from wire_client import WireClient

from streamkit.cli.main import cli
from streamkit.errors import LockedError, StorageError
from streamkit.log.broker.doctor import examine
from streamkit.log.protocol import BatchBuilder
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from streamkit.testing import EmbeddedBroker


def produce(client: WireClient, count: int) -> None:
    client.ask(MetadataRequest(topics=[MetadataRequestTopic(name="t")]), 4)
    for number in range(count):
        batch = BatchBuilder()
        batch.append(int(time.time() * 1000) + number, None, b"x" * 150_000)
        data = [PartitionProduceData(index=0, records=batch.build())]
        topics = [TopicProduceData(name="t", partition_data=data)]
        answer = client.ask(ProduceRequest(acks=1, timeout_ms=1000, topic_data=topics), 9)
        assert answer.responses[0].partition_responses[0].error_code == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, closed cleanly, whose partition t-0 has two segments."""
    settings = {"log.segment.bytes": "1048576"}
    with (
        EmbeddedBroker(data_dir=tmp_path, settings=settings) as broker,
        WireClient(broker.bootstrap) as client,
    ):
        produce(client, 10)
    assert len(segments(tmp_path)) == 2
    return tmp_path


def segments(folder: Path, suffix: str = "log") -> list[Path]:
    return sorted((folder / "t-0").glob(f"*.{suffix}"))


def run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", str(folder), *options])


def found(folder: Path) -> list[tuple[str, str, str]]:
    return [(each.severity, each.path, each.message) for each in examine(folder).findings]


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0xFF
    path.write_bytes(data)


def test_sound_folder_is_sound(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = run(folder)
    assert result.exit_code == 0
    assert result.output.endswith("bytes read\nsound\n")
    assert {path: path.read_bytes() for path in before} == before
    assert found(folder) == []


def test_json_tells_the_same(folder: Path) -> None:
    flip(segments(folder)[0], 100)
    result = run(folder, "--json")
    told: dict[str, Any] = json.loads(result.output)
    assert result.exit_code == 1
    assert told["sound"] is False
    assert told["clean_shutdown"] is True
    assert told["segments"] == 3
    (finding,) = (each for each in told["findings"] if each["path"].endswith(".log"))
    assert finding["severity"] == "error"
    assert finding["path"] == "t-0/00000000000000000000.log"
    assert "its checksum is wrong" in finding["message"]


def test_damage_is_in_the_table(folder: Path) -> None:
    flip(segments(folder)[0], 100)
    result = run(folder)
    assert result.exit_code == 1
    assert "damaged at byte 0: its checksum is wrong" in result.output
    assert result.output.endswith("1 error\n")


def test_torn_tail_after_a_kill_is_mended_by_the_next_start(folder: Path) -> None:
    with EmbeddedBroker(data_dir=folder) as broker:
        broker.kill()
        with segments(folder)[-1].open("ab") as file:
            file.write(b"half a batch")
        assert examine(folder).sound
        _, path, message = next(each for each in found(folder) if each[0] == "warning")
        assert path == f"t-0/{segments(folder)[-1].name}"
        assert "cuts off 12 bytes" in message


def test_log_that_ends_before_its_recovery_point_has_lost_records(folder: Path) -> None:
    last = segments(folder)[-1]
    last.write_bytes(b"")
    messages = [message for severity, _, message in found(folder) if severity == "error"]
    assert any("t-0 was on the disk up to offset 10" in message for message in messages)


def test_index_that_points_elsewhere_is_found(folder: Path) -> None:
    flip(segments(folder, "index")[0], 7)
    assert (
        found(folder)[0][0],
        found(folder)[0][2][-17:],
    ) == ("error", "where no batch is")
    flip(segments(folder, "index")[0], 7)
    flip(segments(folder, "index")[0], 3)
    assert "ends with offset" in found(folder)[0][2]


def test_time_index_is_compared_with_the_records(folder: Path) -> None:
    flip(segments(folder, "timeindex")[0], 1)
    assert [severity for severity, _, _ in found(folder)] == ["error"]


def test_missing_and_torn_indexes_are_made_anew(folder: Path) -> None:
    segments(folder, "index")[0].unlink()
    with segments(folder, "timeindex")[0].open("ab") as file:
        file.write(b"x")
    assert [severity for severity, _, _ in found(folder)] == ["warning", "warning"]


def test_other_files_are_looked_at(folder: Path) -> None:
    partition = folder / "t-0"
    (partition / "00000000000000000099.snapshot").write_bytes(b"no snapshot")
    (partition / "00000000000000000000.txnindex").write_bytes(b"x" * 3)
    (partition / "00000000000000000000.log.deleted").write_bytes(b"")
    (partition / "00000000000000000055.index").write_bytes(b"")
    (partition / "leader-epoch-checkpoint").write_bytes(b"garbage")
    (partition / "partition.metadata").write_bytes(b"garbage")
    (folder / "log-start-offset-checkpoint").write_bytes(b"0\n1\nt 0 x\n")
    (folder / "cleaner-offset-checkpoint").write_bytes(b"0\n1\nnobody 0 5\n")
    (folder / "meta.properties").write_bytes(b"")
    (folder / "stranger").mkdir()
    told = {(severity, Path(path).name) for severity, path, _ in found(folder)}
    assert told == {
        ("warning", "00000000000000000099.snapshot"),
        ("error", "00000000000000000000.txnindex"),
        ("note", "00000000000000000000.log.deleted"),
        ("note", "00000000000000000055.index"),
        ("warning", "leader-epoch-checkpoint"),
        ("error", "partition.metadata"),
        ("warning", "log-start-offset-checkpoint"),
        ("note", "cleaner-offset-checkpoint"),
        ("error", "meta.properties"),
        ("note", "stranger"),
    }


def test_logs_are_compared_with_the_metadata(folder: Path) -> None:
    (folder / "t-0").rename(folder / "t-5")
    messages = {path: message for _, path, message in found(folder)}
    assert "isn't in the metadata" in messages["t-5"]
    (metadata,) = (folder / "__cluster_metadata-0").glob("*.log")
    flip(metadata, 70)
    assert not examine(folder).sound
    for path in (folder / "__cluster_metadata-0").iterdir():
        path.unlink()
    (folder / "__cluster_metadata-0").rmdir()
    assert any("topics aren't known" in message for _, _, message in found(folder))


def test_folder_in_use_and_no_folder_are_refused(tmp_path: Path) -> None:
    with EmbeddedBroker(data_dir=tmp_path), pytest.raises(LockedError):
        examine(tmp_path)
    with pytest.raises(StorageError, match="no data folder"):
        examine(tmp_path / "none")
