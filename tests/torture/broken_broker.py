"""A broker with a bug put in, to see whether the checker finds it.

python broken_broker.py BUG [OPTIONS OF streamkit broker]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

from streamkit.cli.main import main
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.groups.coordinator import GroupCoordinator
from streamkit.log.broker.groups.records import OffsetCommitRecord
from streamkit.log.broker.groups.service import GroupService
from streamkit.log.protocol.batch import read_header
from streamkit.log.storage import AppendResult, LogError, PartitionLog

_LATE_S = 0.05
_MARKERS_TO_ONE_LEFT_OUT = 25


def acknowledge_before_append() -> None:
    """What clients write is acknowledged at once, and appended a little later."""
    append = PartitionLog.append
    waiting: dict[PartitionLog, list[tuple[bytes, dict[str, Any]]]] = {}

    def settle(log: PartitionLog) -> None:
        for data, options in waiting.pop(log, ()):
            try:
                append(log, data, **options)
            except LogError as error:
                print(error, file=sys.stderr)

    def early(
        log: PartitionLog, data: bytes, *, from_client: bool = True, **options: Any
    ) -> AppendResult:
        if not from_client:
            settle(log)
            return append(log, data, from_client=False, **options)
        before = sum(read_header(held).count for held, _ in waiting.get(log, ()))
        first = log.end_offset + before
        if log not in waiting:
            waiting[log] = []
            asyncio.get_running_loop().call_later(_LATE_S, settle, log)
        waiting[log].append((bytes(data), options))
        last = first + read_header(data).count - 1
        return AppendResult(first, last, -1, log.log_start_offset)

    PartitionLog.append = early  # type: ignore[method-assign, assignment]  # the bug


def leave_marker_out() -> None:
    """Now and then a transaction's marker isn't written, as if it had been."""
    append_marker = Broker.append_marker
    asked = 0

    def forgetful(broker: Broker, *arguments: Any, **options: Any) -> None:
        nonlocal asked
        asked += 1
        if asked % _MARKERS_TO_ONE_LEFT_OUT:
            append_marker(broker, *arguments, **options)

    Broker.append_marker = forgetful  # type: ignore[method-assign, assignment]  # the bug


def forget_offset_commit() -> None:
    """At the start, the newest commit of each partition isn't replayed."""
    load, replay = GroupService.load, GroupCoordinator.replay

    def forgetful_load(service: GroupService) -> None:
        newest: dict[object, tuple[Any, ...]] = {}

        def late(coordinator: GroupCoordinator, record: Any, *origin: Any) -> None:
            if not isinstance(record, OffsetCommitRecord):
                replay(coordinator, record, *origin)
                return
            key = (record.group_id, record.topic_partition)
            if key in newest:
                replay(coordinator, *newest[key])
            newest[key] = (record, *origin)

        GroupCoordinator.replay = late  # type: ignore[method-assign, assignment]  # the bug
        try:
            load(service)
        finally:
            GroupCoordinator.replay = replay  # type: ignore[method-assign]

    GroupService.load = forgetful_load  # type: ignore[method-assign, assignment]


BUGS: Mapping[str, Callable[[], None]] = {
    "early-acknowledgement": acknowledge_before_append,
    "marker-left-out": leave_marker_out,
    "offset-commit-not-replayed": forget_offset_commit,
}


if __name__ == "__main__":
    BUGS[sys.argv[1]]()
    main(["broker", *sys.argv[2:]])
