"""Faults that no code expects, at the boundary of a task of the network thread.

Nobody awaits these tasks: what would end one in silence is logged, and raised where the caller looks next.
"""

from __future__ import annotations

import logging

from streamkit.errors import StreamkitError, caused_by

__all__ = ["told"]

_log = logging.getLogger(__name__)


def told(error: Exception, doing: str) -> StreamkitError:
    """`error` as the next call may raise it; logged with its traceback if it is none of ours."""
    if isinstance(error, StreamkitError):
        return error
    _log.error("%s failed: %r", doing, error, exc_info=error)
    return caused_by(StreamkitError(f"{doing} failed: {error!r}"), error)
