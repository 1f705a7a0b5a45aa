"""Names of the marks that stores keep in their backends beside the entries.

| mark | value |
| --- | --- |
| `offset` | first changelog offset that the backend doesn't hold (8 bytes) |
| `layout` | kind of the store and length of its segments in ms, as text |
| `observed` | window and session stores: highest start (end) ever put (8 bytes) |
| `sequence` | join buffers: next sequence number (8 bytes) |
"""

from __future__ import annotations

from mypy_extensions import i64

from streamkit.state.backends.base import Backend
from streamkit.state.keys import long_from

__all__ = ["LAYOUT", "OBSERVED", "OFFSET", "SEQUENCE", "read_mark"]

LAYOUT = b"layout"
OFFSET = b"offset"
OBSERVED = b"observed"
SEQUENCE = b"sequence"


def read_mark(backend: Backend, name: bytes) -> i64:
    """A mark's number; -1 if it isn't set."""
    data = backend.mark(name)
    return -1 if data is None else long_from(data)
