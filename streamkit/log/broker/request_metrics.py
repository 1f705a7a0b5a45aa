"""What a broker's connections count: requests, their latencies and bytes, by API.

Plain numbers on the broker's loop; `metrics_endpoint` shows them. A broker that nobody watches has none, and its
connections pay a comparison a request.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable

from streamkit.log.protocol import ApiKey

__all__ = ["LATENCY_BOUNDS", "ApiMetrics", "RequestMetrics"]

LATENCY_BOUNDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the latency buckets in seconds; one bucket more holds the rest."""


class ApiMetrics:
    """The counts of one API.

    Attributes:
        seconds: the sum of all latencies, from taking a request up to writing its answer.
        buckets: how many latencies fell into each of `LATENCY_BOUNDS`, and above.
    """

    __slots__ = ("buckets", "bytes_in", "bytes_out", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENCY_BOUNDS) + 1)
        self.seconds = 0.0
        self.bytes_in = 0
        self.bytes_out = 0


class RequestMetrics:
    """The counts of all APIs.

    Args:
        timer: seconds on a steady clock.
    """

    def __init__(self, timer: Callable[[], float] = time.perf_counter) -> None:
        self.timer = timer
        self.apis: dict[ApiKey, ApiMetrics] = {}

    def answered(self, api: ApiKey, began: float, bytes_in: int, bytes_out: int) -> None:
        """A request that was taken up at `began` is done with; `bytes_out` 0: without an answer."""
        found = self.apis.get(api)
        if found is None:
            found = self.apis[api] = ApiMetrics()
        seconds = self.timer() - began
        found.buckets[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        found.seconds += seconds
        found.bytes_in += bytes_in
        found.bytes_out += bytes_out
