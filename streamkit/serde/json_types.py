"""Which types JSON can be read into."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["foreign_class"]


def foreign_class(type_: Any) -> type[Any] | None:
    """The first class in a type, or in what it is made of, that msgspec knows nothing of; None: there is none.

    Raises:
        TypeError, NameError: msgspec can't make sense of the type, or a name in it is not there.

    Example:
        >>> foreign_class(dict[str, complex])
        <class 'complex'>
        >>> foreign_class(dict[str, list[int]])
    """
    return _foreign(msgspec.inspect.type_info(type_), frozenset())


def _foreign(info: msgspec.inspect.Type, seen: frozenset[Any]) -> type[Any] | None:
    if isinstance(info, msgspec.inspect.CustomType):
        return info.cls
    cls = getattr(info, "cls", None)
    if cls is not None and cls in seen:
        return None
    seen = seen | {cls}
    for inner in _inside(info):
        found = _foreign(inner, seen)
        if found is not None:
            return found
    return None


def _inside(info: msgspec.inspect.Type) -> list[msgspec.inspect.Type]:
    inside: list[msgspec.inspect.Type] = []
    for name in ("item_type", "key_type", "value_type", "type"):
        inner = getattr(info, name, None)
        if isinstance(inner, msgspec.inspect.Type):
            inside.append(inner)
    for name in ("item_types", "types"):
        inside.extend(getattr(info, name, ()))
    inside.extend(field.type for field in getattr(info, "fields", ()))
    return inside
