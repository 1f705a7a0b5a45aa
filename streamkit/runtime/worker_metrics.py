"""`/metrics` of workers for Prometheus, from what they report.

A supervisor serves those of all its workers, told apart by the label `worker`, a number from 0. Counters begin at 0
when a worker is started again, as Prometheus expects of a process.

| metric | further labels | Kafka Streams' name |
| --- | --- | --- |
| `streamkit_worker_state` | state | `state`: 1 for the one that it is in |
| `streamkit_worker_tasks` | state: running, restoring | |
| `streamkit_worker_processed_records_total` | | `process-total`, `process-rate` by `rate()` |
| `streamkit_worker_process_seconds_total` | | `process-latency-avg`, divided by the records |
| `streamkit_worker_sent_records_total` | | `record-send-total`, changelogs included |
| `streamkit_worker_dropped_records_total` | node, reason | `dropped-records-total` |
| `streamkit_worker_commits_total`, `streamkit_worker_commit_seconds_total` | | `commit-total`, `commit-latency-avg` |
| `streamkit_worker_commit_seconds_max` | | `commit-latency-max`, since the start |
| `streamkit_worker_punctuations_total` | | `punctuate-total` |
| `streamkit_worker_punctuate_seconds_total` | | `punctuate-latency-avg`, of the wall clock's |
| `streamkit_worker_rebalances_total` | | `rebalance-total` |
| `streamkit_worker_restored_records_total` | | `restore-total` |
| `streamkit_worker_restore_remaining_records` | | `restore-remaining-records-total` |
| `streamkit_worker_lag_records` | topic, partition | `records-lag`, with those fetched and not processed |
| `streamkit_worker_buffered_records`, `streamkit_worker_buffered_bytes` | | `input-buffer-bytes-total` |
| `streamkit_worker_store_entries` | task, store | `estimate-num-keys`, of key-value stores |
| `streamkit_worker_store_bytes` | task, store | `total-sst-files-size` |
| `streamkit_worker_cpu_seconds_total`, `streamkit_worker_memory_bytes` | | |
| `streamkit_worker_restarts_total` | | |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamkit.errors import ConfigError

__all__ = ["WorkerCollector", "serve_metrics"]

Reports = Callable[[], Mapping[int, Mapping[str, Any]]]
"""The latest report of each worker by its number: `WorkerStatus.as_dict`, and `restarts`."""

_JOIN_SECONDS = 5.0
_COUNTERS = {
    "processed_records": ("processed", "Records taken from source partitions."),
    "process_seconds": ("process_seconds", "Time spent in operators."),
    "sent_records": ("sent", "Records written, changelogs included."),
    "commits": ("commits", "Commits that went through."),
    "commit_seconds": ("commit_seconds", "Time that they took."),
    "punctuations": ("punctuations", "Calls of punctuators."),
    "punctuate_seconds": ("punctuate_seconds", "Time of those by the wall clock."),
    "rebalances": ("rebalances", "Assignments taken from the group."),
    "restored_records": ("restored", "Changelog records read into stores."),
    "cpu_seconds": ("cpu_seconds", "CPU time of the process."),
    "restarts": ("restarts", "How often the supervisor has started it again."),
}
_GAUGES = {
    "commit_seconds_max": ("slowest_commit_seconds", "The slowest commit since the start."),
    "buffered_records": ("buffered", "Records fetched and not processed yet."),
    "buffered_bytes": ("buffered_bytes", "Their size."),
    "memory_bytes": ("memory_bytes", "Resident memory of the process."),
}


class WorkerCollector(Collector):
    """The metrics of one or more workers; see the module. On any thread."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def collect(self) -> Iterator[Metric]:
        """Every metric, as of the latest reports."""
        reports = {str(number): report for number, report in self._reports().items() if report}
        for name, (field, text) in _COUNTERS.items():
            counter = CounterMetricFamily(f"streamkit_worker_{name}", text, labels=["worker"])
            for worker, report in reports.items():
                counter.add_metric([worker], report.get(field, 0))
            yield counter
        for name, (field, text) in _GAUGES.items():
            gauge = _gauge(name, text)
            for worker, report in reports.items():
                gauge.add_metric([worker], report.get(field, 0))
            yield gauge
        yield from _of_states(reports)
        yield from _of_records(reports)
        yield from _of_stores(reports)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"streamkit_worker_{name}", text, labels=["worker", *labels])


def _of_states(reports: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    state = _gauge("state", "1 for the state that the worker is in.", "state")
    tasks = _gauge("tasks", "Tasks that it owns.", "state")
    remaining = _gauge("restore_remaining_records", "Changelog records still to be read.")
    for worker, report in reports.items():
        running = report.get("running_tasks", 0)
        state.add_metric([worker, report.get("state", "starting")], 1)
        tasks.add_metric([worker, "running"], running)
        tasks.add_metric([worker, "restoring"], len(report.get("tasks", ())) - running)
        rest = report.get("restore_total", 0) - report.get("restore_done", 0)
        remaining.add_metric([worker], max(rest, 0))
    yield from (state, tasks, remaining)


def _of_records(reports: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    dropped = CounterMetricFamily(
        "streamkit_worker_dropped_records",
        "Records passed over.",
        labels=["worker", "node", "reason"],
    )
    lag = _gauge("lag_records", "Records not processed yet.", "topic", "partition")
    for worker, report in reports.items():
        for node, reason, count in report.get("dropped_by", ()):
            dropped.add_metric([worker, node, reason], count)
        for topic, partition, records in report.get("lags", ()):
            lag.add_metric([worker, topic, str(partition)], records)
    yield from (dropped, lag)


def _of_stores(reports: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    entries = _gauge("store_entries", "Entries of a key-value store, about.", "task", "store")
    size = _gauge("store_bytes", "Files of a store.", "task", "store")
    for worker, report in reports.items():
        for task, store, count, disk_bytes in report.get("stores", ()):
            if count is not None:
                entries.add_metric([worker, task, store], count)
            size.add_metric([worker, task, store], disk_bytes)
    yield from (entries, size)


def serve_metrics(host: str, port: int, reports: Reports) -> tuple[str, Callable[[], None]]:
    """Serve `/metrics` by HTTP, on a thread of its own.

    Args:
        host, port: where; port 0 takes a free one.
        reports: asked at each scrape.

    Returns:
        the URL, and what ends it.

    Raises:
        ConfigError: the address is taken, or isn't this machine's.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerCollector(reports))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(
            f"can't serve metrics on {host}:{port}: {error.strerror or error}; choose another address "
            "with --metrics"
        ) from error

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(_JOIN_SECONDS)

    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{server.server_port}/metrics", end
