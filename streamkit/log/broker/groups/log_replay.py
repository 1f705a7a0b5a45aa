"""Reading a partition of `__consumer_offsets` at a start: each offset is decoded once, not each commit of it.

A busy group commits the same few offsets for weeks, and compaction leaves the newest segment alone. So commits are
kept as bytes, by key, with their place in the log: a later one replaces an earlier one, those of a transaction wait for
its marker. What is left at the end is replayed in the order of the log, which leads to the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from streamkit.log.broker.groups.offsets import Origin
from streamkit.log.broker.services import InternalBatch

__all__ = ["replay_log"]

_OLD_OFFSET, _OFFSET = b"\0\0", b"\0\1"
_NO_PRODUCER = -1


class _Write(NamedTuple):
    """A write of an offset: where it stands, and its bytes."""

    place: int
    value: bytes | None


Replay = Callable[[bytes | None, bytes | None, Origin | None], None]


def replay_log(partition: int, batches: Iterable[InternalBatch], replay: Replay) -> None:
    """Hand the records of a partition to `replay`, without those that later ones make void.

    Args:
        partition: of `__consumer_offsets`.
        batches: its log.
        replay: takes key, value, and the transaction that the record is part of if that is still open.
    """
    settled: dict[bytes, _Write] = {}
    open_: dict[int, dict[bytes, _Write]] = {}
    place = 0
    for batch in batches:
        if batch.committed is not None:
            ended = open_.pop(batch.producer_id, None)
            if ended is not None and batch.committed:
                for key, write in ended.items():
                    known = settled.get(key)
                    if known is None or known.place < write.place:
                        settled[key] = write
            continue
        writes = settled
        if batch.producer_id != _NO_PRODUCER:
            writes = open_.setdefault(batch.producer_id, {})
        for key_, value in batch.records:
            kind = None if key_ is None else key_[:2]
            if key_ is None or kind not in (_OFFSET, _OLD_OFFSET):
                replay(key_, value, None)
                continue
            place += 1
            # The oldest layout of a key has the fields of the next, so it is the same offset's.
            key = _OFFSET + key_[2:] if kind == _OLD_OFFSET else key_
            writes[key] = _Write(place, value)
            if value is None and writes is settled:
                # What is deleted is deleted for open transactions too.
                for other in open_.values():
                    other.pop(key, None)
    left = [(write, key, None) for key, write in settled.items()]
    waiting = [
        (write, key, Origin(partition, producer_id))
        for producer_id, writes in open_.items()
        for key, write in writes.items()
    ]
    for write, key, origin in sorted([*left, *waiting], key=lambda each: each[0].place):
        replay(key, write.value, origin)
