"""Bytes to values and back, a format a file."""

from streamkit.serde.base import Serde

__all__ = ["Serde"]
