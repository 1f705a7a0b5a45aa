"""The circle in the types of the DSL, in one place.

A stream becomes a table and a table a stream again, and each method says so in its types. Classes that name each
other can't be in modules that only look down; so that they needn't be in one module, those that are named below
the module that defines them are found here, by their own names, once they are asked for. Nothing else in
the package imports upwards (pyproject.toml, contract `no-cycles`).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamkit.dsl.kgrouped import KGroupedStream
    from streamkit.dsl.kgrouped_table import KGroupedTable
    from streamkit.dsl.kstream import KStream
    from streamkit.dsl.ktable import KTable

__all__ = ["KGroupedStream", "KGroupedTable", "KStream", "KTable"]

_HOMES = {
    "KGroupedStream": "streamkit.dsl.kgrouped",
    "KGroupedTable": "streamkit.dsl.kgrouped_table",
    "KStream": "streamkit.dsl.kstream",
    "KTable": "streamkit.dsl.ktable",
}

if not TYPE_CHECKING:  # a checker shall refuse names that are not there

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
