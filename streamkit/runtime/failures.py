"""What a task does with an exception that comes out of a record or a punctuator: stop, or count and go on."""

from __future__ import annotations

from typing import Final, TypeGuard

from streamkit.errors import ProcessingError, SerdeError, caused_by
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext
from streamkit.operators.failure import explain
from streamkit.runtime.task_settings import TaskSettings

__all__ = ["FailurePolicy", "is_undecodable"]

UNDECODABLE: Final = "undecodable"
FAILED: Final = "processing error"


def is_undecodable(error: BaseException, start: Operator) -> TypeGuard[SerdeError]:
    """Whether the source `start` could not decode the record."""
    return isinstance(error, SerdeError) and error.node == start.name


class FailurePolicy:
    """The application's policies, applied to one task.

    Args:
        context: the task's; its record is the one at fault, its counters take what is passed over.
        settings: the policies.
    """

    def __init__(self, context: TaskContext, settings: TaskSettings) -> None:
        self._context = context
        self._continue_on_undecodable: Final = settings.on_deserialization_error == "continue"
        self._continue_on_failure: Final = settings.on_processing_error == "continue"

    def judge(
        self, start: Operator, error: BaseException, when: str = "", *, skips: bool = True
    ) -> None:
        """Count the record if the app goes on after such errors; else raise what the user shall see.

        `sys.exit()` in a user's function is such an error, and none to go on after: on this thread it would
        end the worker without a word.

        Args:
            start: where the record or the punctuation entered.
            error: what came out of it.
            when: said where no record is at fault.
            skips: False: nobody is asked whether to go on, as where a record's time isn't to be had.

        Raises:
            SerdeError: a source can't decode the record.
            ProcessingError: a user's function raised.
            StreamkitError: disk, broker or topology are to blame, not the record.
        """
        context = self._context
        if is_undecodable(error, start):
            if not self._continue_on_undecodable:
                raise self._located(start, error)
            context.drop(start.name, UNDECODABLE)
            return
        explained = explain(error, start, context, when=when, skips=skips)
        if (
            skips
            and self._continue_on_failure
            and isinstance(explained, ProcessingError)
            and not isinstance(error, SystemExit)
        ):
            context.drop(explained.node, FAILED)
            return
        raise explained

    def _located(self, source: Operator, error: SerdeError) -> SerdeError:
        record = self._context.record
        located = SerdeError(
            f"source {source.name!r} can't decode a record: topic {record.topic}, partition "
            f"{record.partition}, offset {record.offset}: {error}\n"
            '  To skip such records: App(on_deserialization_error="continue").',
            serde=error.serde,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            node=source.name,
        )
        caused_by(located, error)
        return located
