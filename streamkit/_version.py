"""The version, and how this copy was built."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

__all__ = ["VERSION", "build_mode"]

VERSION = Path(__file__).with_name("VERSION").read_text(encoding="ascii").strip()


def build_mode() -> str:
    """How the hot modules were loaded: "compiled" from their extensions, "pure" from source."""
    # Imported here, since the pytest plugin must not load more of the package than its version.
    origin = import_module("streamkit.model.change").__file__
    return "pure" if Path(origin or "").suffix == ".py" else "compiled"
