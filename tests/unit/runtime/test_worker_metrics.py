"""What `/metrics` of workers shows of their reports, read as Prometheus would."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamkit.errors import ConfigError
from streamkit.model import TaskId
from streamkit.runtime.worker_metrics import __doc__ as told
from streamkit.runtime.worker_metrics import serve_metrics
from streamkit.runtime.worker_status import PartitionLag, StoreSize, WorkerStatus

STATUS = WorkerStatus(
    "running",
    (TaskId(0, 0), TaskId(0, 1)),
    restore_total=10,
    restore_done=4,
    processed=1_000,
    sent=900,
    dropped={("window", "late"): 7},
    commits=3,
    running_tasks=1,
    restored=44,
    commit_seconds=0.75,
    slowest_commit_seconds=0.5,
    process_seconds=2.5,
    punctuations=12,
    punctuate_seconds=0.125,
    rebalances=2,
    buffered=30,
    buffered_bytes=3_000,
    lags=(PartitionLag("orders", 1, 42),),
    stores=(StoreSize("0_0", "totals", 5, 4_096), StoreSize("0_0", "windows", None, 512)),
    cpu_seconds=1.5,
    memory_bytes=50_000_000,
)

Samples = dict[str, dict[tuple[str, ...], float]]


def scrape(reports: Mapping[int, Mapping[str, Any]]) -> Samples:
    """Values by name and the labels' values: the worker, then the others in the order of their names."""
    url, end = serve_metrics("127.0.0.1", 0, lambda: reports)
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
    finally:
        end()
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("streamkit_worker_")
            labels = dict(sample.labels)
            key = (labels.pop("worker"), *(labels[label] for label in sorted(labels)))
            found.setdefault(name, {})[key] = sample.value
    return found


def test_every_figure_of_a_report_is_shown() -> None:
    found = scrape({0: STATUS.as_dict()})
    plain = {name: values[("0",)] for name, values in found.items() if list(values) == [("0",)]}
    assert plain == {
        "processed_records_total": 1_000,
        "process_seconds_total": 2.5,
        "sent_records_total": 900,
        "commits_total": 3,
        "commit_seconds_total": 0.75,
        "commit_seconds_max": 0.5,
        "punctuations_total": 12,
        "punctuate_seconds_total": 0.125,
        "rebalances_total": 2,
        "restored_records_total": 44,
        "restore_remaining_records": 6,
        "buffered_records": 30,
        "buffered_bytes": 3_000,
        "cpu_seconds_total": 1.5,
        "memory_bytes": 50_000_000,
        "restarts_total": 0,
    }
    labelled = {name: values for name, values in found.items() if name not in plain}
    assert labelled == {
        "state": {("0", "running"): 1},
        "tasks": {("0", "running"): 1, ("0", "restoring"): 1},
        "dropped_records_total": {("0", "window", "late"): 7},
        "lag_records": {("0", "1", "orders"): 42},
        "store_entries": {("0", "totals", "0_0"): 5},
        "store_bytes": {("0", "totals", "0_0"): 4_096, ("0", "windows", "0_0"): 512},
    }


def test_every_metric_is_told_in_the_module() -> None:
    assert told is not None
    for name in scrape({0: STATUS.as_dict()}):
        assert f"`streamkit_worker_{name}`" in told


def test_every_field_of_the_status_goes_into_the_report() -> None:
    assert {field.name for field in fields(WorkerStatus)} <= set(STATUS.as_dict())


def test_workers_are_told_apart() -> None:
    other = {**STATUS.as_dict(), "processed": 5, "restarts": 2}
    found = scrape({0: STATUS.as_dict(), 1: other, 2: {"restarts": 1}})
    assert found["processed_records_total"] == {("0",): 1_000, ("1",): 5, ("2",): 0}
    assert found["restarts_total"] == {("0",): 0, ("1",): 2, ("2",): 1}
    assert found["state"][("2", "starting")] == 1


def test_address_that_is_taken_is_a_clear_error() -> None:
    url, end = serve_metrics("127.0.0.1", 0, dict)
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    with pytest.raises(ConfigError, match="can't serve metrics"):
        serve_metrics("127.0.0.1", port, dict)
    end()
