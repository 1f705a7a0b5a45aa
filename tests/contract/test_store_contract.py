"""One suite for every store kind over every backend. A new kind or backend is one entry in the table."""

from __future__ import annotations

import pytest
import store_model as model
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

MACHINES = [
    model.KeyValueMachine,
    model.TimestampedKeyValueMachine,
    model.WindowMachine,
    model.TimestampedWindowMachine,
    model.DuplicatesMachine,
    model.SessionMachine,
    model.VersionedMachine,
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
@pytest.mark.parametrize("backend", ["memory", "rocksdb"])
def test_store_behaves_as_a_plain_dict(machine: type, backend: str) -> None:
    """Over writes, commits in steps, aborts, restarts and restores from the changelog."""
    run(machine, backend)


@pytest.mark.parametrize(
    "machine",
    [model.SuppressBufferMachine, model.JoinBufferMachine],
    ids=lambda machine: machine.__name__,
)
def test_buffer_behaves_as_a_sorted_list(machine: type) -> None:
    """Over the same; buffers live in memory and in the changelog."""
    run(machine, "memory")


def run(machine: type, backend: str) -> None:
    subject = type(machine.__name__, (machine,), {"backend": backend})
    examples = 40 if backend == "memory" else 10
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
