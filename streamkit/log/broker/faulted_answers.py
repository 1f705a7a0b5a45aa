"""What faults need to know about any request: the topics it names, and the answer that refuses it whole.

Pure, and derived from the declarations of the messages, so that it holds for every API.

A refusal has the code at the outermost place that its class has for one: at the top, as in a JoinGroup answer, else
in each of the topics, partitions, groups … that the request names. A Fetch answer has it in each partition, since
clients read the one at the top as news of the fetch session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.fetch import FetchResponse
from streamkit.log.protocol.wire import Field, fields_of

__all__ = ["can_refuse", "refusing_answer", "topics_named"]

_CODES = ("error_code", "partition_error_code")
_TOPIC_LISTS = ("topics", "topic_data", "v3_and_below_topics")
_TOPIC_RESOURCE = 2
# One thing under several names, where question and answer differ.
_SAME = {"partition_index": ("partition", "index"), "index": ("partition_index",)}


def topics_named(request: Any, name_of: Callable[[UUID], str | None]) -> Iterator[str]:
    """The topics that a request names, in its order, some perhaps twice.

    Args:
        request: of any API.
        name_of: the name of the topic with an id, or None.
    """
    for field in fields_of(type(request)):
        items = getattr(request, field.name)
        if field.name == "topic_names":
            yield from items
        elif field.kind == "array" and field.struct is not None and items:
            for item in items:
                if field.name in _TOPIC_LISTS:
                    yield from _topic_of(item, name_of)
                elif getattr(item, "resource_type", None) == _TOPIC_RESOURCE:
                    yield item.resource_name
                else:
                    yield from topics_named(item, name_of)


def can_refuse(response: type[Any]) -> bool:
    """Whether answers of that class have a place for an error code."""
    return any(
        field.name in _CODES or (field.struct is not None and can_refuse(field.struct))
        for field in fields_of(response)
    )


def refusing_answer(request: Any, response: type[Any], version: int, code: ErrorCode) -> Any:
    """The answer that refuses all that `request` asks for.

    Args:
        request: the whole request.
        response: the class of its answers.
        version: in which the answer will be written.
        code: the error code.
    """
    answer = response()
    _refuse(answer, request, version, code, outermost=response is not FetchResponse)
    return answer


def _refuse(made: Any, source: Any, version: int, code: ErrorCode, *, outermost: bool) -> None:
    fields = [field for field in fields_of(type(made)) if version in field.versions]
    if outermost:
        for field in fields:
            if field.name in _CODES:
                setattr(made, field.name, code)
                return
    for field in fields:
        if field.struct is None or field.kind != "array" or not can_refuse(field.struct):
            continue
        asked = _counterpart(field, source, version)
        if asked is None:
            continue
        setattr(
            made,
            field.name,
            [
                _refused_item(field.struct, each, asked, version, code)
                for each in getattr(source, asked.name) or ()
            ],
        )


def _refused_item(cls: type, asked: Any, field: Field, version: int, code: ErrorCode) -> Any:
    item = cls()
    for each in fields_of(cls):
        if each.name in _CODES or each.kind in ("array", "struct"):
            continue
        if field.struct is None:
            if each.kind == field.item_kind and each.name != "error_message":
                setattr(item, each.name, asked)
                break
            continue
        for name in (each.name, *_SAME.get(each.name, ())):
            if hasattr(asked, name):
                setattr(item, each.name, getattr(asked, name))
                break
    _refuse(item, asked, version, code, outermost=True)
    return item


def _counterpart(field: Field, source: Any, version: int) -> Field | None:
    """The list of a request that the list `field` of its answer goes along with: of that name, else the first."""
    lists = [
        each
        for each in fields_of(type(source))
        if each.kind == "array" and version in each.versions
    ]
    same = [each for each in lists if each.name == field.name]
    return next(iter(same or lists), None)


def _topic_of(item: Any, name_of: Callable[[UUID], str | None]) -> Iterator[str]:
    name = getattr(item, "name", None) or getattr(item, "topic", None)
    topic_id = getattr(item, "topic_id", None)
    if not name and topic_id is not None:
        name = name_of(topic_id)
    if name:
        yield name
