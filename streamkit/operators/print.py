"""print: write each record as a line of text, `[label]: key, value`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mypy_extensions import i64

from streamkit.errors import TopologyError
from streamkit.model.records import Headers
from streamkit.operators.base import Operator
from streamkit.operators.context import TaskContext

__all__ = ["PrintRecords", "printed_file"]


def printed_file(file: str | Path) -> str:
    """The path of a file to print to.

    Raises:
        TopologyError: it is a folder, or its folder isn't there.
    """
    path = Path(file)
    if path.is_dir() or not path.parent.is_dir():
        raise TopologyError(f"can't print to {str(file)!r}: name a file in a folder that is there")
    return str(path)


class PrintRecords(Operator):
    """Prints records.

    Args:
        label: stands in front of each line.
        mapper: `f(key, value)` -> text; None: `key, value`.
        file: lines are added to it, each whole as it comes, so that several tasks can share it; None:
            standard output as it is when the record comes.
    """

    def __init__(
        self,
        label: str,
        mapper: Callable[[Any, Any], str] | None = None,
        file: str | None = None,
    ) -> None:
        super().__init__()
        self._label: Final = label
        self._mapper: Final[Any] = mapper
        self._path: Final = file
        self._file: Any = None

    def init(self, context: TaskContext) -> None:
        super().init(context)
        if self._path is not None:
            path = Path(self._path)
            self._file = path.open("a", buffering=1, encoding="utf-8")

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        text = f"{key}, {value}" if self._mapper is None else self._mapper(key, value)
        file = sys.stdout if self._file is None else self._file
        file.write(f"[{self._label}]: {text}\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
