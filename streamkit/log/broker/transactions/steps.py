"""The steps of a transaction at which its coordinator can be watched.

A broker that dies right after any of them must come to the same end when it starts again. Whoever sets
`TransactionService.on_step` is called at each; tests end the process there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

__all__ = ["OnStep", "TransactionStep", "ignore_step"]


class TransactionStep(Enum):
    """What has just been done, and is in the page cache."""

    INITIALISED = "initialised"
    """A producer has got its id and epoch; it was not told yet."""
    ONGOING = "ongoing"
    """Partitions were added; nothing was written to them yet."""
    PREPARED = "prepared"
    """The end is decided; no marker was written yet."""
    MARKER_WRITTEN = "marker-written"
    """One partition has its marker; perhaps others haven't."""
    MARKERS_WRITTEN = "markers-written"
    """All partitions have their markers; the transaction isn't complete yet."""
    COMPLETED = "completed"
    """The transaction is complete; the producer was not told yet."""


OnStep: TypeAlias = Callable[[TransactionStep, str], None]
"""Called with the step and the transactional id."""


def ignore_step(step: TransactionStep, transactional_id: str) -> None:
    """The `OnStep` of a broker that nobody watches."""
