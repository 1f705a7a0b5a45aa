"""Functions that a program hands over: refused in the line that does so, not at the first record."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

from streamkit.errors import ConfigError, caused_by

__all__ = ["check_function", "check_joiner", "check_supplier"]


def check_function(function: Callable[..., Any], call: str, *arguments: str) -> None:
    """
    Args:
        call: the operation that will call it.
        arguments: what it will be called with.

    Raises:
        ConfigError: it isn't callable, a coroutine function, or takes other arguments.

    Example:
        >>> check_function(lambda value: value > 5, "filter", "key", "value")
        Traceback (most recent call last):
            ...
        streamkit.errors.ConfigError: filter calls f(key, value), but <lambda>...: too many positional arguments
    """
    wanted = f"f({', '.join(arguments)})"
    if not callable(function):
        raise ConfigError(f"{call} takes a function {wanted}, not {function!r}")
    if inspect.iscoroutinefunction(function):
        raise ConfigError(
            f"{call} takes a plain function {wanted}: {_described(function)} is async, and nobody would await it"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some builtins don't tell
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise caused_by(
            ConfigError(f"{call} calls {wanted}, but {_described(function)}: {error}"), error
        ) from error


def check_joiner(joiner: Callable[..., Any], call: str, *, with_key: bool) -> None:
    """The same for what puts two values together.

    Raises:
        ConfigError: it isn't callable, a coroutine function, or takes other arguments.
    """
    arguments = ("key", "value", "other") if with_key else ("value", "other")
    check_function(joiner, call, *arguments)


def check_supplier(supplier: Callable[..., Any], call: str) -> None:
    """
    Raises:
        ConfigError: it can't be called without arguments; mostly an object was given in place of its class.
    """
    if not callable(supplier):
        raise ConfigError(
            f"{call} takes what makes a processor, once for each task: a class or a function, not {supplier!r}"
        )
    check_function(supplier, call)


def _described(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", None) or type(function).__name__
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    return f"{name} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"  # noqa: PTH119 - no path
