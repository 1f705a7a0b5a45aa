"""CRC-32C in hardware, from the extension of the crc32c package alone.

The package itself looks up its own version when it is imported, and for that loads what reads mail and zip files:
a tenth of a broker's start, which commands that start one feel.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

__all__ = ["crc32c"]

_PACKAGE, _EXTENSION = "crc32c", "crc32c._crc32c"


def _load() -> Callable[..., int]:
    """The extension's function; the package's, where the extension isn't found as a file."""
    package = None if _PACKAGE in sys.modules else PathFinder.find_spec(_PACKAGE)
    folders = None if package is None else package.submodule_search_locations
    spec = None if folders is None else PathFinder.find_spec(_EXTENSION, folders)
    if spec is None or spec.loader is None:
        import crc32c as loaded

        return loaded.crc32c
    extension = module_from_spec(spec)
    spec.loader.exec_module(extension)
    # Whoever imports the package later gets this same extension.
    sys.modules[_EXTENSION] = extension
    found: Callable[..., int] = extension.crc32c
    return found


crc32c = _load()
