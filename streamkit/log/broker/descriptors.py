"""File descriptors: how many the process may have, and how they are shared out.

Log files give way to each other, connections don't: without a bound on these the logs could be opened no more. A
quarter is for log files, 512 at most, which is plenty; some for what is open for a moment; connections get the rest.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

if sys.platform != "win32":
    import resource

__all__ = ["DescriptorShares", "raise_descriptor_limit", "shares_of_descriptors"]

_MOST_LOG_FILES = 512
_WANTED = 1 << 20
_SET_ASIDE = 48
_UNLIMITED = 1 << 30


class DescriptorShares(NamedTuple):
    """How many log files and how many connections may be open at once."""

    log_files: int
    connections: int


def shares_of_descriptors(limit: int | None = None) -> DescriptorShares:
    """The shares of `limit` descriptors; of the process's limit without one."""
    if limit is None:
        limit = _limit()
    log_files = max(8, min(_MOST_LOG_FILES, limit // 4))
    return DescriptorShares(log_files, max(8, limit - log_files - _SET_ASIDE))


def raise_descriptor_limit() -> None:
    """Raise the process's limit as far as it may itself; a shell's is often 256 or 1,024."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says that there is no bound, and refuses more than it has then.
    for wanted in (_WANTED, 10_240):
        target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= target:
            return
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        except (OSError, ValueError):
            continue
        return


def _limit() -> int:
    if sys.platform == "win32":
        return _UNLIMITED
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _UNLIMITED if soft == resource.RLIM_INFINITY else soft
