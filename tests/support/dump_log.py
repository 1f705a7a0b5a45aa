"""kafka-dump-log of Apache Kafka 4.3.0 over files of a log: what it prints, and that it has no complaint.

The tool ends with 0 whatever it finds: damage, a record that its decoder refuses, an index entry that points nowhere are
lines among the others. `COMPLAINTS` are the words of those lines.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from java import java_command

__all__ = ["COMPLAINTS", "DECODERS", "dump_log", "files_of", "printed_by_file"]

DECODERS = {
    "__cluster_metadata": "--cluster-metadata-decoder",
    "__consumer_offsets": "--offsets-decoder",
    "__transaction_state": "--transaction-log-decoder",
}
"""The tool's option for the records of each internal topic."""

_SUFFIXES = (".log", ".index", ".timeindex", ".txnindex", ".snapshot")
"""The files that it reads."""

COMPLAINTS = (
    *("Could not decode", "Unknown", "unknown", "Error", "skipping", "Exception"),
    *("mismatch", "Mismatch", "Found", "Non-consecutive", "corrupt", "Ignoring", "isvalid: false"),
)
"""What it says, among what it prints, of damage and of records that its decoders refuse."""

_JUMP = re.compile(r"  (-?\d+) is followed by (\d+)\n")
_JUMPS = re.compile(rf"Non-consecutive offsets in (\S+)\n((?:{_JUMP.pattern})+)")


def files_of(folder: Path, topic: str) -> list[Path]:
    """The files in the folders of a topic's partitions that the tool reads."""
    return sorted(path for path in folder.glob(f"{topic}-*/*") if path.suffix in _SUFFIXES)


def dump_log(files: Iterable[Path], *options: str, gaps: bool = False) -> str:
    """What kafka-dump-log prints of the files; it must not complain.

    Args:
        files: of logs and their indexes.
        options: of the tool.
        gaps: offsets may be missing, as compaction leaves them.
    """
    done = subprocess.run(
        java_command(
            "org.apache.kafka.tools.DumpLogSegments", *options, "--files", ",".join(map(str, files))
        ),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = _JUMPS.sub(lambda found: "" if _is_fine(found, gaps=gaps) else found[0], done.stderr)
    complaints = [
        *(line for line in said.splitlines() if "SLF4J" not in line),
        *(line for line in done.stdout.splitlines() if any(word in line for word in COMPLAINTS)),
    ]
    assert not complaints, "\n".join(complaints)
    return done.stdout


def printed_by_file(printed: str) -> dict[Path, list[str]]:
    """The lines about each file."""
    _, *parts = re.split(r"^Dumping (.*)\n", printed, flags=re.M)
    return {
        Path(path): text.splitlines() for path, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _is_fine(found: re.Match[str], *, gaps: bool) -> bool:
    """Whether offsets that don't follow each other are no damage.

    Of every segment that doesn't begin at offset 0, Kafka's own included, the tool says that -1 is followed by its
    first offset.
    """
    base_offset = int(Path(found[1]).stem)
    return all(
        (gaps and before < after) or (before, after) == (-1, base_offset)
        for before, after in ((int(one), int(two)) for one, two in _JUMP.findall(found[2]))
    )
