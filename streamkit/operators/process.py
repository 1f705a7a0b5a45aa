"""process, process_values: records go to a user's processor, with stores, timers and forwarding by name.

Interpreted, unlike the other operators: users subclass `Processor` and meet real objects here
(`Record`, `ProcessorContext`). Source: org.apache.kafka.streams.processor.api.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from streamkit.errors import ConfigError, TopologyError
from streamkit.model.records import EMPTY_HEADERS, Headers, Record, RecordInfo
from streamkit.model.tasks import TaskId
from streamkit.operators.base import Operator
from streamkit.operators.context import Cancellable, TaskContext
from streamkit.operators.failed_record import name_record
from streamkit.state.store import KeyValueStore

__all__ = [
    "ContextServices",
    "FixedKeyProcessor",
    "FixedKeyProcessorAdapter",
    "FixedKeyProcessorContext",
    "FixedKeyProcessorSupplier",
    "GlobalStoreUpdater",
    "OperatorAdapter",
    "Processor",
    "ProcessorAdapter",
    "ProcessorContext",
    "ProcessorSupplier",
]

KIn = TypeVar("KIn")
VIn = TypeVar("VIn")
KOut = TypeVar("KOut")
VOut = TypeVar("VOut")
T = TypeVar("T")


class ContextServices:
    """What all contexts of user code offer."""

    def __init__(self, operator: OperatorAdapter, context: TaskContext) -> None:
        self._operator = operator
        self._context = context

    @property
    def application_id(self) -> str:
        """The app's id."""
        return self._context.application_id

    @property
    def task_id(self) -> TaskId:
        """The sub-topology and the partition that it runs for."""
        return self._context.task_id

    @property
    def name(self) -> str:
        """The processor's name in the topology."""
        return self._operator.name

    @property
    def record_info(self) -> RecordInfo | None:
        """Where the record being processed came from; None inside a punctuator."""
        record = self._context.record
        if record.topic is None:
            return None
        return RecordInfo(
            record.topic, record.partition, record.offset, record.timestamp, record.headers
        )

    @property
    def stream_time_ms(self) -> int:
        """Highest timestamp that the task has seen, -1 before the first record."""
        return self._context.stream_time

    @property
    def wall_time_ms(self) -> int:
        """Now, by the worker's clock (a test driver's manual one)."""
        return self._context.clock.now_ms()

    def store(self, name: str) -> Any:
        """The store called `name`.

        Raises:
            TopologyError: the processor isn't connected to it.
        """
        if name not in self._context.stores:
            raise TopologyError(
                f"processor {self.name!r} is not connected to a store {name!r}: name it in stores="
            )
        return self._context.store(name)

    def schedule(
        self,
        every: timedelta | int,
        callback: Callable[[int], None],
        *,
        clock: str = "stream",
        start: datetime | int | None = None,
    ) -> Cancellable:
        """Call `callback(timestamp_ms)` again and again.

        Args:
            every: a timedelta or milliseconds, at least 1 ms.
            clock: "stream": as record timestamps advance; "wall": by the machine's clock.
            start: the first call's time, a datetime with a time zone or ms since the epoch; one that has passed
                anchors the grid, and the first call comes at its next point (KIP-1146). None: the first
                record, or one interval from now by the wall clock.

        Raises:
            ConfigError: an interval below 1 ms, another clock, or a start before 1970 or without a time zone.
        """
        interval_ms = every // timedelta(milliseconds=1) if isinstance(every, timedelta) else every
        if interval_ms < 1:
            raise ConfigError(f"every is at least 1 ms, not {interval_ms}")
        if clock not in ("stream", "wall"):
            raise ConfigError(f"clock is 'stream' or 'wall', not {clock!r}")
        start_ms = None if start is None else _epoch_ms(start)
        return self._context.schedule(
            interval_ms, clock, self._operator.punctuator(callback), start_ms, self._operator.name
        )

    def commit(self) -> None:
        """Ask for a commit soon, before the interval ends."""
        self._context.request_commit()


def _epoch_ms(start: datetime | int) -> int:
    if isinstance(start, datetime):
        if start.tzinfo is None:
            raise ConfigError(f"start needs a time zone: {start!r} could be any of a day's times")
        start = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if start < 0:
        raise ConfigError(f"start is 1970 or later, not {start} ms")
    return start


class ProcessorContext(ContextServices, Generic[KOut, VOut]):
    """A processor's view of its task."""

    def forward(self, record: Record[KOut, VOut], to: str | None = None) -> None:
        """Pass a record to all children, or to the child called `to`.

        Raises:
            TopologyError: no child has that name.
        """
        self._operator.send(record.key, record.value, record.timestamp_ms, record.headers, to)


class FixedKeyProcessorContext(ContextServices, Generic[VOut]):
    """A value processor's view of its task: the key of what it forwards is the record's own."""

    def forward(
        self,
        value: VOut,
        *,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
        to: str | None = None,
    ) -> None:
        """Pass `value` on under the key of the record being processed.

        Args:
            timestamp_ms, headers: None: the record's.
            to: only to the child of that name.

        Raises:
            TopologyError: called outside `process` (in a punctuator there is no key), or no child has
                that name.
        """
        current = self._operator.current
        if current is None:
            raise TopologyError(
                f"processor {self.name!r} forwards outside process(): a value processor has a key only "
                "there; use process() instead of process_values()"
            )
        self._operator.send(
            current.key,
            value,
            current.timestamp_ms if timestamp_ms is None else timestamp_ms,
            current.headers if headers is None else headers,
            to,
        )


class Processor(Generic[KIn, VIn, KOut, VOut]):
    """Subclass it: `process` takes each record and forwards what it likes.

    Example:
        >>> class Twice(Processor[str, int, str, int]):
        ...     def process(self, record: Record[str, int]) -> None:
        ...         self.context.forward(Record(record.key, 2 * record.value, record.timestamp_ms))
    """

    context: ProcessorContext[KOut, VOut]

    def init(self, context: ProcessorContext[KOut, VOut]) -> None:
        """Get ready: look up stores, schedule punctuators. Called once, before any record."""
        self.context = context

    def process(self, record: Record[KIn, VIn]) -> None:
        """Take one record."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what `init` took."""


class FixedKeyProcessor(Generic[KIn, VIn, VOut]):
    """A processor that can't change keys, so nothing after it needs repartitioning."""

    context: FixedKeyProcessorContext[VOut]

    def init(self, context: FixedKeyProcessorContext[VOut]) -> None:
        """Get ready: look up stores, schedule punctuators. Called once, before any record."""
        self.context = context

    def process(self, record: Record[KIn, VIn]) -> None:
        """Take one record."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what `init` took."""


ProcessorSupplier: TypeAlias = Callable[[], Processor[KIn, VIn, KOut, VOut]]
FixedKeyProcessorSupplier: TypeAlias = Callable[[], FixedKeyProcessor[KIn, VIn, VOut]]


class OperatorAdapter(Operator):
    """Between the four arguments of operators and the records of users."""

    def __init__(self) -> None:
        super().__init__()
        self.current: Record[Any, Any] | None = None

    def send(
        self, key: object, value: object, timestamp: int, headers: Headers, to: str | None
    ) -> None:
        stores = self.context.store_context
        before = stores.timestamp
        try:
            if to is None:
                self.forward(key, value, timestamp, headers)
                return
            for child in self.children:
                if child.name == to:
                    child.process(key, value, timestamp, headers)
                    return
        except BaseException as error:
            if self.context.record.topic is None:
                name_record(error, key, value)
            raise
        finally:
            stores.timestamp = before
        names = ", ".join(repr(child.name) for child in self.children) or "none"
        raise TopologyError(
            f"processor {self.name!r} forwards to {to!r}, which is not one of its children: {names}"
        )

    def punctuator(self, callback: Callable[[int], None]) -> Callable[[int], None]:
        """`callback` as the task calls it: with no current record."""

        def punctuate(timestamp_ms: int) -> None:
            before, self.current = self.current, None
            try:
                callback(timestamp_ms)
            finally:
                self.current = before

        return punctuate


class ProcessorAdapter(OperatorAdapter):
    """Runs a user's `Processor`.

    Args:
        supplier: makes it, once for each task.
    """

    def __init__(self, supplier: ProcessorSupplier[Any, Any, Any, Any]) -> None:
        super().__init__()
        self._processor = supplier()

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._processor.init(ProcessorContext(self, context))

    def process(self, key: object, value: object, timestamp: int, headers: Headers) -> None:
        self.context.store_context.timestamp = timestamp
        self._processor.process(Record(key, value, timestamp, headers))

    def close(self) -> None:
        self._processor.close()


class FixedKeyProcessorAdapter(OperatorAdapter):
    """Runs a user's `FixedKeyProcessor`.

    Args:
        supplier: makes it, once for each task.
    """

    def __init__(self, supplier: FixedKeyProcessorSupplier[Any, Any, Any]) -> None:
        super().__init__()
        self._processor = supplier()

    def init(self, context: TaskContext) -> None:
        super().init(context)
        self._processor.init(FixedKeyProcessorContext(self, context))

    def process(self, key: object, value: object, timestamp: int, headers: Headers) -> None:
        self.context.store_context.timestamp = timestamp
        self.current = Record(key, value, timestamp, headers)
        try:
            self._processor.process(self.current)
        finally:
            self.current = None

    def close(self) -> None:
        self._processor.close()


class GlobalStoreUpdater(Operator):
    """Puts each record of a global topic into its store; records without a key are dropped.

    Args:
        store: name of a timestamped key-value store, or of a plain one.
    """

    def __init__(self, store: str) -> None:
        super().__init__()
        self._store_name = store
        self._put: Callable[[Any, Any, int], None]

    def init(self, context: TaskContext) -> None:
        super().init(context)
        store: Any = context.store(self._store_name)
        if isinstance(store, KeyValueStore):  # a plain one: no timestamps
            self._put = lambda key, value, _timestamp: store.put(key, value)
        else:
            self._put = store.put

    def process(self, key: object, value: object, timestamp: int, headers: Headers) -> None:
        if key is None:
            self.context.drop(self.name, "null key")
            return
        self._put(key, value, timestamp)
        self.forward(key, value, timestamp, headers or EMPTY_HEADERS)
