"""A hundred thousand frames of all kinds of wrong against a live broker.

Each is answered, or its connection is closed, within a second; the broker's memory stays bounded; a
client beside it that behaves gets its work done.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import uuid
from collections import deque
from pathlib import Path

import pytest
from broker_lab import batch, fetch_request, values
from broker_process import BrokerProcess
from frame_fuzzer import TOPICS, FrameFuzzer
from wire_client import WireClient

from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    MetadataRequest,
    MetadataRequestTopic,
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

FRAMES = 100_000
LANES = 3
BURST = 6
PATIENCE_S = 1.0
HUNG_S = 20.0
MOST_GROWTH_KIB = 256 << 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]


class Lane:
    """Sends frames over one connection after the other, several before an answer is read.

    Attributes:
        answered, closed: how many frames ended which way.
        slow: frames that took longer than the patience, to be tried again alone.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.answered = 0
        self.closed = 0
        self.slow: list[bytes] = []

    def run(self, frames: deque[bytes]) -> None:
        while frames:
            with WireClient(self._bootstrap, timeout=HUNG_S) as client:
                open_ = True
                while frames and open_:
                    burst = [frames.popleft() for _ in range(min(BURST, len(frames)))]
                    done, open_ = self._burst(client, burst)
                    frames.extendleft(reversed(burst[done:]))

    def _burst(self, client: WireClient, burst: list[bytes]) -> tuple[int, bool]:
        """How many of the frames came to an end, and whether the connection is still open."""
        # Closed while we are sending: the answers before it can still be read.
        with contextlib.suppress(ConnectionError):
            client.send_bytes(b"".join(burst))
        for number, frame in enumerate(burst):
            start = time.monotonic()
            try:
                answer = client.receive_frame()
            except ConnectionError:
                answer = None
            except TimeoutError:
                pytest.fail(f"neither answered nor closed in {HUNG_S} s: {frame.hex()}")
            if time.monotonic() - start > PATIENCE_S:
                self.slow.append(frame)
            if answer is None:
                self.closed += 1
                return number + 1, False
            self.answered += 1
        return len(burst), True


class GoodClient(threading.Thread):
    """Produces to a topic of its own and reads it back, over and over."""

    TOPIC = "undisturbed"

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._address = bootstrap
        self.enough = threading.Event()
        self.rounds = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            create_topics(self._address, self.TOPIC)
            with WireClient(self._address, timeout=HUNG_S) as client:
                while not self.enough.is_set():
                    self._round(client)
                    self.rounds += 1
                    self.enough.wait(0.01)
        except BaseException as error:  # noqa: BLE001 - reported by the test
            self.error = error

    def _round(self, client: WireClient) -> None:
        value = b"round %d" % self.rounds
        data = PartitionProduceData(index=0, records=batch(value))
        request = ProduceRequest(
            acks=-1,
            timeout_ms=5000,
            topic_data=[TopicProduceData(name=self.TOPIC, partition_data=[data])],
        )
        written = client.ask(request, 9).responses[0].partition_responses[0]
        assert written.error_code == ErrorCode.NONE
        assert written.base_offset == self.rounds
        read = client.ask(fetch_request(self.TOPIC, [(0, self.rounds)]), 11)
        assert values(read.responses[0].partitions[0].records) == [value]


def create_topics(bootstrap: str, *names: str) -> list[uuid.UUID]:
    """Have the topics created by asking for them; their ids."""
    request = MetadataRequest(topics=[MetadataRequestTopic(name=name) for name in names])
    with WireClient(bootstrap) as client:
        while True:
            topics = client.ask(request, 12).topics
            if not any(topic.error_code for topic in topics):
                return [topic.topic_id for topic in topics]
            time.sleep(0.05)


def memory_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {field}")


def test_every_mutated_frame_ends_soon_and_disturbs_nobody(tmp_path: Path) -> None:
    settings = ("--set", "group.initial.rebalance.delay.ms=0")
    with (
        (tmp_path / "errors").open("w") as errors,
        BrokerProcess(tmp_path / "data", *settings, errors=errors) as running,
    ):
        assert running.process is not None
        good = GoodClient(running.bootstrap)
        good.start()
        ids = create_topics(running.bootstrap, *TOPICS)
        before = memory_kib(running.process.pid, "VmRSS")
        lanes = [Lane(running.bootstrap) for _ in range(LANES)]
        failures: list[BaseException] = []

        def work(lane: Lane, seed: int) -> None:
            try:
                lane.run(deque(FrameFuzzer(seed, ids).frames(FRAMES // LANES + 1)))
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)

        threads = [
            threading.Thread(target=work, args=(lane, seed)) for seed, lane in enumerate(lanes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

        # A busy machine may hold one up; what holds up by itself does so again.
        for frame in [frame for lane in lanes for frame in lane.slow]:
            start = time.monotonic()
            Lane(running.bootstrap).run(deque([frame]))
            assert time.monotonic() - start < PATIENCE_S, frame.hex()

        good.enough.set()
        good.join()
        assert good.error is None
        assert good.rounds > 10
        answered = sum(lane.answered for lane in lanes)
        closed = sum(lane.closed for lane in lanes)
        assert answered + closed >= FRAMES
        assert answered > FRAMES // 5, "too few frames got past the decoder"
        assert closed > FRAMES // 5, "too few frames were wrong"
        growth = memory_kib(running.process.pid, "VmHWM") - before
        assert growth < MOST_GROWTH_KIB, f"memory grew by {growth} KiB at its peak"
        assert running.process.poll() is None
        assert running.terminate()[0] == 0
        said = (tmp_path / "errors").read_text()
        assert "Traceback" not in said, said[max(0, said.index("Traceback") - 500) :][:4000]


def test_a_frame_that_never_comes_whole_holds_up_nobody(tmp_path: Path) -> None:
    """Clients that announce a request and send half of it, while others are served."""
    with BrokerProcess(tmp_path / "data") as running:
        host, _, port = running.bootstrap.rpartition(":")
        halves = []
        for frame in FrameFuzzer(99).frames(200):
            half = socket.create_connection((host, int(port)))
            half.sendall(b"\x00\x10\x00\x00" + frame)
            halves.append(half)
        good = GoodClient(running.bootstrap)
        good.start()
        deadline = time.monotonic() + HUNG_S
        while good.rounds < 20 and good.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        good.enough.set()
        good.join()
        for half in halves:
            half.close()
        assert good.error is None
        assert good.rounds >= 20
