"""The judges that pip doesn't install: which of them this machine lacks, and what then becomes of their tests.

They are skipped; with `STREAMKIT_ALL_JUDGES=1`, as `.ci/run` has it, they fail: a run that asks nobody shows nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

import pytest
from java import jars_fetched

__all__ = ["ALL_JUDGES", "missing", "need"]

ALL_JUDGES = "STREAMKIT_ALL_JUDGES"

_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "java": ("java", "mvn"),
    "kafka-tools": ("java", "mvn"),
    "kcat": ("kcat",),
    "kafkajs": ("node", "npm"),
    "franz-go": ("go",),
}
_INSTALLED_AS: Mapping[str, str] = {
    "java": "the JDK of Java 17",
    "mvn": "Maven, which fetches Kafka's jars",
    "kcat": "kcat, or apt-get to fetch it",
    "node": "Node.js",
    "npm": "npm, which comes with Node.js",
    "go": "Go",
}


def missing(judge: str) -> list[str]:
    """What would have to be installed before the judge can be asked here."""
    return [_INSTALLED_AS[one] for one in _PROGRAMS[judge] if not _there(one)]


def need(judge: str) -> None:
    """Skip the test that calls it if the judge isn't there; or fail it, if all of them are wanted."""
    lacks = missing(judge)
    if not lacks:
        return
    if os.environ.get(ALL_JUDGES, "") not in ("", "0"):
        pytest.fail(f"{ALL_JUDGES} wants {judge} to be asked: install {'; '.join(lacks)}")
    pytest.skip(f"{judge} needs {'; '.join(lacks)}")


def _there(program: str) -> bool:
    if program == "mvn" and jars_fetched():
        return True
    if program == "kcat" and shutil.which("apt-get") is not None:
        return True
    return shutil.which(program) is not None
