"""Stream-stream join: each record meets the other stream's records of its key within a span of time.

One operator a side. A match goes out at once, with the later timestamp of the two. In a left or outer
join a record without a partner waits, under (time, side, key), until no partner can come any more: then
it goes out with None, in the order of those keys. Waiting records are looked for only when a record takes
the join's stream time to its own timestamp, at most once an interval of wall-clock time, and only if the
oldest time seen since the last look may have run out; that time is saved with the commit, which Kafka Streams
forgets, so a restart changes no result. A match takes the partner's waiting records away. With an `idle` time
stream time also goes on while no record of either side comes, see `idle_clock`.

Source: KStreamKStreamJoin (KAFKA-10847).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.records import EMPTY_HEADERS, Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.failed_record import name_record
from streamkit.operators.idle_clock import NEVER_IDLE, IdleClock
from streamkit.operators.stream_join_window import join_window_store
from streamkit.state.store import KeyValueStore, WindowStore

__all__ = ["JoinTime", "StreamStreamJoin"]


class JoinTime:
    """What both sides of a join know of time.

    Attributes:
        stream_time: highest timestamp of either side, -1 before the first.
        oldest: of the records put aside since the last look, or where that look ended.
        has_oldest: False until then.
        next_look: wall-clock time before which nobody looks again.
        idle: lets stream time go on while nothing comes.
    """

    def __init__(self, idle_ms: i64 = NEVER_IDLE) -> None:
        self.idle: Final = IdleClock(idle_ms)
        self.stream_time: i64 = -1
        self.oldest: i64 = 0
        self.has_oldest = False
        self.next_look: i64 = 0


class StreamStreamJoin(Operator):
    """One side's records against the other side's.

    Args:
        other: name of the other side's window store.
        joiner: `f(left, right)`, or `f(key, left, right)` if `with_key`.
        before_ms, after_ms: how much earlier or later the other record may be.
        grace_ms: how long after that late records are waited for.
        is_left: this side is the left one.
        keeps: records of this side go out without a partner too.
        pending: name of the store of waiting records; None in an inner join.
        shared: under which the two sides share their `JoinTime`.
        look_every_ms: wall-clock time between looks for waiting records.
        idle_ms: see `IdleClock`.
    """

    _other: WindowStore[Any, Any]
    _pending: KeyValueStore[Any, Any] | None
    _time: JoinTime

    def __init__(
        self,
        other: str,
        joiner: Callable[..., Any],
        before_ms: i64,
        after_ms: i64,
        grace_ms: i64,
        *,
        is_left: bool,
        keeps: bool,
        pending: str | None,
        shared: str,
        look_every_ms: i64 = 1000,
        idle_ms: i64 = NEVER_IDLE,
        with_key: bool = False,
    ) -> None:
        super().__init__()
        self._other_name: Final = other
        self._joiner: Final[Any] = joiner
        self._before: Final[i64] = before_ms
        self._after: Final[i64] = after_ms
        self._grace: Final[i64] = grace_ms
        self._is_left: Final = is_left
        self._keeps: Final = keeps
        self._pending_name: Final = pending
        self._shared: Final = shared
        self._look_every: Final[i64] = look_every_ms
        self._idle_ms: Final[i64] = idle_ms
        self._idles: Final = idle_ms >= 0 and pending is not None
        self._with_key: Final = with_key
        self._oldest_as: Final = f"{shared}:oldest"
        self._pending = None

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._other = join_window_store(context, self._other_name, self.name)
        if self._pending_name is not None:
            store = context.store(self._pending_name)
            if not isinstance(store, KeyValueStore):
                raise TopologyError(
                    f"operator {self.name!r} needs a key-value store, "
                    f"{self._pending_name!r} is a {type(store).__name__}"
                )
            self._pending = store
        time = context.shared.get(self._shared)
        if not isinstance(time, JoinTime):
            time = JoinTime(self._idle_ms)
            time.stream_time = context.time_of(self._shared)
            time.oldest = context.node_times.get(self._oldest_as, -1)
            time.has_oldest = time.oldest >= 0
            context.shared[self._shared] = time
            if self._idles:
                time.idle.init(context, self._shared, self._wake)
        self._time = time

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        time = self._time
        if timestamp > time.stream_time:
            time.stream_time = timestamp
            self.context.node_times[self._shared] = timestamp
        if self._idles:
            time.idle.record(timestamp)
        if key is None or value is None:
            if self._keeps and key is None and value is not None:
                self.forward(key, self._alone(key, value, self._is_left), timestamp, headers)
            else:
                self.context.drop(self.name, "null key" if key is None else "null value")
            return
        if self._pending is not None and timestamp == time.stream_time:
            self._look(headers)
        first = timestamp - self._before
        if first < 0:
            first = 0
        last = timestamp + self._after
        if last < 0:
            last = 0
        matched = False
        found = self._other.fetch_range_raw(self._other.raw_key(key), first, last)
        for other_start, other in found:
            matched = True
            other_timestamp: i64 = other_start
            if self._pending is not None:
                partner = (other_start, not self._is_left, key)
                if self._pending.get(partner) is not None:
                    self.context.store_context.timestamp = timestamp
                    self._pending.put(partner, None)
            later = timestamp if timestamp > other_timestamp else other_timestamp
            self.forward(key, self._joined(key, value, other), later, headers)
        if self._keeps and not matched:
            if last < time.stream_time:
                self.forward(key, self._alone(key, value, self._is_left), timestamp, headers)
            else:
                self._put_aside(key, value, timestamp)

    def _put_aside(self, key: object, value: object, timestamp: i64) -> None:
        time = self._time
        if not time.has_oldest or timestamp < time.oldest:
            time.oldest = timestamp
            time.has_oldest = True
            self.context.node_times[self._oldest_as] = timestamp
        assert self._pending is not None
        place = (timestamp, self._is_left, key)
        waiting = self._pending.get(place)
        values = [value] if waiting is None else [*waiting[1], value]
        self.context.store_context.timestamp = timestamp
        self._pending.put(place, (self._is_left, values))

    def _wake(self, _now_ms: int) -> None:
        """No record has come for a while: let stream time go on by the wall clock."""
        time = self._time
        reach = self._after if self._after > self._before else self._before
        limit = time.idle.newest + reach + self._grace + 1
        moved = time.idle.time(time.stream_time, limit)
        if moved > time.stream_time:
            time.stream_time = moved
            self.context.node_times[self._shared] = moved
            time.next_look = 0
            self._look(EMPTY_HEADERS)
        if moved >= limit:
            time.idle.rest()

    def _look(self, headers: Headers) -> None:
        """Send on waiting records for which no partner can come any more."""
        time = self._time
        now: i64 = self.context.clock.now_ms()
        if now < time.next_look:
            return
        time.next_look = now + self._look_every
        if time.has_oldest and time.oldest + self._after + self._grace >= time.stream_time:
            return
        time.has_oldest = False
        assert self._pending is not None
        left_open = False
        right_open = False
        for (timestamp, is_left, key), (_, values) in list(self._pending.all()):
            time.oldest = timestamp
            time.has_oldest = True
            if left_open and right_open:
                break
            reach = self._reach(is_left)
            if time.oldest + reach + self._grace >= time.stream_time:
                if is_left:
                    left_open = True
                else:
                    right_open = True
                continue
            sent = 0
            try:
                for value in values:
                    sent += 1
                    self.forward(key, self._alone(key, value, is_left), timestamp, headers)
            except BaseException as error:
                name_record(error, key, values[sent - 1])
                raise
            finally:
                # One that fails has waited long enough, too: only what is behind it stays.
                rest = (is_left, values[sent:]) if sent < len(values) else None
                self.context.store_context.timestamp = time.stream_time
                self._pending.put((timestamp, is_left, key), rest)
        self.context.node_times[self._oldest_as] = time.oldest if time.has_oldest else -1

    def _reach(self, is_left: bool) -> i64:
        """How long a waiting record of that side may still find a later partner."""
        return self._after if is_left is self._is_left else self._before

    def _joined(self, key: object, value: object, other: object) -> object:
        left, right = (value, other) if self._is_left else (other, value)
        result: object = (
            self._joiner(key, left, right) if self._with_key else self._joiner(left, right)
        )
        return result

    def _alone(self, key: object, value: object, is_left: bool) -> object:
        left, right = (value, None) if is_left else (None, value)
        result: object = (
            self._joiner(key, left, right) if self._with_key else self._joiner(left, right)
        )
        return result
