"""Faults made on purpose, for tests of programs that talk to the broker.

A connection hands each request to `Faults.answer` in place of its handler; a broker without faults has none and
pays one comparison a request. The first rule that fits a request decides about it.

Rules are set on any thread and met on the broker's: a lock guards them.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

from streamkit.clock import Clock, SystemClock
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.faulted_answers import refusing_answer, topics_named
from streamkit.log.broker.registry import Api
from streamkit.log.protocol import ApiKey, ErrorCode
from streamkit.log.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from streamkit.log.protocol.messages.metadata import MetadataRequest
from streamkit.log.protocol.messages.produce import ProduceRequest

__all__ = ["FaultKind", "FaultRule", "Faults"]

logger = logging.getLogger(__name__)


class FaultKind(Enum):
    """What happens to a request."""

    DELAY = "delay"
    DROP = "drop"
    ERROR = "error"
    LOSE_REPLY = "lose_reply"


@dataclass(eq=False, slots=True)
class FaultRule:
    """Which requests fail, and how.

    Attributes:
        kind: what happens.
        apis: the requests' APIs; empty: all but ApiVersions.
        topics: requests that name one of them; empty: all requests.
        client_id: requests of clients of that name; None: of all.
        skip: how many fitting requests are spared first.
        times: how many are hit after that; None: no bound.
        until_ms: on the monotonic clock of the faults; None: no end.
        delay_ms: for DELAY, the time before the request is taken up.
        code: for ERROR.
        seen: how many requests did fit, the spared ones too.
        hits: how many were hit.
        hit: notified at each hit.
    """

    kind: FaultKind
    apis: Collection[ApiKey] = ()
    topics: Collection[str] = ()
    client_id: str | None = None
    skip: int = 0
    times: int | None = None
    until_ms: int | None = None
    delay_ms: int = 0
    code: ErrorCode = ErrorCode.NONE
    seen: int = 0
    hits: int = 0
    hit: threading.Condition = field(default_factory=threading.Condition)

    def spent(self, now_ms: int) -> bool:
        """Whether it will hit nothing more."""
        return (self.until_ms is not None and now_ms >= self.until_ms) or (
            self.times is not None and self.hits >= self.times
        )


class Faults:
    """The rules of one broker, in the order in which they were set.

    Args:
        clock: measures how long a rule holds; it isn't the broker's, which tests move.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._rules: tuple[FaultRule, ...] = ()

    def add(self, rule: FaultRule) -> None:
        """Let `rule` hold from the next request on."""
        with self._lock:
            self._rules = (*self._rules, rule)

    def remove(self, rule: FaultRule) -> None:
        """Take `rule` back; harmless if it doesn't hold any more."""
        with self._lock:
            self._rules = tuple(each for each in self._rules if each is not rule)

    def clear(self) -> None:
        """Take every rule back."""
        with self._lock:
            self._rules = ()

    def answer(self, api: Api, broker: Broker, request: Any, context: RequestContext) -> Any:
        """What the API's handler would return, or what a fault makes of it.

        Returns:
            the answer, an awaitable of it, or None where there is none.
        """
        rule = self._match(api, broker, request, context) if self._rules else None
        if rule is None:
            return api.handler(broker, request, context)
        logger.info("%s from %s: %s", api.key.name, context.client_host, rule.kind.value)
        match rule.kind:
            case FaultKind.DROP:
                context.connection.abort()
                return None
            case FaultKind.DELAY:
                return _delayed(rule.delay_ms, api, broker, _kept(request), context)
            case FaultKind.LOSE_REPLY:
                return _unanswered(api.handler(broker, request, context), context)
            case FaultKind.ERROR:
                return _refused(api, broker, request, context, rule.code)

    def _match(
        self, api: Api, broker: Broker, request: Any, context: RequestContext
    ) -> FaultRule | None:
        with self._lock:
            now_ms = self.clock.monotonic_ms()
            self._rules = tuple(rule for rule in self._rules if not rule.spent(now_ms))
            for rule in self._rules:
                if not _fits(rule, api, broker, request, context):
                    continue
                rule.seen += 1
                if rule.seen <= rule.skip:
                    continue
                with rule.hit:
                    rule.hits += 1
                    rule.hit.notify_all()
                return rule
        return None


def _fits(rule: FaultRule, api: Api, broker: Broker, request: Any, context: RequestContext) -> bool:
    if rule.apis:
        if api.key not in rule.apis:
            return False
    elif api.key is ApiKey.API_VERSIONS:
        return False
    if rule.client_id is not None and rule.client_id != context.client_id:
        return False
    if not rule.topics:
        return True
    if isinstance(request, FetchRequest):
        request = _whole_fetch(broker, request)
    return any(name in rule.topics for name in topics_named(request, broker.topic_name))


async def _delayed(
    delay_ms: int, api: Api, broker: Broker, request: Any, context: RequestContext
) -> Any:
    await asyncio.sleep(delay_ms / 1000)
    context.now_ms = broker.clock.now_ms()
    answer = api.handler(broker, request, context)
    return await answer if inspect.isawaitable(answer) else answer


def _unanswered(answer: Any, context: RequestContext) -> Awaitable[None] | None:
    if inspect.isawaitable(answer):
        return _dropped_after(answer, context)
    context.connection.abort()
    return None


async def _dropped_after(answer: Awaitable[Any], context: RequestContext) -> None:
    try:
        await answer
    finally:
        context.connection.abort()


def _refused(
    api: Api, broker: Broker, request: Any, context: RequestContext, code: ErrorCode
) -> Any:
    version = min(context.api_version, api.highest)
    if isinstance(request, MetadataRequest):
        # A client needs the list of brokers whatever becomes of its topics.
        answer: Any = api.handler(broker, request, context)
        for topic in answer.topics:
            topic.error_code = code
        return answer
    if isinstance(request, ProduceRequest) and request.acks == 0:
        return None
    if isinstance(request, FetchRequest):
        request = _whole_fetch(broker, request)
    return refusing_answer(request, api.response, version, code)


def _whole_fetch(broker: Broker, request: FetchRequest) -> FetchRequest:
    """The request with all partitions of its fetch session, where it names only what has changed."""
    session = broker.fetch_sessions.get(request.session_id) if request.session_epoch > 0 else None
    if session is None:
        return request
    asked = {(topic.topic, topic.topic_id): topic for topic in request.topics}
    topics = [
        FetchTopic(topic=name, topic_id=topic_id, partitions=list(topic.partitions))
        for (name, topic_id), topic in asked.items()
    ]
    known = {
        (topic.topic_id if session.by_id else topic.topic, partition.partition)
        for topic in topics
        for partition in topic.partitions
    }
    for key, index in session.items:
        if (key, index) not in known:
            named = FetchTopic(partitions=[FetchPartition(partition=index)])
            if isinstance(key, UUID):
                named.topic_id = key
            else:
                named.topic = key
            topics.append(named)
    return FetchRequest(topics=topics)


def _kept(request: Any) -> Any:
    """The request, with its own copy of records that lie in the connection's buffer."""
    if isinstance(request, ProduceRequest):
        for topic in request.topic_data:
            for partition in topic.partition_data:
                if partition.records is not None:
                    partition.records = bytes(partition.records)
    return request
