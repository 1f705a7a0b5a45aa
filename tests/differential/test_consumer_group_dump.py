"""`kafka-dump-log --offsets-decoder` of Apache Kafka 4.3.0 reads what consumer groups leave in our log."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from consumer_group_script import SETTINGS, run_consumer_group_script
from java import java_command

from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.kafka

KINDS = {
    "3": "group epoch",
    "4": "partition metadata",
    "5": "member",
    "6": "target epoch",
    "7": "target",
    "8": "current assignment",
    "16": "regular expression",
    "1": "offset",
    "2": "classic group",
}


def test_kafkas_tool_reads_every_record(tmp_path: Path) -> None:
    with EmbeddedBroker(data_dir=tmp_path, settings=SETTINGS) as broker:
        for _ in run_consumer_group_script(broker.bootstrap):
            pass
    segments = sorted(tmp_path.glob("__consumer_offsets-*/*.log"))
    assert segments
    done = subprocess.run(
        java_command(
            "org.apache.kafka.tools.DumpLogSegments",
            "--offsets-decoder",
            "--files",
            ",".join(map(str, segments)),
        ),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "SLF4J" not in line] == []
    for complaint in ("Could not decode", "Unknown", "unknown", "mismatch", "corrupt", "Error"):
        assert complaint not in done.stdout
    for kind, name in KINDS.items():
        assert f'"type":"{kind}"' in done.stdout, name
    assert '"metadataHash"' in done.stdout
    assert '"assignmentEpochs"' in done.stdout
