"""Agents: functions that handle each record inside its task, with timers of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from streamkit.errors import ConfigError
from streamkit.model.records import Record
from streamkit.operators.process import Processor, ProcessorContext

__all__ = ["Agent", "AgentFunction", "Agents", "TimerFunction"]

K = TypeVar("K")
V = TypeVar("V")

AgentFunction = Callable[[Record[K, V], ProcessorContext[Any, Any]], object]
TimerFunction = Callable[[int, ProcessorContext[Any, Any]], object]


class Agent:
    """A handler and its timers: what a task makes a processor of."""

    def __init__(self, function: AgentFunction[Any, Any]) -> None:
        self.function = function
        self.timers: list[tuple[int, str, TimerFunction]] = []

    def supplier(self) -> Processor[Any, Any, Any, Any]:
        return _AgentProcessor(self)


class Agents:
    """The agents of one app, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Agent] = {}

    def add(self, name: str, function: AgentFunction[Any, Any]) -> Agent:
        """
        Raises:
            ConfigError: another agent has the name.
        """
        if name in self._by_name:
            raise ConfigError(f"an agent named {name!r} is there already: give it a name=")
        agent = self._by_name[name] = Agent(function)
        return agent

    def named(self, name: str | None) -> Agent:
        """The agent of that name; None: the only one.

        Raises:
            ConfigError: there is none, or several.
        """
        if name is None and len(self._by_name) == 1:
            name = next(iter(self._by_name))
        if name is None or name not in self._by_name:
            known = ", ".join(repr(known) for known in self._by_name) or "none yet: write it before"
            raise ConfigError(
                f"a timer belongs to an agent, name it with agent=; there are: {known}"
            )
        return self._by_name[name]


class _AgentProcessor(Processor[Any, Any, Any, Any]):
    """Calls an agent's functions inside a task."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._function = agent.function

    def init(self, context: ProcessorContext[Any, Any]) -> None:
        super().init(context)
        for interval_ms, clock, function in self._agent.timers:
            context.schedule(interval_ms, _Timer(function, context), clock=clock)

    def process(self, record: Record[Any, Any]) -> None:
        self._function(record, self.context)


class _Timer:
    def __init__(self, function: TimerFunction, context: ProcessorContext[Any, Any]) -> None:
        self._function = function
        self._context = context

    def __call__(self, timestamp_ms: int) -> None:
        self._function(timestamp_ms, self._context)
