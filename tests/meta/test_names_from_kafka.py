"""The table from Kafka Streams' names: all of Java's are there, and each of ours exists, option or call.

`tests/golden/kafka_streams_api.txt` holds the public methods of Kafka Streams 4.3.0, as `javap` lists them.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import typing
from pathlib import Path
from typing import Any

import pytest
from java_api import public_methods

import streamkit
import streamkit.state
from streamkit.dsl.options import StoreOptions, StreamJoinOptions, WindowStoreOptions

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/from-kafka-streams.md"
ROW = re.compile(r"^\| `.*\| (?P<ours>[^|]*) \|$", re.MULTILINE)
GOLDEN = Path(__file__).resolve().parents[1] / "golden/kafka_streams_api.txt"
OURS = [
    name
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    for name in re.findall(r"`([^`]*)`", row["ours"])
]


def public(name: str) -> Any:
    """What a dotted name stands for, from the package on."""
    found: Any = streamkit
    for part in name.split("."):
        if found is streamkit and part in ("state", "testing"):
            found = importlib.import_module(f"streamkit.{part}")
        else:
            found = getattr(found, part)
    return found


def options() -> set[str]:
    """Every keyword argument of a public class, its methods, and the options of stores."""
    found: set[str] = set()
    for each in (StoreOptions, StreamJoinOptions, WindowStoreOptions):
        found.update(typing.get_type_hints(each))
    names = (*streamkit.__all__, *(f"state.{name}" for name in streamkit.state.__all__))
    for name in names:
        cls = public(name)
        if inspect.isclass(cls):
            for _, method in inspect.getmembers(cls, inspect.isroutine):
                # Those of compiled classes are no functions; what is inherited from builtins has no signature.
                with contextlib.suppress(ValueError):
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


def named_methods() -> set[str]:
    """Java's methods in the first column; one without a class is of the class before it."""
    found: set[str] = set()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            owner = ""
            for name in re.findall(r"`([\w.]+)", line.split("|")[1]):
                owner = name.partition(".")[0] or owner
                found.add(owner + name if name.startswith(".") else name)
    return found


def test_every_java_method_has_a_row() -> None:
    missing = set(GOLDEN.read_text(encoding="utf-8").split()) - named_methods()
    assert sorted(missing) == []


@pytest.mark.kafka
def test_recorded_java_methods_are_those_of_the_jars() -> None:
    assert public_methods() == GOLDEN.read_text(encoding="utf-8").split()
