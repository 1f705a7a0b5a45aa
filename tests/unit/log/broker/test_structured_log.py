"""Log lines as JSON: what a program that collects them can rely on."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from streamkit.errors import CorruptRecordError
from streamkit.log.broker.structured_log import JsonFormatter


@pytest.fixture
def lines() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("streamkit.log.test")
    logger.addHandler(handler)
    return logger, stream


def last(stream: io.StringIO) -> dict[str, Any]:
    *_, line = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_line_is_one_object(lines: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = lines
    logger.warning("two\nlines of %s", "ünïcode")
    found = last(stream)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "WARNING",
        "logger": "streamkit.log.test",
        "message": "two\nlines of ünïcode",
    }


def test_damage_is_told_by_its_place(lines: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = lines
    error = CorruptRecordError("damaged", path="/d/t-3/0.log", topic_partition=("t", 3), position=7)
    logger.error("%s: %s", "Fetch", error)
    found = last(stream)
    place = {"topic": "t", "partition": 3, "segment": "/d/t-3/0.log", "position": 7}
    assert place.items() <= found.items()
    assert found["message"] == "Fetch: damaged"


def test_traceback_and_facts_stand_by_themselves(
    lines: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = lines
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        logger.exception("failed", extra={"facts": {"peer": "/1.2.3.4:5"}})
    found = last(stream)
    assert found["peer"] == "/1.2.3.4:5"
    assert "ZeroDivisionError: a bug" in found["exception"]
