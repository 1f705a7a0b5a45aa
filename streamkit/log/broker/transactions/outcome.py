"""What the transaction coordinator answers, as values.

An event comes in with the time; an `Outcome` goes out. Its owner appends the record, replays it into the
coordinator, and then delivers the reply; if the append fails, nothing has happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from streamkit.log.broker.transactions.records import NO_EPOCH, NO_PRODUCER_ID, TransactionRecord
from streamkit.log.protocol import ErrorCode

__all__ = ["Outcome", "Producer", "ProducerReply"]

R = TypeVar("R")


class Producer(NamedTuple):
    """A producer id with an epoch."""

    producer_id: int
    epoch: int


_NOBODY = Producer(NO_PRODUCER_ID, NO_EPOCH)


@dataclass(frozen=True, slots=True)
class ProducerReply:
    """The answer to InitProducerId and EndTxn: the producer's id and epoch from now on."""

    error: ErrorCode
    producer: Producer = _NOBODY


@dataclass(slots=True)
class Outcome(Generic[R]):
    """What an event leads to.

    Attributes:
        reply: the answer, which is due when the record is in the log.
        record: to append, and to replay then; None if nothing changes.
    """

    reply: R
    record: TransactionRecord | None = None
