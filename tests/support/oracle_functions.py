"""The functions and processors of the oracle's topologies: `tests/java/StreamsOracle.java` has the same.

Keys and values are texts or None. All texts are cut to their last characters, so that nothing grows without end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamkit.model import Record
from streamkit.operators.process import (
    FixedKeyProcessor,
    FixedKeyProcessorContext,
    Processor,
    ProcessorContext,
)
from streamkit.operators.table_transform_values import ValueTransformer, ValueTransformerContext

__all__ = [
    "KEYS",
    "LAST_TIME",
    "RAISES",
    "Idle",
    "Putting",
    "Remembering",
    "RememberingValues",
    "Routing",
    "RoutingValues",
    "Ticking",
    "Transforming",
    "added",
    "beyond",
    "cap",
    "changed",
    "check",
    "folded",
    "foreign",
    "foreign_with_key",
    "joined",
    "joined_with_key",
    "kept",
    "partitioner",
    "raising",
    "rekeyed",
    "text",
    "together",
]

KEYS = ("a", "b", "c", "k", "x", "y")
"""Keys that versioned stores are asked for."""

LAST_TIME = 60
"""The last time that versioned stores are asked for."""

RAISES = "~"
"""Joiners and aggregators raise for values with it."""

Text = str | None


def text(value: Text) -> str:
    """As Java writes it into a text."""
    return "null" if value is None else value


def cap(value: str) -> str:
    return value[-24:]


def changed(which: int) -> Callable[[Text], Text]:
    def change(value: Text) -> Text:
        if which == 0:
            return None if value is None else cap(value + "'")
        if which == 1:
            return cap(text(value) + "x")
        return None if value is None or len(value) % 3 == 0 else value

    return change


def rekeyed(which: int) -> Callable[[Text, Text], Any]:
    def rekey(key: Text, value: Text) -> Text:
        if which == 0:
            return value[:1] if value else None
        if which == 1:
            return "a" if key is None else key
        if which == 2:
            return "k"
        return None if key is None else {"a": "b", "b": "c"}.get(key, "a")

    return rekey


def kept(which: int) -> Callable[[Text, Text], bool]:
    def keep(key: Text, value: Text) -> bool:
        if which == 0:
            return value is not None
        if which == 1:
            return value is None or len(value) % 2 == 0
        return key != "a"

    return keep


def raising(at: str) -> Callable[[Text], Text]:
    """Raises where the value has that text in it."""

    def check(value: Text) -> Text:
        if value is not None and at in value:
            raise ValueError("raised")
        return value

    return check


def foreign(which: int) -> Callable[[str], Text]:
    def foreign_key(value: str) -> Text:
        if which == 0:
            return value[:1] or None
        if which == 1:
            return "b" if len(value) % 2 else "a"
        return KEYS[len(value) % 3] if len(value) % 3 else None

    return foreign_key


def foreign_with_key(which: int) -> Callable[[str, str], Text]:
    """The row's own key, for some values."""
    by_value = foreign(which)
    return lambda key, value: key if len(value) == 2 else by_value(value)


def beyond(_key: Text, value: Text, record_time: int, partition_time: int) -> int:
    """Event time that goes on from the partition's; records without a value have none."""
    return -1 if value is None else max(record_time, partition_time) + len(value)


def partitioner(which: int) -> Callable[[str, Text, Any, int], Any]:
    """One partition by the key (0); or by the value all, none, or what is the default (1)."""

    def choose(_topic: str, key: Text, value: Text, partitions: int) -> Any:
        if which == 0:
            return len(key or "") % partitions
        if value is None:
            return None
        return [] if len(value) % 2 else range(partitions)

    return choose


def joined_with_key(key: Text, left: Text, right: Text) -> str:
    return cap(f"{text(key)}:{text(left)}+{text(right)}")


def joined(left: Text, right: Text) -> str:
    check(left, right)
    return together(left, right)


def together(left: Text, right: Text) -> str:
    """As `joined`, and never raises: for records that wait.

    Kafka Streams leaves one that fails where it is, tries it again with each record, and nothing behind it goes on.
    """
    return cap(f"{text(left)}+{text(right)}")


def check(*texts: Text) -> None:
    """Raises for values that joiners and aggregators shall raise for."""
    if any(each is not None and RAISES in each for each in texts):
        raise ValueError("raised")


def added(which: int) -> Callable[[Text, Text, str], Any]:
    def add(_key: Text, value: Text, aggregate: str) -> Text:
        check(value)
        return None if which == 1 and len(aggregate) > 6 else cap(f"{aggregate}{text(value)};")

    return add


def folded(sign: str) -> Callable[[Text, Text], str]:
    def fold(so_far: Text, value: Text) -> str:
        check(so_far, value)
        return cap(f"{text(so_far)}{sign}{text(value)}")

    return fold


class Remembering(Processor[Any, Any, Any, Any]):
    """Knows the value before."""

    def __init__(self, store: str, which: int) -> None:
        self._name = store
        self._which = which

    def init(self, context: ProcessorContext[Any, Any]) -> None:
        super().init(context)
        self._store = context.store(self._name)

    def process(self, record: Record[Any, Any]) -> None:
        key, value = record.key, record.value
        time, headers = record.timestamp_ms, record.headers
        forward = self.context.forward
        if key is None:
            forward(record)
            return
        before = self._store.get(key)
        self._store.put(key, value)
        if self._which == 0:
            if before is None or before != value:
                forward(Record(key, joined(before, value), time, headers))
        elif self._which == 1:
            forward(Record(rekeyed(0)(key, value), value, time + 1, headers))
            forward(Record(key, before, time, headers))
        else:
            shown = f"{self.context.stream_time_ms}@{text(value)}"
            forward(Record(key, shown, time, (*headers, ("f", b"2"))))
            if value is None:
                self._store.delete(key)


class RememberingValues(FixedKeyProcessor[Any, Any, Any]):
    """Knows the value before, and keeps the key."""

    def __init__(self, store: str, which: int) -> None:
        self._name = store
        self._which = which

    def init(self, context: FixedKeyProcessorContext[Any]) -> None:
        super().init(context)
        self._store = context.store(self._name)

    def process(self, record: Record[Any, Any]) -> None:
        if record.key is None:
            self.context.forward("none")
            return
        before = self._store.get(record.key)
        self._store.put(record.key, record.value)
        self.context.forward(joined(before, record.value))
        if self._which == 1:
            self.context.forward(record.value, timestamp_ms=record.timestamp_ms + 2)
        if self._which == 2:
            info = self.context.record_info
            self.context.forward("none" if info is None else f"{info.topic}-{info.offset}")


class Routing(Processor[Any, Any, Any, Any]):
    """To one of two children by the length of the value; to both without a value."""

    def __init__(self, children: Sequence[str]) -> None:
        self._children = children

    def process(self, record: Record[Any, Any]) -> None:
        if record.value is None:
            self.context.forward(record)
        else:
            self.context.forward(record, to=self._children[len(record.value) % 2])


class RoutingValues(FixedKeyProcessor[Any, Any, Any]):
    """The same, a millisecond later."""

    def __init__(self, children: Sequence[str]) -> None:
        self._children = children

    def process(self, record: Record[Any, Any]) -> None:
        value = record.value
        if value is None:
            self.context.forward(value)
        else:
            to = self._children[len(value) % 2]
            self.context.forward(value, timestamp_ms=record.timestamp_ms + 1, to=to)


class Ticking(Processor[Any, Any, Any, Any]):
    """Holds the latest value of each key until its timer rings."""

    def __init__(self, store: str, clock: str, every_ms: int, start_ms: int | None) -> None:
        self._name = store
        self._clock = clock
        self._every_ms = every_ms
        self._start_ms = start_ms

    def init(self, context: ProcessorContext[Any, Any]) -> None:
        super().init(context)
        self._store = context.store(self._name)
        context.schedule(self._every_ms, self.punctuate, clock=self._clock, start=self._start_ms)

    def process(self, record: Record[Any, Any]) -> None:
        if record.key is None:
            self.context.forward(record)
        else:
            self._store.put(record.key, record.value)

    def punctuate(self, timestamp_ms: int) -> None:
        self.context.forward(Record("tick", str(timestamp_ms), timestamp_ms))
        for key, value in self._store.all():
            self.context.forward(Record(key, value, timestamp_ms))
            self._store.delete(key)


class Transforming(ValueTransformer[Any, Any, Any]):
    """Counts the calls for each key, if it has a store."""

    def __init__(self, store: str | None, which: int) -> None:
        self._name = store
        self._change = changed(which)

    def init(self, context: ValueTransformerContext) -> None:
        super().init(context)
        self._store = None if self._name is None else context.store(self._name)

    def transform(self, key: Any, value: Text) -> Text:
        if self._store is None:
            return self._change(value)
        calls = int(self._store.get(key) or "0") + 1
        self._store.put(key, str(calls))
        return None if value is None else cap(f"{value}#{calls}")


class Putting(Processor[Any, Any, Any, Any]):
    """Fills a global store, with keys and values exchanged."""

    def __init__(self, store: str) -> None:
        self._name = store

    def init(self, context: ProcessorContext[Any, Any]) -> None:
        super().init(context)
        self._store = context.store(self._name)

    def process(self, record: Record[Any, Any]) -> None:
        if record.key is not None and record.value is not None:
            self._store.put(record.value, record.key)


class Idle(Processor[Any, Any, Any, Any]):
    """Does nothing."""

    def process(self, record: Record[Any, Any]) -> None:
        pass
