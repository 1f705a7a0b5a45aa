"""What the operators and stores of a task see of it."""

from __future__ import annotations

from collections.abc import Callable

from streamkit.clock import Clock
from streamkit.errors import ConfigError
from streamkit.model.tasks import TaskId
from streamkit.operators.context import Cancellable, RecordCollector, TaskContext
from streamkit.runtime.punctuation import TIMER, PunctuationQueue, Punctuator
from streamkit.state import StateStore, StoreContext

__all__ = ["RunningTaskContext", "TaskStoreContext"]


class RunningTaskContext(TaskContext):
    """The context that operators get: punctuators and commits go to the task.

    Attributes:
        node: the operator that is being initialised.
        starting: operators are being initialised.
    """

    def __init__(
        self,
        application_id: str,
        task_id: TaskId,
        collector: RecordCollector,
        clock: Clock,
        stores: dict[str, StateStore],
        settings: dict[str, object],
    ) -> None:
        super().__init__(application_id, task_id, collector, clock, stores, settings)
        self.node = ""
        self.commit_requested = False
        self.starting = False
        self._scheduled: dict[str, int] = {}
        self.stream_punctuators = PunctuationQueue()
        self.wall_punctuators = PunctuationQueue()

    def schedule(
        self,
        interval_ms: int,
        clock: str,
        callback: Callable[[int], None],
        start_ms: int | None = None,
        node: str = "",
    ) -> Cancellable:
        node = node or self.node
        if interval_ms < 1:
            raise ConfigError(f"a punctuation interval is at least 1 ms, not {interval_ms}")
        if clock == "stream":
            punctuator = self._on_stream_time(node, interval_ms, callback, start_ms)
            self.stream_punctuators.schedule(punctuator)
        elif clock == "wall":
            now_ms = self.clock.now_ms()
            due_ms = (
                _on_grid(start_ms, interval_ms, now_ms)
                if start_ms is not None
                else now_ms + interval_ms
            )
            punctuator = Punctuator(node, due_ms, interval_ms, callback)
            self.wall_punctuators.schedule(punctuator)
        else:
            raise ConfigError(f"clock is 'stream' or 'wall', not {clock!r}")
        return punctuator

    def request_commit(self) -> None:
        self.commit_requested = True

    def _on_stream_time(
        self, node: str, interval_ms: int, callback: Callable[[int], None], start_ms: int | None
    ) -> Punctuator:
        """Up to the stream time that a task starts with, it has run already, before the last commit."""
        if not self.starting:
            due_ms = 0 if start_ms is None else _on_grid(start_ms, interval_ms, self.stream_time)
            return Punctuator(node, due_ms, interval_ms, callback)
        number = self._scheduled.get(node, 0)
        self._scheduled[node] = number + 1
        due_ms = _after(start_ms or 0, interval_ms, self.stream_time)
        return Punctuator(node, due_ms, interval_ms, callback, f"{node}{TIMER}{number}")


def _on_grid(start_ms: int, interval_ms: int, now_ms: int) -> int:
    """`start_ms`, or where that has passed the next point of its grid."""
    return start_ms if start_ms == now_ms else _after(start_ms, interval_ms, now_ms)


def _after(start_ms: int, interval_ms: int, now_ms: int) -> int:
    """The first point of a grid after `now_ms`."""
    if start_ms > now_ms:
        return start_ms
    return start_ms + ((now_ms - start_ms) // interval_ms + 1) * interval_ms


class TaskStoreContext(StoreContext):
    """What the task's stores see: a full overlay asks for a commit."""

    def __init__(self, task: str, context: RunningTaskContext) -> None:
        super().__init__(task)
        self._context = context

    def request_commit(self) -> None:
        self._context.commit_requested = True
