"""kafka-dump-log of Apache Kafka 4.3.0 reads every file of our internal topics, and finds nothing to complain of."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from broker_process import BrokerProcess
from dump_log import DECODERS, dump_log, files_of, printed_by_file
from java import JAVA_FOLDER, run_java
from used_folder import TOPIC, compacted_folder, used_folder

from streamkit.clock import SystemClock
from streamkit.log.broker.metadata.service import Metadata
from streamkit.log.protocol import BatchBuilder
from streamkit.log.storage import LogConfig, LogManager

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ENTRY_BYTES = {".index": 8, ".timeindex": 12, ".txnindex": 34}
SHOWN = {
    "__cluster_metadata": {
        **{
            f'"type":"{kind}_RECORD"': kind
            for kind in (
                *("FEATURE_LEVEL", "TOPIC", "PARTITION", "CONFIG", "REMOVE_TOPIC", "PRODUCER_IDS"),
                "REGISTER_BROKER",
            )
        },
        '"resourceType":2': "settings of topics",
        '"resourceType":4': "settings of brokers",
        '"resourceType":32': "settings of groups",
        '"value":null': "a setting taken back",
    },
    "__consumer_offsets": {
        '"type":"1"': "offset",
        '"type":"2"': "classic group",
        '"type":"3"': "group epoch",
        '"type":"4"': "partition metadata",
        '"type":"5"': "member",
        '"type":"6"': "target epoch",
        '"type":"7"': "target",
        '"type":"8"': "current assignment",
        '"type":"16"': "regular expression",
        '"metadataHash"': "hash of the topics",
        '"assignmentEpochs"': "epochs of partitions",
        '"protocolType":"consumer"': "a client's group",
        f'"group":"classic","topic":"{TOPIC}","partition":0': "a client's offset",
        '"group":"in-transactions"': "a transaction's offset",
        "<DELETE>": "a tombstone",
        "endTxnMarker: COMMIT": "committed offsets of a transaction",
        "endTxnMarker: ABORT": "aborted offsets of a transaction",
    },
    "__transaction_state": {
        # Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort.
        **{f'"transactionStatus":{status}': f"state {status}" for status in range(6)},
        '"transactionalId":"transactional"': "an id",
        "<DELETE>": "an id that is forgotten",
    },
    TOPIC: {
        "endTxnMarker: COMMIT": "a commit",
        "endTxnMarker: ABORT": "an abort",
    },
}
"""What the log of the folder that was used has to hold, so that its decoder is asked for it."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The data folders by name; each is made when it is first asked for."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            path = tmp_path_factory.mktemp(name) / "data"
            if name == "recovered":
                shutil.copytree(folder("killed"), path)
                with BrokerProcess(path) as broker:
                    code, _ = broker.terminate()
                assert code == 0
            else:
                {"used": used_folder, "killed": compacted_folder}[name](path)
            made[name] = path
        return made[name]

    return folder


@pytest.mark.parametrize("topic", SHOWN)
@pytest.mark.parametrize("name", ["used", "killed", "recovered"])
def test_dump_log_has_no_complaint(folders: Callable[[str], Path], name: str, topic: str) -> None:
    files = files_of(folders(name), topic)
    gaps = name != "used" and topic in ("__consumer_offsets", "__transaction_state")
    printed = dump_log(files, DECODERS.get(topic, "--print-data-log"), gaps=gaps)
    by_file = printed_by_file(printed)
    assert list(by_file) == files
    for path, lines in by_file.items():
        if path.suffix in ENTRY_BYTES:
            # It stops without a word at an entry that it takes for the end.
            entries = [line for line in lines if not line.endswith(" is empty.")]
            assert len(entries) == path.stat().st_size // ENTRY_BYTES[path.suffix], path
    if name == "used":
        assert {what for text, what in SHOWN[topic].items() if text not in printed} == set()


@pytest.mark.parametrize("topic", SHOWN)
@pytest.mark.parametrize("name", ["used", "killed", "recovered"])
def test_indexes_are_sane(folders: Callable[[str], Path], name: str, topic: str) -> None:
    """The check by which Apache Kafka decides, at its start, whether to make an index anew."""
    files = files_of(folders(name), topic)
    indexes = [path for path in files if path.suffix in (".index", ".timeindex")]
    assert indexes
    dump_log(indexes, "--index-sanity-check")


@pytest.mark.parametrize("name", ["used", "recovered"])
def test_apache_kafka_knows_the_cluster_by_our_records(
    folders: Callable[[str], Path], name: str
) -> None:
    """What its brokers make of the metadata log is what ours does."""
    folder = folders(name)
    logs = [path for path in files_of(folder, "__cluster_metadata") if path.suffix == ".log"]
    found = json.loads(run_java(JAVA_FOLDER / "MetadataImage.java", *map(str, logs)))
    manager = LogManager(folder, LogConfig(), SystemClock())
    manager.open()
    metadata = Metadata(manager, 1)
    metadata.open(0)
    manager.close()
    image = metadata.image
    configs = {
        **{f"TOPIC {topic.name}": topic.configs for topic in image.topics.values()},
        **{f"BROKER {broker}": settings for broker, settings in image.brokers.items()},
        **{f"GROUP {group}": settings for group, settings in image.groups.items()},
    }
    assert found["topics"] == {
        topic.name: {
            "id": base64.urlsafe_b64encode(topic.topic_id.bytes).decode().rstrip("="),
            "partitions": topic.partitions,
        }
        for topic in image.topics.values()
    }
    assert found["configs"] == {what: settings for what, settings in configs.items() if settings}
    assert found["features"].items() <= image.features.items()
    assert found["next_producer_id"] == image.next_producer_id


@pytest.mark.parametrize("topic", ["__consumer_offsets", "__transaction_state"])
def test_folder_was_compacted(folders: Callable[[str], Path], topic: str) -> None:
    """Offsets are missing in what was killed: else the cases above would show less than they say."""
    logs = [path for path in files_of(folders("killed"), topic) if path.suffix == ".log"]
    printed = dump_log(logs, DECODERS[topic], gaps=True)
    offsets = [int(offset) for offset in re.findall(r"^\| offset: (\d+)", printed, re.M)]
    assert offsets == sorted(offsets)
    assert 0 < len(offsets) <= offsets[-1]


@pytest.mark.parametrize(
    ("topic", "key", "value", "complaint"),
    [
        ("__cluster_metadata", None, b"\x01\x63\x00", "Error at .*, skipping"),
        ("__consumer_offsets", b"\x00\x63", b"", "Unknown record type 99 .*, skipping"),
        ("__transaction_state", b"\x00\x00", b"\x00\x00", "Error at .*, skipping"),
    ],
)
def test_record_that_a_decoder_refuses_is_a_complaint(
    tmp_path: Path, topic: str, key: bytes | None, value: bytes, complaint: str
) -> None:
    builder = BatchBuilder()
    builder.append(0, key, value)
    path = tmp_path / f"{0:020d}.log"
    path.write_bytes(builder.build())
    with pytest.raises(AssertionError, match=complaint):
        dump_log([path], DECODERS[topic])


def test_damaged_files_are_complaints(folders: Callable[[str], Path], tmp_path: Path) -> None:
    """A bit of a record, of an entry of each index, of a snapshot."""
    folder = tmp_path / "data"
    shutil.copytree(folders("used"), folder)
    files = [path for path in files_of(folder, "__consumer_offsets") if path.stat().st_size]
    for suffix, place, complaint in (
        (".log", 70, "isvalid: false"),
        (".index", 3, "Mismatches in"),
        (".timeindex", 7, "Found timestamp mismatch"),
        (".snapshot", 8, "Snapshot failed"),
    ):
        path = next(path for path in files if path.suffix == suffix)
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(AssertionError, match=complaint):
            dump_log([path], "--skip-record-metadata")
