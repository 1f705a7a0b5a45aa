"""A compaction that ends its process, as by kill -9, at a named step.

    python stopping_cleaner.py FOLDER STEP NTH

It opens the data folder, compacts what is due, and dies when it comes to the step for the NTH time, from 1 on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from streamkit.clock import SystemClock
from streamkit.log.storage import LogConfig, LogManager
from streamkit.log.storage import cleaner as cleaning
from streamkit.log.storage.files import OpenFiles
from streamkit.log.storage.flushing import FlushJob
from streamkit.log.storage.log_cleaner import LogCleaner
from streamkit.log.storage.segment import Segment
from streamkit.log.storage.segment_list import SegmentList

EXIT_CODE = 77
CONFIG = LogConfig(
    cleanup_policy=frozenset({"compact"}),
    segment_bytes=2_000,
    index_interval_bytes=200,
    min_cleanable_dirty_ratio=0.0,
    file_delete_delay_ms=0,
)
STEPS: dict[str, tuple[type[Any] | Any, str]] = {
    "keys are noted": (cleaning, "_copy_group"),
    "a batch is copied": (cleaning, "_filtered"),
    "the copy is complete": (FlushJob, "run"),
    "the copy is on the disk": (SegmentList, "replace"),
    "a file gets its next name": (OpenFiles, "rename"),
    "an old segment is taken out": (Segment, "mark_deleted"),
    "the pass is noted": (LogCleaner, "_save"),
    "an old file is removed": (OpenFiles, "remove"),
}
"""Each step is a call; the process dies right before it."""


def die_before(owner: Any, name: str, nth: int) -> None:
    """End the process at the `nth` call."""
    real: Callable[..., Any] = getattr(owner, name)
    left = nth

    def counting(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(EXIT_CODE)
        return real(*arguments, **options)

    setattr(owner, name, counting)


def main(folder: str, step: str, nth: str) -> None:
    logs = LogManager(folder, CONFIG, SystemClock())
    logs.open()
    die_before(*STEPS[step], int(nth))
    now_ms = SystemClock().now_ms()
    while logs.clean(now_ms):
        pass
    logs.tick(now_ms + 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
