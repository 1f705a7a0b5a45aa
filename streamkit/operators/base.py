"""The shape of everything that runs: one `process` call a record, children called in order.

An operator belongs to one task and one thread. It gets its stores in `init`. It takes and forwards
`(key, value, timestamp, headers)`: four arguments, no record object.
"""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from streamkit.model.records import Headers
from streamkit.operators.context import TaskContext

__all__ = ["Operator"]


@mypyc_attr(allow_interpreted_subclasses=True)
class Operator:
    """A node of a sub-topology while it runs.

    Attributes:
        name: its name in the topology, set by the task before `init`.
        children: the operators that `forward` calls, in the order in which the topology adds them.
        context: the task's services, valid from `init` to `close`.
    """

    name: str
    children: list[Operator]
    context: TaskContext

    def __init__(self) -> None:
        self.name = ""
        self.children = []

    def init(self, context: TaskContext) -> None:
        """Get ready: look up stores, read saved stream times. Called once, before any record."""
        self.context = context

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        """Take one record."""
        raise NotImplementedError

    def forward(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        """Pass one record to every child."""
        for child in self.children:
            child.process(key, value, timestamp, headers)

    def close(self) -> None:
        """Let go of what `init` took. Called once, after the last record."""
