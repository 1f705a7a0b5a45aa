"""Faults of an `EmbeddedBroker`, as a test sets them: `broker.faults.drop("Produce", times=2)`.

A request is delayed, dropped, refused with an error code, or served and left without its reply. The first fault
that was set and fits a request decides about it; faults that follow see the next ones.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import timedelta
from enum import IntEnum
from types import TracebackType
from typing import TypeVar

from streamkit.errors import ConfigError
from streamkit.log.broker.faulted_answers import can_refuse
from streamkit.log.broker.faults import FaultKind, FaultRule, Faults
from streamkit.log.broker.registry import apis
from streamkit.log.protocol import ApiKey, ErrorCode

__all__ = ["Fault", "FaultControl"]

E = TypeVar("E", bound=IntEnum)


class Fault:
    """One fault that was set; leaving a `with` statement takes it back."""

    def __init__(self, rule: FaultRule, faults: Faults) -> None:
        self._rule = rule
        self._faults = faults

    @property
    def hits(self) -> int:
        """How many requests it has hit."""
        return self._rule.hits

    def wait_for_hits(self, count: int = 1, timeout: float = 10.0) -> None:
        """Wait until it has hit `count` requests in all.

        Raises:
            TimeoutError: it hasn't after `timeout` seconds.
        """
        rule = self._rule
        with rule.hit:
            if not rule.hit.wait_for(lambda: rule.hits >= count, timeout):
                raise TimeoutError(
                    f"{rule.kind.value}: {rule.hits} requests hit in {timeout:g} s, not {count}; "
                    f"{rule.seen} did fit"
                )

    def remove(self) -> None:
        """Take it back; requests that it has delayed stay so."""
        self._faults.remove(self._rule)

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


class FaultControl:
    """Sets faults on a broker; from any thread, they hold from the next request on.

    Each method takes these arguments.

    Args:
        api: an API or several, by Kafka's names as "Produce" or `ApiKey`; "*" is all of them but
            ApiVersions, without which no client gets anywhere.
        topics: only requests that name this topic, or one of these. A request is hit as a whole, with the other
            topics that it names. None: all requests.
        client_id: only requests of clients with this `client.id`. None: of all.
        after: so many fitting requests are spared first: 2 hits the third.
        times: so many are hit then. None: all.
        duration: for so long it holds, in seconds of the machine's clock. None: until it is removed.

    Raises:
        ConfigError: an unknown API or error code, or a number out of range.

    Example:
        >>> from streamkit.testing import EmbeddedBroker
        >>> with EmbeddedBroker() as broker:
        ...     fault = broker.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", topics="orders")
        ...     fault.hits
        0
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def delay(
        self,
        api: str | ApiKey | Iterable[str | ApiKey],
        by: timedelta | float,
        *,
        topics: str | Iterable[str] | None = None,
        client_id: str | None = None,
        after: int = 0,
        times: int | None = None,
        duration: timedelta | float | None = None,
    ) -> Fault:
        """Take requests up later, by a timedelta or seconds; the connection's next ones wait behind them."""
        delay_ms = _ms("by", by)
        rule = FaultRule(FaultKind.DELAY, delay_ms=delay_ms)
        return self._set(rule, api, topics, client_id, after, times, duration)

    def drop(
        self,
        api: str | ApiKey | Iterable[str | ApiKey],
        *,
        topics: str | Iterable[str] | None = None,
        client_id: str | None = None,
        after: int = 0,
        times: int | None = None,
        duration: timedelta | float | None = None,
    ) -> Fault:
        """Close the connection instead of serving the request."""
        rule = FaultRule(FaultKind.DROP)
        return self._set(rule, api, topics, client_id, after, times, duration)

    def lose_reply(
        self,
        api: str | ApiKey | Iterable[str | ApiKey],
        *,
        topics: str | Iterable[str] | None = None,
        client_id: str | None = None,
        after: int = 0,
        times: int | None = None,
        duration: timedelta | float | None = None,
    ) -> Fault:
        """Serve the request, then close the connection instead of answering."""
        rule = FaultRule(FaultKind.LOSE_REPLY)
        return self._set(rule, api, topics, client_id, after, times, duration)

    def error(
        self,
        api: str | ApiKey | Iterable[str | ApiKey],
        code: str | ErrorCode,
        *,
        topics: str | Iterable[str] | None = None,
        client_id: str | None = None,
        after: int = 0,
        times: int | None = None,
        duration: timedelta | float | None = None,
    ) -> Fault:
        """Answer with an error code, as "NOT_LEADER_OR_FOLLOWER", and do nothing."""
        rule = FaultRule(FaultKind.ERROR, code=_member(ErrorCode, code, "error code"))
        return self._set(rule, api, topics, client_id, after, times, duration)

    def clear(self) -> None:
        """Take all faults back."""
        self._faults.clear()

    def _set(
        self,
        rule: FaultRule,
        api: str | ApiKey | Iterable[str | ApiKey],
        topics: str | Iterable[str] | None,
        client_id: str | None,
        after: int,
        times: int | None,
        duration: timedelta | float | None,
    ) -> Fault:
        if after < 0:
            raise ConfigError(f"after={after}: must be at least 0")
        if times is not None and times < 1:
            raise ConfigError(f"times={times}: must be at least 1")
        rule.apis = _apis(api, rule.kind)
        rule.topics = frozenset([topics] if isinstance(topics, str) else topics or ())
        rule.client_id, rule.skip, rule.times = client_id, after, times
        if duration is not None:
            rule.until_ms = self._faults.clock.monotonic_ms() + _ms("duration", duration)
        self._faults.add(rule)
        return Fault(rule, self._faults)


def _apis(api: str | ApiKey | Iterable[str | ApiKey], kind: FaultKind) -> frozenset[ApiKey]:
    if api == "*":
        return frozenset()
    named = [api] if isinstance(api, str | ApiKey) else list(api)
    found = frozenset(_member(ApiKey, each, "API") for each in named)
    served = apis()
    for key in found:
        if key not in served:
            raise ConfigError(f"API {key.name} isn't served by this broker")
        if kind is FaultKind.ERROR and not can_refuse(served[key].response):
            raise ConfigError(f"answers of {key.name} have no place for an error code")
    return found


def _member(members: type[E], given: str | E, what: str) -> E:
    """The member that is given, or named as `AddPartitionsToTxn` or `ADD_PARTITIONS_TO_TXN`."""
    if isinstance(given, members):
        return given
    names = {each.name.replace("_", "").lower(): each for each in members}
    plain = re.sub(r"[^a-z0-9]", "", str(given).lower())
    found = names.get(plain)
    if found is None:
        near = [names[name].name for name in difflib.get_close_matches(plain, names, 3)]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ConfigError(f"unknown {what} {given!r}{hint}")
    return found


def _ms(name: str, value: timedelta | float) -> int:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 0:
        raise ConfigError(f"{name}={value}: must be at least 0")
    return round(seconds * 1000)
