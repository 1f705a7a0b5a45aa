"""The version, and how this copy was built."""

from __future__ import annotations

from pathlib import Path

import streamkit.model.change

__all__ = ["VERSION", "build_mode"]

VERSION = Path(__file__).with_name("VERSION").read_text(encoding="ascii").strip()


def build_mode() -> str:
    """How the hot modules were loaded: "compiled" from their extensions, "pure" from source."""
    origin = streamkit.model.change.__file__
    return "pure" if Path(origin).suffix == ".py" else "compiled"
