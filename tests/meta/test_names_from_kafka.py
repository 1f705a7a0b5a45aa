"""Each of our names in the table from Kafka Streams' names exists, option or call."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from pathlib import Path
from typing import Any

import pytest

import streamkit
from streamkit.dsl.options import SourceTableOptions, WindowStoreOptions

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/from-kafka-streams.md"
ROW = re.compile(r"^\| `.*\| (?P<ours>[^|]*) \|$", re.MULTILINE)
OURS = [
    name
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    for name in re.findall(r"`([^`]*)`", row["ours"])
]


def public(name: str) -> Any:
    """What a dotted name stands for, from the package on."""
    found: Any = streamkit
    for part in name.split("."):
        if found is streamkit and part == "testing":
            found = importlib.import_module("streamkit.testing")
        else:
            found = getattr(found, part)
    return found


def options() -> set[str]:
    """Every keyword argument of a public class, its methods, and the options of stores."""
    found = {*typing.get_type_hints(SourceTableOptions), *typing.get_type_hints(WindowStoreOptions)}
    for name in streamkit.__all__:
        cls = getattr(streamkit, name)
        if inspect.isclass(cls):
            for method in vars(cls).values():
                if inspect.isfunction(method):
                    found.update(inspect.signature(method).parameters)
    return found


@pytest.mark.parametrize("name", sorted({each for each in OURS if re.fullmatch(r"[\w.]+", each)}))
def test_name_in_the_table_exists(name: str) -> None:
    """Fields without a default are no attribute of their class, but annotated there."""
    owner, _, last = name.rpartition(".")
    if owner and last in getattr(public(owner), "__annotations__", {}):
        return
    assert public(name) is not None


def test_options_in_the_table_exist() -> None:
    named = {each[:-1] for each in OURS if each.endswith("=")}
    assert named
    assert named <= options()


def test_table_is_read() -> None:
    assert len(OURS) > 100
