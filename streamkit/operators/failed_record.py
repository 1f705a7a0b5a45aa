"""Which record failed, where it isn't the one just read: it has waited in a store, or a timer sent it.

An operator that sends on such a record names it in the exception that comes back, and gives the record context back
as it was: then the user is told of the record at fault, and operators beside see their own. Nothing is done while
nothing fails.
"""

from __future__ import annotations

from streamkit.operators.context import RecordContext

__all__ = ["FailedRecord", "name_record", "take_record"]

_NAMED = "__streamkit_record__"


class FailedRecord:
    """Key and value as the operator sent them on, and where the record came from.

    Attributes:
        topic: None: not known.
        partition, offset: -1 without a topic.
    """

    __slots__ = ("key", "offset", "partition", "topic", "value")

    def __init__(self, key: object, value: object, source: RecordContext | None) -> None:
        self.key: object = key
        self.value: object = value
        self.topic: str | None = None if source is None else source.topic
        self.partition: int = -1 if source is None else source.partition
        self.offset: int = -1 if source is None else source.offset


def name_record(
    error: BaseException, key: object, value: object, source: RecordContext | None = None
) -> None:
    """Name the record in `error`, unless an operator below did.

    Args:
        source: shows where the record came from; None: not known.
    """
    error.__dict__.setdefault(_NAMED, FailedRecord(key, value, source))


def take_record(error: BaseException) -> FailedRecord | None:
    """What `name_record` named; only once, as the same exception may be raised again."""
    named: FailedRecord | None = error.__dict__.pop(_NAMED, None)
    return named
