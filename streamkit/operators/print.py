"""print: write each record as a line of text, `[label]: key, value`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64

from streamkit.model.records import Headers
from streamkit.operators.base import Operator

__all__ = ["PrintRecords"]


class PrintRecords(Operator):
    """Prints records.

    Args:
        label: stands in front of each line.
        mapper: `f(key, value)` -> text; None: `key, value`.
        file: where lines go; None: standard output as it is when the record comes.
    """

    def __init__(
        self,
        label: str,
        mapper: Callable[[Any, Any], str] | None = None,
        file: Any = None,
    ) -> None:
        super().__init__()
        self._label: Final = label
        self._mapper: Final[Any] = mapper
        self._file: Final[Any] = file

    def process(self, key: object, value: object, timestamp: i64, headers: Headers) -> None:
        text = f"{key}, {value}" if self._mapper is None else self._mapper(key, value)
        file = sys.stdout if self._file is None else self._file
        file.write(f"[{self._label}]: {text}\n")
