"""Which function answers which request: `@handles(XRequest)` enters a function here.

ApiVersions lists what stands here, so that an API is announced exactly when it is served.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from streamkit.log.protocol import ApiKey, response_class
from streamkit.log.protocol.wire import VersionRange, info_of

__all__ = ["Api", "apis", "handles"]

Handler = Callable[[Any, Any, Any], Any | Awaitable[Any]]
H = TypeVar("H", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Api:
    """One API that this broker serves.

    Attributes:
        key: its number.
        lowest, highest: the versions served, both included.
        response: the class of its answers.
        handler: called with (broker, request, context); returns the answer, an awaitable of it, or
            None where the client expects no answer.
    """

    key: ApiKey
    lowest: int
    highest: int
    response: type[Any]
    handler: Handler


_apis: dict[int, Api] = {}
_loaded: list[str] = []


def handles(request: type[Any], *, versions: str | None = None) -> Callable[[H], H]:
    """Make the decorated function the handler of `request`.

    It is called with (broker, request, context). An exception that it lets out is answered with the code that
    `failures.code_of` gives it, in the answer's own `error_code`; where the answer has no such
    field, the connection is closed.

    Args:
        request: a request class of `streamkit.log.protocol.messages`.
        versions: what is served, as "2-6", where it is less than what the class declares.
    """
    info = info_of(request)
    served = info.versions if versions is None else VersionRange.parse(versions)

    def enter(handler: H) -> H:
        assert info.key not in _apis, f"two handlers for {request.__name__}"
        _apis[info.key] = Api(
            ApiKey(info.key), served.low, served.high, response_class(info.key), handler
        )
        return handler

    return enter


def apis() -> Mapping[int, Api]:
    """Every API that is served, by number; loads the handlers at the first call."""
    if not _loaded:
        package = import_module("streamkit.log.broker.handlers")
        names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
        for name in names:
            import_module(f"{package.__name__}.{name}")
        _loaded.extend(names)
    return _apis
