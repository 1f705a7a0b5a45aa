"""`python -m bench.acknowledgement`: how long a broker takes to acknowledge one record, and what that costs it.

The client is next to nothing: a request that was encoded once, sent and answered on a blocking socket. The
brokers take turns, a few hundred requests each, so that what else the machine does meets all of them alike. An
echo server on the same event loop as the bundled broker's, which answers with as many bytes and does nothing else, is
the floor: what lies between is the broker's own. Needs Java 17 and Maven.

Options: `--requests N` (20,000) for each; `--python PYTHON`, once or more: interpreters to run the bundled broker
on; without it this one, and the compiled one if `make bench` has made it.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.brokers import Broker, apache_kafka, bundled_broker, installed_python, is_compiled
from bench.processes import cost_of, stop
from streamkit.log.client import Admin, NewTopic
from streamkit.log.protocol import decode_response, encode_request
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

from broker_lab import batch, fetch_request  # isort: skip - after the path that `brokers` adds

__all__ = ["Latencies", "quantile", "round_trips"]

REQUESTS = 20_000
_TURN = 250
_PRODUCE, _PRODUCE_VERSION, _FETCH_VERSION = 0, 9, 12
_ECHO = """
import asyncio

ANSWER = (48).to_bytes(4, "big") + bytes(48)

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print("127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

try:
    import uvloop
except ImportError:
    asyncio.run(main())
else:
    uvloop.run(main())
"""


class RawClient:
    """A connection that sends frames as they are and waits for one answer at a time."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send = self._socket.send

    def receive(self) -> bytes:
        """One whole answer, with its length."""
        got = self._socket.recv(65_536)
        while len(got) < 4 + int.from_bytes(got[:4], "big"):
            more = self._socket.recv(65_536)
            if not more:
                raise RuntimeError("the broker has closed the connection")
            got += more
        return got

    def ask(self, frame: bytes, count: int) -> tuple[list[float], bytes]:
        """Send the same request so often; the seconds until each answer, and the last one."""
        taken, clock = [], time.perf_counter
        for _ in range(count):
            begun = clock()
            self.send(frame)
            answer = self.receive()
            taken.append(clock() - begun)
        return taken, answer

    def close(self) -> None:
        self._socket.close()


@dataclass(slots=True)
class Latencies:
    """Seconds of single records: until their acknowledgement, and until a waiting consumer has them."""

    acknowledged: list[float] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0


def quantile(seconds: Sequence[float], share: float) -> float:
    """What so large a share of them stays below."""
    return sorted(seconds)[int(len(seconds) * share)]


def produce_frame(topic: str, acks: int = -1) -> bytes:
    """A whole Produce request with one record of 100 bytes."""
    record = batch(b"x" * 100, timestamp=int(time.time() * 1000))
    data = PartitionProduceData(index=0, records=record)
    request = ProduceRequest(
        acks=acks,
        timeout_ms=5_000,
        topic_data=[TopicProduceData(name=topic, partition_data=[data])],
    )
    return encode_request(request, _PRODUCE_VERSION, 1, "bench")


class Producer:
    """Writes single records to the one partition of a topic of its own."""

    def __init__(self, broker: Broker, topic: str) -> None:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic(topic, 1)])
        self.broker = broker
        self._topic = topic
        self._frame = produce_frame(topic)
        self._writer = RawClient(broker.bootstrap)
        self._reader = RawClient(broker.bootstrap)
        self._written = 0

    def acknowledge(self, count: int) -> list[float]:
        """Seconds until each of `count` records is acknowledged, one after the other."""
        taken, answer = self._writer.ask(self._frame, count)
        self._check(answer, count)
        return taken

    def deliver(self, count: int) -> list[float]:
        """Seconds until each of `count` records is with a consumer that waits for it."""
        taken = []
        for number in range(self._written, self._written + count):
            fetch = fetch_request(self._topic, [(0, number)], max_wait_ms=1_000)
            self._reader.send(encode_request(fetch, _FETCH_VERSION, 1, "bench"))
            begun = time.perf_counter()
            self._writer.send(self._frame)
            self._reader.receive()
            taken.append(time.perf_counter() - begun)
            answer = self._writer.receive()
        self._check(answer, count)
        return taken

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        with Admin(self.broker.bootstrap) as admin:
            admin.delete_topics([self._topic])

    def _check(self, answer: bytes, count: int) -> None:
        """The last answer tells that all records before it have been taken."""
        self._written += count
        found = decode_response(_PRODUCE, _PRODUCE_VERSION, answer[4:])[1]
        partition = found.responses[0].partition_responses[0]
        if partition.error_code or partition.base_offset != self._written - 1:
            raise RuntimeError(f"{self.broker.name} refused or lost a record: {partition}")


def round_trips(
    brokers: Sequence[Broker], requests: int, *, topic: str = "round-trips"
) -> dict[str, Latencies]:
    """The latencies of each broker, by name; they take turns, and as many requests before warm them up."""
    found = {broker.name: Latencies() for broker in brokers}
    producers = [Producer(broker, topic) for broker in brokers]
    try:
        for measured in (False, True):
            for _ in range(max(1, requests // _TURN)):
                for producer in producers:
                    of_broker = found[producer.broker.name] if measured else Latencies()
                    before = cost_of(producer.broker.pid).cpu_seconds
                    of_broker.acknowledged += producer.acknowledge(_TURN)
                    of_broker.cpu_seconds += cost_of(producer.broker.pid).cpu_seconds - before
            for _ in range(max(1, requests // _TURN // 4)):
                for producer in producers:
                    of_broker = found[producer.broker.name] if measured else Latencies()
                    of_broker.arrived += producer.deliver(_TURN)
    finally:
        for producer in producers:
            producer.close()
    return found


def echoes(requests: int) -> Latencies:
    """What a server takes that answers at once."""
    process = subprocess.Popen([sys.executable, "-c", _ECHO], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        client = RawClient(process.stdout.readline().decode().strip())
        frame = produce_frame("nowhere")
        client.ask(frame, requests // 4)
        before = cost_of(process.pid).cpu_seconds
        taken, _ = client.ask(frame, requests)
        client.close()
        return Latencies(taken, cpu_seconds=cost_of(process.pid).cpu_seconds - before)
    finally:
        stop(process)


def table(found: dict[str, Latencies]) -> Table:
    """Microseconds of each contender; ratios against Kafka."""
    drawn = Table(title="One record of 100 bytes, acks=all, no load beside it")
    for heading in ("", "p50 µs", "ratio", "p99 µs", "ratio", "end to end p50", "ratio", "CPU µs"):
        drawn.add_column(heading, justify="right" if heading else "left")
    for name, of_broker in found.items():
        cells = [name]
        for times, share in (("acknowledged", 0.5), ("acknowledged", 0.99), ("arrived", 0.5)):
            ours, kafka = (getattr(each, times) for each in (of_broker, found["kafka"]))
            if not ours:
                cells += ["", ""]
                continue
            mine, theirs = quantile(ours, share), quantile(kafka, share)
            cells += [f"{mine * 1e6:.1f}", f"{mine / theirs:.2f}"]
        cost = of_broker.cpu_seconds / len(of_broker.acknowledged)
        drawn.add_row(*cells, f"{cost * 1e6:.1f}")
    return drawn


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.acknowledgement", description=__doc__)
    options.add_argument("--requests", type=int, default=REQUESTS)
    options.add_argument("--python", action="append", default=[])
    chosen = options.parse_args()
    pythons = chosen.python or list(dict.fromkeys((sys.executable, installed_python())))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        brokers = [stack.enter_context(apache_kafka(folder / "kafka"))]
        for number, python in enumerate(pythons):
            kind = "compiled" if is_compiled(python) else "interpreted"
            name = f"streamkit, {kind}"
            if any(broker.name == name for broker in brokers):
                name += f" ({python})"
            place = folder / f"streamkit-{number}"
            brokers.append(stack.enter_context(bundled_broker(place, python, name=name)))
        found = {"floor: an echo": echoes(chosen.requests)}
        found |= round_trips(brokers, chosen.requests)
    Console(width=110).print(table(found))


if __name__ == "__main__":
    main()
