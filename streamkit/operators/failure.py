"""What a user sees when one of their functions raises: which operator, which line, which record.

Nothing is tracked while records flow: there is one `try` in the task's loop. Afterwards the traceback
tells the way that the record took: each operator leaves a frame named `process` in its module, and the
user's function the frames below the last of them. Among the operators that such a way leads to, the one
that holds the function at the end is the one that failed.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from types import CodeType

from streamkit.errors import (
    ProcessingError,
    SerdeError,
    StreamkitError,
    TopologyError,
    caused_by,
)
from streamkit.operators.base import Operator
from streamkit.operators.context import RecordContext, TaskContext
from streamkit.operators.failed_record import FailedRecord, take_record
from streamkit.operators.guard import unguarded
from streamkit.operators.record_cache import CacheFront, CacheGate
from streamkit.operators.source import SourceOperator

__all__ = ["explain", "failed_operator"]

_PACKAGE = Path(__file__).resolve().parent.parent
_SHORT = 120
_AROUND = ("guard", "record_cache")
"""Modules of operators that stand around others."""
_TYPE_OF_DICTS = (
    "  JSON without a type is read as a dict: name the type, with value= where such values are made, or with "
    "app.topic(…, value=…) where they are read."
)
_HOW_TO_SKIP = ' To skip such records: App(on_processing_error="continue").'


def explain(
    error: BaseException,
    start: Operator,
    context: TaskContext,
    *,
    when: str = "",
    skips: bool = True,
) -> StreamkitError:
    """The error to raise instead of `error`, which becomes its cause.

    Args:
        error: what came out of `start`, its traceback complete.
        start: where the record or the punctuation entered: a source, or the operator of a punctuator.
        context: its record is the one that was processed.
        when: said after the exception's type where no record is at fault ("in a punctuator").
        skips: apps that continue after errors go on after this one.

    Returns:
        a `ProcessingError` that names operator, place and record; `error` itself where the data or the
        user's code isn't to blame (disk, broker, topology).
    """
    failed = take_record(error)
    if isinstance(error, StreamkitError) and not isinstance(error, (SerdeError, TopologyError)):
        return error
    code, place = _user_place(error)
    operator = failed_operator(error, start, code, entered=not when)
    node = operator.name if operator is not None else start.name
    record = context.record
    topic, partition, offset = record.topic, record.partition, record.offset
    if failed is not None and failed.topic is not None:
        topic, partition, offset = failed.topic, failed.partition, failed.offset
    lines = [_headline(error, node, when)]
    if place is not None:
        lines.append(f"  at {place}")
    if isinstance(error, SystemExit):
        lines.append("  a user's function can't end a worker: stop its process, as with SIGTERM.")
    if isinstance(error, AttributeError) and isinstance(error.obj, dict):
        lines.append(_TYPE_OF_DICTS)
    told = _told_record(start, context) if failed is None else _told_other(failed, record)
    if told is not None:
        lines.append(f"  record: {told}")
        skip = _HOW_TO_SKIP if skips and not isinstance(error, SystemExit) else ""
        lines.append(f"  nothing of this record was committed.{skip}")
    explained = ProcessingError(
        "\n".join(lines),
        node=node,
        topic=topic,
        partition=partition if topic is not None else None,
        offset=offset if topic is not None else None,
        task=str(context.task_id),
    )
    return caused_by(explained, error)


def failed_operator(
    error: BaseException,
    start: Operator,
    code: CodeType | None = None,
    *,
    entered: bool = True,
) -> Operator | None:
    """The operator below `start` that raised `error`, None if the traceback doesn't tell.

    Args:
        code: of the user's function at fault, if known.
        entered: by the `process` of `start`, not by a punctuator or while it starts.
    """
    if isinstance(error, SerdeError) and error.node:
        for operator in _below(start):
            if operator.name == error.node:
                return operator
    way = [_module_of_frame(name) for name, function in _frames(error) if function == "process"]
    way = [module for module in way if module not in (None, *_AROUND)]
    start = start.operator if isinstance(start, CacheFront) else start
    reached = [start]
    if entered and way and way[0] == _module_of(start):
        way = way[1:]
    for module in way:
        below = [child for operator in reached for child in _children(operator)]
        found = [child for child in below if _module_of(child) == module]
        if not found:
            break
        reached = list({id(operator): operator for operator in found}.values())
    if len(reached) > 1 and code is not None:
        holders = [operator for operator in reached if code in _codes(operator)]
        reached = holders or reached
    return reached[0] if len(reached) == 1 else _first_common(reached)


def _children(operator: Operator) -> Iterator[Operator]:
    """Where its records go, through guards and caches."""
    for child in unguarded(operator.children):
        if isinstance(child, CacheGate):
            yield from _children(child)
        else:
            yield child.operator if isinstance(child, CacheFront) else child


def _first_common(operators: Sequence[Operator]) -> Operator | None:
    """Several could have failed: the first, which is the one the record came to first."""
    return operators[0] if operators else None


def _headline(error: BaseException, node: str, when: str) -> str:
    if isinstance(error, (SerdeError, TopologyError)):
        return f"operator {node!r}: {error}"
    moment = f" {when}" if when else ""
    return f"operator {node!r} raised {type(error).__name__}{moment}: {error}"


def _frames(error: BaseException) -> Iterator[tuple[str, str]]:
    """File and function of each frame, the outermost first."""
    for frame, _ in walk_tb(error.__traceback__):
        yield frame.f_code.co_filename, frame.f_code.co_name


def _user_place(error: BaseException) -> tuple[CodeType | None, str | None]:
    """The user's function that an operator called last, and the innermost line of the user's code.

    Library code is passed over: the line to look at is the user's that called it.
    """
    entry: CodeType | None = None
    place: tuple[str, int] | None = None
    ours = True
    for frame, line in walk_tb(error.__traceback__):
        filename = frame.f_code.co_filename
        if _is_ours(filename):
            ours = True
            continue
        if ours:
            entry = frame.f_code
            place = filename, line
        elif not _is_library(filename):
            place = filename, line
        ours = False
    if place is None or (ours and entry is None):
        return entry, None
    filename, line = place
    source = linecache.getline(filename, line).strip()
    return entry, f"{_short_path(filename)}:{line}  {source}".rstrip()


def _is_ours(filename: str) -> bool:
    """True for streamkit's own modules; compiled ones have relative names."""
    if filename.startswith("streamkit" + os.sep):
        return (_PACKAGE.parent / filename).exists() or filename.endswith(".py")
    return filename.startswith(str(_PACKAGE) + os.sep)


def _is_library(filename: str) -> bool:
    return "site-packages" in filename or filename.startswith(
        ("<frozen", str(Path(os.__file__).parent))
    )


def _short_path(filename: str) -> str:
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except ValueError:
        return filename


def _module_of_frame(filename: str) -> str | None:
    """`filter` for streamkit/operators/filter.py, None for files elsewhere."""
    path = Path(filename)
    if path.parent.name != "operators" or not _is_ours(filename):
        return None
    return path.stem


def _module_of(operator: Operator) -> str | None:
    """The module of operators/ that the operator's `process` is written in."""
    for cls in type(operator).__mro__:
        if "process" in cls.__dict__:
            return cls.__module__.rpartition(".")[2]
    return None


def _below(start: Operator) -> Iterator[Operator]:
    """`start` and everything that it forwards to, each once."""
    seen: set[int] = set()
    queue = [start]
    while queue:
        operator = queue.pop(0)
        if id(operator) not in seen:
            seen.add(id(operator))
            yield operator
            queue.extend(_children(operator))


def _codes(operator: Operator) -> set[CodeType]:
    """The code of the user's functions that an operator holds."""
    codes: set[CodeType] = set()
    for name in dir(operator):
        if name.startswith("__"):
            continue
        held = getattr(operator, name, None)
        for function in held if isinstance(held, list) else [held]:
            for part in (function, getattr(function, "process", None)):
                code = getattr(part, "__code__", None)
                if isinstance(code, CodeType):
                    codes.add(code)
    return codes


def _told_record(start: Operator, context: TaskContext) -> str | None:
    """The source record, its key and value short; bytes where they can't be decoded."""
    record = context.record
    if record.topic is None:
        return None
    key: object = record.raw_key
    value: object = record.raw_value
    if isinstance(start, SourceOperator):
        with suppress(SerdeError):
            key, value = (
                start.decode_key(record.topic, record.raw_key),
                start.decode_value(record.topic, record.raw_value),
            )
    return f"{_place(record)}, key {_short(key)}, value {_short(value)}"


def _told_other(failed: FailedRecord, record: RecordContext) -> str:
    """A record that has waited, or that a timer sent."""
    told = f"key {_short(failed.key)}, value {_short(failed.value)}"
    if failed.topic is not None:
        return f"{_place(failed)}, {told}"
    if record.topic is not None:
        return f"{told}, sent on when {_place(record)} came"
    return f"{told}, sent on by a timer"


def _place(record: RecordContext | FailedRecord) -> str:
    return f"topic {record.topic}, partition {record.partition}, offset {record.offset}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
