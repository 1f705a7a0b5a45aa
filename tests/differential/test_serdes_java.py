"""Serdes that Kafka has too: the bytes of Kafka 4.3.0's own, both ways, for random values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest
from java import JAVA_FOLDER, run_java

import streamkit as sk

pytestmark = pytest.mark.kafka

WINDOW_MS = 10
TEXT, WHOLE = sk.serde_for(str), sk.serde_for(int)
SERDES: dict[str, sk.Serde[Any]] = {
    "string": TEXT,
    "long": WHOLE,
    "double": sk.serde_for(float),
    "boolean": sk.serde_for(bool),
    "uuid": sk.UUIDSerde(),
    "longs": sk.ListSerde(WHOLE),
    "strings": sk.ListSerde(TEXT),
    "time": sk.TimeWindowedSerde(TEXT, WINDOW_MS),
    "session": sk.SessionWindowedSerde(TEXT),
}


def a_text(random: Random) -> str:
    return "".join(random.choice("aé\u20ac😀 \x00") for _ in range(random.randrange(5)))


def a_long(random: Random) -> int:
    return random.choice((0, -1, 2**63 - 1, -(2**63), random.randrange(-(10**6), 10**6)))


def a_time(random: Random) -> int:
    return random.choice((0, 1, 1_700_000_000_000, random.randrange(10**6)))


def sometimes_none(random: Random, value: Any) -> Any:
    return None if random.random() < 0.3 else value


def a_session(random: Random) -> tuple[str, int, int]:
    start = a_time(random)
    return a_text(random), start, start + random.randrange(100)


MAKE: dict[str, Callable[[Random], Any]] = {
    "string": a_text,
    "long": a_long,
    "double": lambda random: random.choice((0.0, -0.5, 1e300, random.random())),
    "boolean": lambda random: random.random() < 0.5,
    "uuid": lambda random: str(UUID(int=random.getrandbits(128))),
    "longs": lambda random: [
        sometimes_none(random, a_long(random)) for _ in range(random.randrange(4))
    ],
    # Kafka's own reader stops at an empty text at the end of a list.
    "strings": lambda random: [
        sometimes_none(random, a_text(random) + "z") for _ in range(random.randrange(4))
    ],
    "time": lambda random: (a_text(random), a_time(random)),
    "session": a_session,
}


def ours(kind: str, value: Any) -> Any:
    """The value as our serde takes it."""
    if kind == "uuid":
        return UUID(value)
    if kind == "time":
        return sk.Windowed(value[0], sk.Window(value[1], value[1] + WINDOW_MS))
    if kind == "session":
        return sk.Windowed(value[0], sk.Window(value[1], value[2]))
    return value


def as_java_shows(kind: str, value: Any) -> str:
    if kind in ("time", "session"):
        end = value[1] + WINDOW_MS if kind == "time" else value[2]
        return f"{value[0]}@{value[1]}-{end}"
    if kind in ("longs", "strings"):
        return "[" + ", ".join("null" if entry is None else str(entry) for entry in value) + "]"
    return "true" if value is True else "false" if value is False else str(value)


def test_bytes_are_those_of_kafkas_serdes() -> None:
    random = Random(7)
    cases = [(kind, make(random)) for kind, make in MAKE.items() for _ in range(40)]
    written = [SERDES[kind].serialize("t", ours(kind, value)) for kind, value in cases]
    lines = [
        json.dumps([kind, value, data.hex()])
        for (kind, value), data in zip(cases, written, strict=True)
    ]
    answers = run_java(JAVA_FOLDER / "SerdeBytes.java", stdin="\n".join(lines) + "\n").splitlines()
    assert len(answers) == len(cases)
    for (kind, value), data, line in zip(cases, written, answers, strict=True):
        theirs, shown = json.loads(line)
        assert data.hex() == theirs, (kind, value)
        if kind == "double":
            assert math.isclose(float(shown), value)
        else:
            assert shown == as_java_shows(kind, value)
        assert SERDES[kind].deserialize("t", bytes.fromhex(theirs)) == ours(kind, value)
