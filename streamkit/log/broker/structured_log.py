"""Log lines as JSON objects, one a line, for programs that collect them.

| member | |
| --- | --- |
| `time` | ISO 8601 in UTC, with milliseconds |
| `level`, `logger`, `message` | as in the text form |
| `peer`, `reason` | of a connection that was closed |
| `topic`, `partition`, `segment`, `position` | where a log is damaged, or the disk refused |
| `exception` | a traceback |

A member stands there only if it is known.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from streamkit.errors import StorageError

__all__ = ["JsonFormatter"]


class JsonFormatter(logging.Formatter):
    """See the module. What a record has as `facts`, a mapping, stands in its line by itself."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "facts", {}))
        for error in _errors(record):
            line.update(_place(error))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _errors(record: logging.LogRecord) -> Iterator[StorageError]:
    """The errors that a record is about: among its arguments, and the one with the traceback."""
    arguments = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    raised = record.exc_info[1] if record.exc_info else None
    for each in (*arguments, raised):
        if isinstance(each, StorageError):
            yield each


def _place(error: StorageError) -> Iterator[tuple[str, object]]:
    topic_partition = getattr(error, "topic_partition", None)
    if topic_partition is not None:
        yield "topic", topic_partition[0]
        yield "partition", topic_partition[1]
    if error.path is not None:
        yield "segment", error.path
    position = getattr(error, "position", None)
    if position is not None:
        yield "position", position
