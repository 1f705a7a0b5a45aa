"""An app on its way to worker processes: those can't import the `__main__` that defined it.

cloudpickle takes functions and classes of `__main__` along by value.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cloudpickle

from streamkit.app import App

__all__ = ["SHIPPED", "shipped", "unshipped"]

SHIPPED = ".streamkit-app"
"""How the name of a file with such an app ends."""

_CACHE = "__msgspec_cache__"


def shipped(app: App) -> bytes:
    """An app, with all that it is made of, as bytes.

    Example:
        >>> app = App("travels")
        >>> len(shipped(app)) > 0
        True
    """
    buffer = io.BytesIO()
    _Pickler(buffer).dump(app)
    return buffer.getvalue()


def unshipped(path: str | Path) -> App:
    """The app that a program of this user handed to its worker processes."""
    app = cloudpickle.loads(Path(path).read_bytes())
    assert isinstance(app, App)
    return app


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Leaves behind what msgspec notes on a class: it can't be pickled, and is made again when needed."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) and _CACHE in vars(obj):
            delattr(obj, _CACHE)
        return super().reducer_override(obj)
