"""Incremental fetch sessions: the broker remembers a consumer's partitions, the consumer sends changes only.

| session id | epoch | meaning |
| --- | --- | --- |
| 0 | 0 | a full fetch that asks for a session |
| id | 0 | a full fetch that replaces session `id` by a new one |
| any | -1 | a full fetch without a session; session `id` ends |
| id | n | the n-th incremental fetch of session `id` |

An incremental answer leaves out partitions of which there is nothing new. Partitions that had records move to
the end of the session, so that all get their turn when answers are full.

Source: KIP-227; KIP-516 for topic ids.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from streamkit.clock import Clock
from streamkit.log.broker.failures import refusal
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.fetch import FetchRequest

__all__ = ["FetchItem", "FetchSession", "FetchSessions", "TopicKey"]

_NO_EPOCH = -1
_IDLE_MS = 120_000
_INT_MAX = 2**31 - 1

TopicKey = str | UUID
"""A topic as the client names it: by name up to version 12, by id from 13 on."""


@dataclass(slots=True)
class FetchItem:
    """One partition that is to be read, and what the client knows of it from the last answer."""

    topic: TopicKey
    partition: int
    fetch_offset: int
    max_bytes: int
    leader_epoch: int = -1
    last_fetched_epoch: int = -1
    sent_high_watermark: int = -1
    sent_log_start_offset: int = -1


class FetchSession:
    """The partitions of one consumer, in the order in which they are read next."""

    __slots__ = ("by_id", "epoch", "items", "session_id", "used_ms")

    def __init__(self, session_id: int, by_id: bool, items: Iterable[FetchItem]) -> None:
        self.session_id = session_id
        self.by_id = by_id
        self.epoch = 1
        self.used_ms = 0
        self.items = {(item.topic, item.partition): item for item in items}

    def change(self, request: FetchRequest, by_id: bool) -> None:
        """Take over the partitions that an incremental request adds, changes and forgets."""
        for item in requested_items(request, by_id):
            known = self.items.get((item.topic, item.partition))
            if known is None:
                self.items[item.topic, item.partition] = item
            else:
                known.fetch_offset = item.fetch_offset
                known.max_bytes = item.max_bytes
                known.leader_epoch = item.leader_epoch
                known.last_fetched_epoch = item.last_fetched_epoch
        for forgotten in request.forgotten_topics_data:
            topic: TopicKey = forgotten.topic_id if by_id else forgotten.topic
            for partition in forgotten.partitions:
                self.items.pop((topic, partition), None)

    def rotate(self, item: FetchItem) -> None:
        """Put a partition that was just read behind the others."""
        key = (item.topic, item.partition)
        if key in self.items:
            self.items[key] = self.items.pop(key)


class FetchSessions:
    """All sessions of one broker.

    Args:
        slots: how many there may be; a new one takes the place of one that was idle for two minutes, else it
            is not given.
        clock: the time.
        seed: session ids are drawn from it; None: from the system's randomness.
    """

    def __init__(self, slots: int, clock: Clock, seed: int | None = None) -> None:
        self._slots = slots
        self._clock = clock
        self._random = random.Random(seed)  # session ids need be hard to guess for nobody
        self._sessions: dict[int, FetchSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, session_id: int) -> FetchSession | None:
        """The session with that id, as the last request has left it, or None."""
        return self._sessions.get(session_id)

    def begin(
        self, request: FetchRequest, by_id: bool
    ) -> tuple[list[FetchItem], FetchSession | None, bool]:
        """What to read for a request.

        Returns:
            the partitions; the session that the answer names, if any; whether the answer is incremental.

        Raises:
            BrokerError: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH,
                FETCH_SESSION_TOPIC_ID_ERROR: the client begins again with a full fetch.
        """
        if request.session_epoch in (0, _NO_EPOCH):
            self._sessions.pop(request.session_id, None)
            items = requested_items(request, by_id)
            wanted = request.session_epoch == 0
            return items, self._new(items, by_id) if wanted else None, False
        session = self._sessions.get(request.session_id)
        if session is None:
            raise refusal(
                ErrorCode.FETCH_SESSION_ID_NOT_FOUND, f"no fetch session {request.session_id}"
            )
        if session.by_id is not by_id:
            raise refusal(
                ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR, "the session names topics another way"
            )
        if session.epoch != request.session_epoch:
            raise refusal(
                ErrorCode.INVALID_FETCH_SESSION_EPOCH,
                f"session {session.session_id} expects epoch {session.epoch}, not {request.session_epoch}",
            )
        session.epoch = 1 if session.epoch == _INT_MAX else session.epoch + 1
        self._touch(session)
        session.change(request, by_id)
        if not session.items:
            # What was forgotten last is answered once more if the request names it, as by Apache Kafka.
            del self._sessions[session.session_id]
            return requested_items(request, by_id), None, False
        return list(session.items.values()), session, True

    def _new(self, items: list[FetchItem], by_id: bool) -> FetchSession | None:
        if len(self._sessions) >= self._slots and not self._evict():
            return None
        session_id = self._random.randint(1, _INT_MAX)
        while session_id in self._sessions:
            session_id = self._random.randint(1, _INT_MAX)
        session = FetchSession(session_id, by_id, items)
        self._touch(session)
        return session

    def _touch(self, session: FetchSession) -> None:
        # In the order of their last use, so that the first is the one to go.
        self._sessions.pop(session.session_id, None)
        self._sessions[session.session_id] = session
        session.used_ms = self._clock.monotonic_ms()

    def _evict(self) -> bool:
        oldest = next(iter(self._sessions.values()), None)
        if oldest is None or self._clock.monotonic_ms() - oldest.used_ms <= _IDLE_MS:
            return False
        del self._sessions[oldest.session_id]
        return True


def requested_items(request: FetchRequest, by_id: bool) -> list[FetchItem]:
    """The partitions that a request names, in its order; of one that is named twice, the last word."""
    items: dict[tuple[TopicKey, int], FetchItem] = {}
    for topic in request.topics:
        key: TopicKey = topic.topic_id if by_id else topic.topic
        for partition in topic.partitions:
            items[key, partition.partition] = FetchItem(
                key,
                partition.partition,
                partition.fetch_offset,
                partition.partition_max_bytes,
                partition.current_leader_epoch,
                partition.last_fetched_epoch,
            )
    return list(items.values())
