"""What an app's decorators hand out: topics with their serdes, and streams and tables that decorate functions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from streamkit.dsl.annotations import Annotations
from streamkit.dsl.backing import SourceBacking, TableBacking
from streamkit.dsl.kstream import KStream
from streamkit.dsl.ktable import KTable
from streamkit.dsl.stream_node import StreamNode
from streamkit.errors import ConfigError
from streamkit.serde import Serde
from streamkit.topology.graph_nodes import SourceGraphNode, TableSourceGraphNode
from streamkit.topology.nodes import OffsetReset, TimestampExtractor

__all__ = ["StreamSource", "TableSource", "Topic", "check_described", "check_same_types"]

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Topic(Generic[K, V]):
    """A topic and how its records are read and written.

    Attributes:
        timestamp: event time, `f(key, value)` -> ms since the epoch; None: the record's own.
        timestamp_extractor: the same with all that is known; None: as `timestamp` says.
        offset_reset: where to begin without a committed offset; None: the app's setting.

    Example:
        >>> orders = App("shop").topic("orders", key=str, value=int)
        >>> orders.name, orders.key.name, orders.value.name
        ('orders', 'str', 'int')
    """

    name: str
    key: Serde[K]
    value: Serde[V]
    timestamp: Callable[[K, V], int] | None = field(default=None, compare=False)
    timestamp_extractor: TimestampExtractor | None = field(default=None, compare=False)
    offset_reset: OffsetReset | None = None

    def __str__(self) -> str:
        return self.name

    def reading(self) -> dict[str, Any]:
        """How it is read, as arguments of `StreamsBuilder.stream` and `table`.

        Example:
            >>> App("shop").topic("orders", key=str).reading()["key"].name
            'str'
        """
        return {
            "key": self.key,
            "value": self.value,
            "timestamp": self.timestamp,
            "timestamp_extractor": self.timestamp_extractor,
            "offset_reset": self.offset_reset,
        }


class StreamSource(KStream[K, V]):
    """A topic's stream: use it as it is, or decorate a function that gets it.

    Args:
        open_types: the program gave the topic's name only, so annotations may say what its records are.
    """

    def __init__(self, place: StreamNode, *, open_types: bool = False) -> None:
        super().__init__(place)
        self._open_types = open_types

    def __call__(self, build: Callable[[KStream[K, V]], T]) -> Callable[[KStream[K, V]], T]:
        self.take_types(build, KStream, sys._getframe(1).f_locals)
        build(self)
        return build

    def take_types(
        self, function: Callable[..., Any], argument: type[Any], scope: Mapping[str, Any]
    ) -> None:
        """Read the topic as the first argument of a function is annotated, if nothing else is said.

        Raises:
            ConfigError: an annotation that can't be read or has no serde, or another one than before.
        """
        if self._open_types:
            key, value = Annotations(function, scope).serdes(0, argument)
            self._place = _retyped(self._place, key, value)


class TableSource(KTable[K, V]):
    """A topic's table: use it as it is, or decorate a function that gets it.

    Args:
        open_types: the program gave the topic's name only, so annotations may say what its rows are.
    """

    def __init__(
        self, place: StreamNode, backing: TableBacking, *, open_types: bool = False
    ) -> None:
        super().__init__(place, backing)
        self._open_types = open_types

    def __call__(self, build: Callable[[KTable[K, V]], T]) -> Callable[[KTable[K, V]], T]:
        if self._open_types:
            scope = sys._getframe(1).f_locals
            key, value = Annotations(build, scope).serdes(0, KTable)
            place = _retyped(self._place, key, value)
            if place is not self._place and isinstance(self._backing, SourceBacking):
                self._backing.set_serdes(place.key_serde, place.value_serde)
            self._place = place
        build(self)
        return build


def _retyped(place: StreamNode, key: Serde[Any] | None, value: Serde[Any] | None) -> StreamNode:
    """The place behind a source that reads other types than it did so far."""
    node = place.node
    assert isinstance(node, (SourceGraphNode, TableSourceGraphNode))
    options = node.options
    if key is None or _same(key, options.key):
        key = options.key
    if value is None or _same(value, options.value):
        value = options.value
    if key is options.key and value is options.value:
        return place
    if node.children:
        raise _read_twice(node.source_name, (options.key, options.value), (key, value))
    node.options = replace(options, key=key, value=value)
    for raw_key in place.raw_keys:
        raw_key.serde = key
    return replace(place, key=key, value=value)


def check_described(place: StreamNode, topic: Topic[Any, Any]) -> None:
    """A stream or table that is asked for again is what it is described as.

    Raises:
        ConfigError: it is read as other types, or from another place on.
    """
    node = place.node
    assert isinstance(node, (SourceGraphNode, TableSourceGraphNode))
    check_same_types(topic, (place.key_serde, place.value_serde), node.options.offset_reset)


def check_same_types(
    topic: Topic[Any, Any], before: tuple[Serde[Any], Serde[Any]], offset_reset: OffsetReset | None
) -> None:
    """What is asked for again is what is there.

    Args:
        topic: how it is described now.
        before, offset_reset: serdes of key and value, and where reading begins, as it was described first.

    Raises:
        ConfigError: it was described otherwise.
    """
    if not (_same(topic.key, before[0]) and _same(topic.value, before[1])):
        raise _read_twice(topic.name, before, (topic.key, topic.value))
    if topic.offset_reset != offset_reset:
        raise ConfigError(
            f"topic {topic.name!r} is read with offset_reset={offset_reset!r} before, and with "
            f"{topic.offset_reset!r} here: a topic is read once, from one place on"
        )


def _read_twice(
    name: str,
    before: tuple[Serde[Any], Serde[Any]],
    here: tuple[Serde[Any], Serde[Any]],
) -> ConfigError:
    return ConfigError(
        f"{name!r} is read as {before[0].name} and {before[1].name} before, and as {here[0].name} and "
        f"{here[1].name} here: say it once, with app.topic(…, key=…, value=…)"
    )


def _same(one: Serde[Any], other: Serde[Any]) -> bool:
    return one is other or (type(one) is type(other) and one.name == other.name)
