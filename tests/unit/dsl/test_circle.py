"""Streams and tables name each other in their types; whoever asks at run time finds the classes too."""

from __future__ import annotations

import inspect
import typing

import pytest

import streamkit.dsl
from streamkit.dsl import circle

CLASSES = [value for value in vars(streamkit.dsl).values() if inspect.isclass(value)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_types_of_methods_can_be_asked_for(cls: type) -> None:
    for _, method in inspect.getmembers(cls, inspect.isfunction):
        if method.__module__.startswith("streamkit.dsl"):
            typing.get_type_hints(method)


@pytest.mark.parametrize("name", circle.__all__)
def test_names_of_the_circle_are_the_public_classes(name: str) -> None:
    assert getattr(circle, name) is getattr(streamkit.dsl, name)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match=r"'streamkit.dsl.circle' has no attribute 'KTables'"):
        _ = circle.KTables  # type: ignore[attr-defined]  # that is what is tested
