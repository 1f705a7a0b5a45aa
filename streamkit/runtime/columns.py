"""From what the consumer fetched to what a task buffers."""

from __future__ import annotations

from streamkit.log.client import FetchedBatch
from streamkit.runtime.partition_group import Columns

__all__ = ["columns_of"]


def columns_of(batch: FetchedBatch) -> Columns:
    """The batch's columns; the lists are handed over, not copied."""
    columns = batch.columns
    return Columns(
        columns.offsets,
        columns.timestamps,
        columns.keys,
        columns.values,
        columns.headers,
        batch.next_offset,
    )
