"""Examples in docstrings run and print what they say; what is public has a docstring."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

import streamkit
from streamkit._version import build_mode
from streamkit.testing import trace

NAMES = {name: getattr(streamkit, name) for name in streamkit.__all__}
NAMES |= {"timedelta": timedelta, "trace": trace}
"""What examples use without importing it."""

FENCE = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PUBLIC = [
    *("streamkit", "streamkit.clock", "streamkit.dsl", "streamkit.errors"),
    *("streamkit.log.client", "streamkit.log.protocol", "streamkit.log.storage"),
    *("streamkit.model", "streamkit.serde", "streamkit.state", "streamkit.testing"),
    "streamkit.topology",
]


def modules() -> list[str]:
    """Every module that is Python here: a compiled one has its examples run in the pure build."""
    found = pkgutil.walk_packages(streamkit.__path__, "streamkit.")
    return [
        "streamkit",
        *(
            name
            for _, name, _ in found
            if not name.endswith("__main__")
            and (spec := importlib.util.find_spec(name)) is not None
            and (spec.origin or "").endswith(".py")
        ),
    ]


def docstrings(module: ModuleType) -> Iterator[str]:
    yield module.__doc__ or ""
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        yield getattr(value, "__doc__", None) or ""
        if inspect.isclass(value):
            yield from (getattr(member, "__doc__", None) or "" for member in vars(value).values())


@pytest.mark.parametrize("name", modules())
def test_examples_of_the_module_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    module = importlib.import_module(name)
    done = doctest.testmod(
        module,
        extraglobs={name: value for name, value in NAMES.items() if name not in vars(module)},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert done.failed == 0
    for text in docstrings(module):
        for match in FENCE.finditer(text):
            code = compile(textwrap.dedent(match[2]), f"docstring of {name}", "exec")
            exec(code, dict(vars(module)))


@pytest.mark.parametrize("name", modules())
def test_example_is_one_that_runs(name: str) -> None:
    """What looks like an example but is neither `>>>` nor a fence would rot unseen."""
    for text in docstrings(importlib.import_module(name)):
        told = inspect.cleandoc(text).partition("Example:\n")[2].partition("\n\n")[0]
        assert not told or ">>>" in told, told


def documented_by_protocol(name: str) -> set[str]:
    """Methods that a protocol of the package describes for all who implement it."""
    package = importlib.import_module(name)
    return {
        attribute
        for word in package.__all__
        if getattr(value := getattr(package, word), "_is_protocol", False)
        for attribute, member in vars(value).items()
        if inspect.isfunction(member) and member.__doc__
    }


def members(name: str) -> Iterator[tuple[str, object]]:
    package = importlib.import_module(name)
    for word in package.__all__:
        value = getattr(package, word)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield word, value
        if not inspect.isclass(value):
            continue
        for attribute in dir(value):  # of its bases too: a public class may have private ones
            member = inspect.getattr_static(value, attribute)
            function = member.fget if isinstance(member, property) else member
            function = getattr(function, "__func__", function)
            if (
                not attribute.startswith("_")
                and inspect.isfunction(function)
                and function.__module__.partition(".")[0] == "streamkit"
            ):
                yield f"{word}.{attribute}", getattr(value, attribute)


@pytest.mark.skipif(build_mode() == "compiled", reason="compiled functions keep no docstring")
@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_a_docstring(name: str) -> None:
    """Of its own, or that of the method that it overrides or implements."""
    told = documented_by_protocol(name)
    assert not [
        word
        for word, value in members(name)
        if not inspect.getdoc(value) and word.partition(".")[2] not in told
    ]


@pytest.mark.skipif(build_mode() == "compiled", reason="compiled functions keep no docstring")
def test_what_programs_are_written_with_has_an_example() -> None:
    """Each operation, decorator, aggregate and window has its own; of a serde, its class has one."""
    operations = {"App", "AppSettings", "Topic", *importlib.import_module("streamkit.dsl").__all__}
    serdes = set(importlib.import_module("streamkit.serde").__all__)
    told = {
        word: ">>>" in (inspect.getdoc(value) or "")
        for name in ("streamkit", "streamkit.dsl")
        for word, value in members(name)
        if not isinstance(value, property)
    }
    told_by_methods = {word.partition(".")[0] for word in told if "." in word} & operations
    missing = [
        word
        for word, has_example in told.items()
        if not has_example
        and (word.partition(".")[0] in operations or word in serdes)
        and word not in told_by_methods
    ]
    assert missing == []


@pytest.mark.parametrize("name", PUBLIC)
def test_names_that_are_exported_are_there_once(name: str) -> None:
    package = importlib.import_module(name)
    assert len(set(package.__all__)) == len(package.__all__)
    assert not [word for word in package.__all__ if not hasattr(package, word)]
