"""The small text files of a data folder and of a partition's folder, in Kafka's formats.

| file | content |
| --- | --- |
| `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`, `cleaner-offset-checkpoint` | `0`, the number of lines, then `topic partition offset` a line |
| `leader-epoch-checkpoint` | `0`, the number of lines, then `epoch start_offset` a line |
| `partition.metadata` | `version: 0`, `topic_id: ` and the id in URL-safe base64 without padding |
| `meta.properties` | Java properties: `version=1`, `node.id`, `cluster.id`, `directory.id` |
| `.kafka_cleanshutdown` | JSON: version and broker epoch |

All are replaced whole, so a crash of the process leaves the old or the new one. The files of a
partition's folder are forced to the disk with its next flush, the others at once. A checkpoint that can't be read
counts as missing: what it knew is found again by recovery.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from streamkit.errors import StorageError
from streamkit.log.storage.files import read_text, remove, replace_file, write_durably
from streamkit.model import TopicPartition

__all__ = [
    "CLEANER_OFFSET_FILE",
    "CLEAN_SHUTDOWN_FILE",
    "LEADER_EPOCH_FILE",
    "LOG_START_FILE",
    "META_PROPERTIES_FILE",
    "PARTITION_METADATA_FILE",
    "RECOVERY_POINT_FILE",
    "is_damaged",
    "read_leader_epochs",
    "read_meta_properties",
    "read_offsets",
    "read_topic_id",
    "remove_clean_shutdown",
    "uuid_from_text",
    "uuid_to_text",
    "was_clean_shutdown",
    "write_clean_shutdown",
    "write_leader_epochs",
    "write_meta_properties",
    "write_offsets",
    "write_topic_id",
]

RECOVERY_POINT_FILE = "recovery-point-offset-checkpoint"
CLEANER_OFFSET_FILE = "cleaner-offset-checkpoint"
LOG_START_FILE = "log-start-offset-checkpoint"
CLEAN_SHUTDOWN_FILE = ".kafka_cleanshutdown"
META_PROPERTIES_FILE = "meta.properties"
PARTITION_METADATA_FILE = "partition.metadata"
LEADER_EPOCH_FILE = "leader-epoch-checkpoint"

_VERSION = "0"


def read_offsets(path: Path) -> dict[TopicPartition, int]:
    """The offsets of a checkpoint; empty when it is missing or damaged."""
    offsets: dict[TopicPartition, int] = {}
    for line in _read_lines(path):
        fields = line.split()
        if len(fields) != 3 or not fields[1].isdigit() or not fields[2].isdigit():
            return {}
        offsets[TopicPartition(fields[0], int(fields[1]))] = int(fields[2])
    return offsets


def is_damaged(path: Path, has_entries: bool) -> bool:
    """Whether a checkpoint that yields nothing says anything but that it has no entries."""
    return not has_entries and (read_text(str(path)) or "").split() not in ([], ["0", "0"])


def write_offsets(path: Path, offsets: Mapping[TopicPartition, int]) -> None:
    """Replace the checkpoint."""
    lines = [f"{tp.topic} {tp.partition} {offset}" for tp, offset in offsets.items()]
    write_durably(str(path), _encode_lines(lines))


def read_leader_epochs(path: Path | str) -> list[tuple[int, int]]:
    """Epochs and their start offsets, in order; empty when the file is missing or damaged."""
    epochs: list[tuple[int, int]] = []
    for line in _read_lines(path):
        fields = line.split()
        if len(fields) != 2 or not fields[0].isdigit() or not fields[1].isdigit():
            return []
        epochs.append((int(fields[0]), int(fields[1])))
    return sorted(epochs)


def write_leader_epochs(path: Path | str, epochs: Iterable[tuple[int, int]]) -> None:
    """Replace the checkpoint."""
    replace_file(str(path), _encode_lines([f"{epoch} {start}" for epoch, start in epochs]))


def read_topic_id(path: Path | str) -> uuid.UUID | None:
    """The topic id in a `partition.metadata` file, or None if there is no file.

    Raises:
        StorageError: the file is damaged.
    """
    text = read_text(str(path))
    if not text:
        # Empty: the machine went down before the first flush, when there was nothing else either.
        return None
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if fields.get("version") != _VERSION:
        raise StorageError(f"{path} is damaged: no line 'version: 0'", path=str(path))
    try:
        return uuid_from_text(fields.get("topic_id", ""))
    except ValueError as error:
        raise StorageError(f"{path} is damaged: no valid topic_id", path=str(path)) from error


def write_topic_id(path: Path | str, topic_id: uuid.UUID) -> None:
    """Write a `partition.metadata` file."""
    text = f"version: {_VERSION}\ntopic_id: {uuid_to_text(topic_id)}\n"
    replace_file(str(path), text.encode())


def read_meta_properties(path: Path) -> dict[str, str]:
    """The properties of the data folder; empty when there is no file."""
    text = read_text(str(path)) or ""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", "!")))
    return {name.strip(): value.strip().replace("\\:", ":") for name, _, value in pairs}


def write_meta_properties(path: Path, properties: Mapping[str, str]) -> None:
    """Replace the properties of the data folder."""
    text = "".join(f"{name}={value}\n" for name, value in sorted(properties.items()))
    write_durably(str(path), f"#\n{text}".encode())


def was_clean_shutdown(folder: Path) -> bool:
    """Whether the last process closed all logs of the folder."""
    return (folder / CLEAN_SHUTDOWN_FILE).exists()


def write_clean_shutdown(folder: Path, broker_epoch: int = -1) -> None:
    """Note that all logs are closed."""
    content = json.dumps({"version": 0, "brokerEpoch": broker_epoch}, separators=(",", ":"))
    write_durably(str(folder / CLEAN_SHUTDOWN_FILE), content.encode())


def remove_clean_shutdown(folder: Path) -> None:
    """Note that logs are open: from now on a crash needs recovery."""
    remove(str(folder / CLEAN_SHUTDOWN_FILE))


def uuid_to_text(value: uuid.UUID) -> str:
    """Kafka's text of an id: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")


def uuid_from_text(text: str) -> uuid.UUID:
    """The id written as `text`.

    Raises:
        ValueError: not 22 characters of base64.
    """
    try:
        return uuid.UUID(bytes=base64.urlsafe_b64decode(text + "=="))
    except binascii.Error as error:
        raise ValueError(f"{text!r} is no id in base64") from error


def _read_lines(path: Path | str) -> list[str]:
    text = read_text(str(path))
    lines = (text or "").splitlines()
    if len(lines) < 2 or lines[0] != _VERSION or lines[1] != str(len(lines) - 2):
        return []
    return lines[2:]


def _encode_lines(lines: list[str]) -> bytes:
    return ("\n".join([_VERSION, str(len(lines)), *lines]) + "\n").encode()
