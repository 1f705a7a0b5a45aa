"""One suite for every store kind over every backend. A new kind or backend is one entry in the table."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test


def _load(name: str) -> ModuleType:
    """A module beside this file; the tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


model = _load("store_model")

MACHINES = [
    model.KeyValueMachine,
    model.TimestampedKeyValueMachine,
    model.WindowMachine,
    model.TimestampedWindowMachine,
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.kind.value)
@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
def test_store_behaves_as_a_plain_dict(machine: type, backend: str) -> None:
    """Over writes, commits in steps, aborts, restarts and restores from the changelog."""
    subject = type(machine.__name__, (machine,), {"backend": backend})
    examples = 60 if backend == "memory" else 15
    run_state_machine_as_test(
        subject,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
