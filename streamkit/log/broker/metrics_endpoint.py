"""`/metrics` for Prometheus, served on the broker's own loop, which owns all that it shows.

| metric | labels | |
| --- | --- | --- |
| `streamkit_request_seconds` | api | histogram: count and latency of requests |
| `streamkit_received_bytes_total`, `streamkit_sent_bytes_total` | api | requests and answers |
| `streamkit_connections` | | clients connected now |
| `streamkit_flight_bytes` | what | memory for large requests that are arriving, and for answers not yet taken |
| `streamkit_topic_partitions` | topic | |
| `streamkit_log_size_bytes` | topic | segments of its partitions |
| `streamkit_log_start_offset`, `streamkit_log_end_offset` | topic, partition | the first offset, and the one after the last |
| `streamkit_failed_logs` | | logs that can't be opened |
| `streamkit_groups` | state | consumer groups |
| `streamkit_group_members` | group | |
| `streamkit_group_lag` | group, topic, partition | records after the committed offset |

CPU, memory and open files of the process come with them under Prometheus' own names.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from streamkit.log.broker.broker import Broker
from streamkit.log.broker.request_metrics import LATENCY_BOUNDS, RequestMetrics
from streamkit.log.broker.server import AddressInUseError, BrokerServer

__all__ = ["BrokerCollector", "MetricsEndpoint"]

logger = logging.getLogger(__name__)

_REQUEST_BYTES = 16 << 10
_REQUEST_SECONDS = 10.0


class BrokerCollector(Collector):
    """The metrics of one broker; see the module. On the broker's thread only."""

    def __init__(self, server: BrokerServer, requests: RequestMetrics) -> None:
        self._server = server
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        """Every metric, as of now."""
        yield from self._of_requests()
        yield GaugeMetricFamily(
            "streamkit_connections", "Clients connected.", value=self._server.connections
        )
        broker = self._server.broker
        flight = GaugeMetricFamily(
            "streamkit_flight_bytes", "Memory of requests and answers in flight.", labels=["what"]
        )
        flight.add_metric(["requests"], broker.memory.request_bytes)
        flight.add_metric(["answers"], broker.memory.answer_bytes)
        yield flight
        yield from _of_logs(broker)
        yield from _of_groups(broker)

    def _of_requests(self) -> Iterator[Metric]:
        seconds = HistogramMetricFamily(
            "streamkit_request_seconds", "From taking up to answering.", labels=["api"]
        )
        received = CounterMetricFamily(
            "streamkit_received_bytes", "Bytes of requests.", labels=["api"]
        )
        sent = CounterMetricFamily("streamkit_sent_bytes", "Bytes of answers.", labels=["api"])
        bounds = [*(str(bound) for bound in LATENCY_BOUNDS), "+Inf"]
        for key, api in self._requests.apis.items():
            counts = itertools.accumulate(api.buckets)
            buckets = list(zip(bounds, map(float, counts), strict=True))
            seconds.add_metric([key.name], buckets, api.seconds)
            received.add_metric([key.name], api.bytes_in)
            sent.add_metric([key.name], api.bytes_out)
        yield from (seconds, received, sent)


def _of_logs(broker: Broker) -> Iterator[Metric]:
    partitions = GaugeMetricFamily(
        "streamkit_topic_partitions", "Partitions of the topic.", labels=["topic"]
    )
    size = GaugeMetricFamily(
        "streamkit_log_size_bytes", "Bytes of the topic's segments.", labels=["topic"]
    )
    end = GaugeMetricFamily(
        "streamkit_log_end_offset",
        "The offset after the last record.",
        labels=["topic", "partition"],
    )
    start = GaugeMetricFamily(
        "streamkit_log_start_offset", "The first offset.", labels=["topic", "partition"]
    )
    failed = GaugeMetricFamily(
        "streamkit_failed_logs", "Logs that can't be opened.", value=len(broker.logs.failed)
    )
    sizes: Counter[str] = Counter()
    for log in broker.logs.logs():
        topic, partition = log.topic_partition
        sizes[topic] += log.size_bytes
        start.add_metric([topic, str(partition)], log.log_start_offset)
        end.add_metric([topic, str(partition)], log.end_offset)
    for topic, count in broker.partition_counts().items():
        partitions.add_metric([topic], count)
    for topic, in_bytes in sizes.items():
        size.add_metric([topic], in_bytes)
    yield from (partitions, size, start, end, failed)


def _of_groups(broker: Broker) -> Iterator[Metric]:
    states = GaugeMetricFamily("streamkit_groups", "Consumer groups.", labels=["state"])
    members = GaugeMetricFamily(
        "streamkit_group_members", "Members of the group.", labels=["group"]
    )
    lag = GaugeMetricFamily(
        "streamkit_group_lag",
        "Records after the committed offset.",
        labels=["group", "topic", "partition"],
    )
    groups = broker.groups.groups()
    for state, count in Counter(str(group.state.value) for group in groups).items():
        states.add_metric([state], count)
    for group in groups:
        members.add_metric([group.group_id], len(group.members))
        for topic_partition, committed in broker.groups.committed(group.group_id).items():
            log = broker.logs.get(topic_partition)
            end_offset = 0 if log is None else log.high_watermark
            topic, partition = topic_partition
            labels = [group.group_id, topic, str(partition)]
            lag.add_metric(labels, max(0, end_offset - committed.offset))
    yield from (states, members, lag)


class _Found(Collector):
    """Metrics that were looked up before."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _as_text(found: list[Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(found))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class MetricsEndpoint:
    """Serves `/metrics` by HTTP.

    Args:
        host, port: where; port 0 takes a free one.

    Attributes:
        requests: what the broker's connections count; the server is made with it.
    """

    def __init__(self, host: str, port: int) -> None:
        self.requests = RequestMetrics()
        self._address = (host, port)
        self._collector: Collector | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, server: BrokerServer) -> str:
        """Listen, and show what there is of a started broker; the URL.

        Raises:
            AddressInUseError: the address is taken, or isn't this machine's.
        """
        host, port = self._address
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_REQUEST_BYTES)
        except OSError as error:
            raise AddressInUseError(
                f"can't serve metrics on {host}:{port}: {error.strerror}; choose another address "
                "with --metrics",
                address=f"{host}:{port}",
            ) from error
        self._collector = BrokerCollector(server, self.requests)
        bound = self._server.sockets[0].getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{bound}/metrics"
        logger.info("metrics on %s", url)
        return url

    async def stop(self) -> None:
        """Stop listening, and close what is open."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close: Prometheus asks a few times a minute."""
        self._open.add(writer)
        try:
            with contextlib.suppress(
                OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                async with asyncio.timeout(_REQUEST_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(await self._answer(head))
                    await writer.drain()
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        status, kind, body = "404 Not Found", "text/plain", b"see /metrics\n"
        if path == b"/metrics" and method in (b"GET", b"HEAD"):
            assert self._collector is not None
            # Looked up on this loop, which owns it; put into words elsewhere, since with many partitions
            # that takes long.
            found = list(self._collector.collect())
            body = await asyncio.get_running_loop().run_in_executor(None, _as_text, found)
            status, kind = "200 OK", CONTENT_TYPE_LATEST
        lines = (
            f"HTTP/1.1 {status}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            "",
            "",
        )
        return "\r\n".join(lines).encode() + (b"" if method == b"HEAD" else body)
