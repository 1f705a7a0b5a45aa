"""Packages that only some serdes need, imported when such a serde is made."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from streamkit.errors import ConfigError, caused_by

__all__ = ["need"]


def need(module: str, *, extra: str, purpose: str) -> ModuleType:
    """The optional `module`.

    Raises:
        ConfigError: it isn't installed; names the extra that brings it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise caused_by(
            ConfigError(
                f"{purpose} needs the package '{module.partition('.')[0]}': "
                f"pip install 'streamkit[{extra}]'"
            ),
            error,
        ) from error
