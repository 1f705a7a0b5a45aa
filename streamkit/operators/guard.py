"""Around each operator of an app that continues after errors: the operator that raises loses the record, no other does.

What sent the record goes on with its other children and its further records, and writes to stores stay. Apps that
stop at errors have no guards: then the one `try` of the task's loop is enough, and records flow faster.
Source: ProcessorNode with a ProcessingExceptionHandler (KIP-1033).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.late_records import LateRecords

__all__ = ["Guard", "guard_children", "unguarded"]


class Guard(Operator):
    """Stands for `guarded` among the children of another operator.

    Args:
        judge: takes the operator and its exception; raises what the app doesn't continue after.
    """

    def __init__(self, guarded: Operator, judge: Callable[[Operator, BaseException], None]) -> None:
        super().__init__()
        self.name: str = guarded.name
        self.children: list[Operator] = guarded.children
        self.guarded = guarded
        self._judge = judge

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        try:
            self.guarded.process(key, value, timestamp, headers)
        except Exception as error:  # noqa: BLE001  # judged, counted or raised again
            self._judge(self.guarded, error)


def guard_children(
    operators: Sequence[Operator], judge: Callable[[Operator, BaseException], None]
) -> None:
    """Put a guard around every operator that has a parent among `operators`.

    Streams of late records stay as they are: their parents look for them, and they only pass records on.
    """
    guards = {id(operator): Guard(operator, judge) for operator in operators}
    for operator in operators:
        operator.children[:] = [
            child if isinstance(child, LateRecords) else guards[id(child)]
            for child in operator.children
        ]


def unguarded(operators: Sequence[Operator]) -> list[Operator]:
    """The operators themselves."""
    return [each.guarded if isinstance(each, Guard) else each for each in operators]
