"""`python -m bench.micro_produce`: where the broker's microseconds of one acknowledged record go.

A Produce request of one record of 100 bytes goes through a connection without a socket, again and again, and then
through each step alone. Steps alone find everything in the processor's caches, so that they add up to less than
the whole. Processor time of this thread, the best of many short runs. Run it with a compiled streamkit, too.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from bench.acknowledgement import produce_frame
from streamkit._version import build_mode
from streamkit.log.broker.connection import ClientConnection
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import apis
from streamkit.log.broker.server import BrokerServer
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.protocol import decode_request, decode_request_header
from streamkit.log.protocol.codec import encode_struct
from streamkit.log.storage.appending import PreparedAppend, prepare
from streamkit.log.storage.producer_state import ProducerStates

RUNS, CALLS = 1_000, 20  # so short that some have the processor to themselves


class NoSocket(asyncio.Transport):
    """Takes what is written, and keeps the last of it."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written = bytes(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def microseconds(step: Callable[[], object]) -> float:
    """Of one call, in the best run."""
    best = float("inf")
    for _ in range(RUNS):
        begun = time.thread_time()
        for _ in range(CALLS):
            step()
        best = min(best, (time.thread_time() - begun) / CALLS)
    return best * 1e6


async def measured(folder: Path) -> dict[str, float]:
    """Microseconds by step."""
    values = {"log.dirs": str(folder / "data"), "listeners": "127.0.0.1:0"}
    server = BrokerServer(BrokerSettings.from_properties(values))
    await server.start()
    broker = server.broker
    broker.create_topic("t", 1, {})
    connection = ClientConnection(server, 1, "127.0.0.1")
    connection.connection_made(cast(asyncio.BaseTransport, NoSocket()))
    whole = produce_frame("t")

    def through_the_connection() -> None:
        connection.get_buffer(len(whole))[: len(whole)] = whole
        connection.buffer_updated(len(whole))

    found = {"the whole, without the socket": microseconds(through_the_connection)}
    frame = memoryview(bytearray(whole))[4:]
    header = decode_request_header(frame)
    request = decode_request(header, frame)
    context = RequestContext(header.api_version, broker.clock.now_ms())
    api = apis()[header.api_key]
    answer = api.handler(broker, request, context)
    records = request.topic_data[0].partition_data[0].records
    log = broker.partition_log("t", 0)
    states = ProducerStates(log.topic_partition)

    def judged() -> PreparedAppend:
        return prepare(
            *(records, log.config, states, log.topic_partition),
            offset=0,
            leader_epoch=0,
            now_ms=context.now_ms,
            from_client=True,
        )

    prepared = judged()
    found["decode header and request"] = microseconds(
        lambda: decode_request(decode_request_header(frame), frame)
    )
    found["answer it"] = microseconds(lambda: api.handler(broker, request, context))
    found["  append the batch"] = microseconds(lambda: log.append(records, now_ms=context.now_ms))
    found["    judge it, stamp its offsets"] = microseconds(judged)
    segment = log.segments[-1]
    found["    write it, note it in the index"] = microseconds(
        lambda: segment.append(prepared.data, prepared.batches)
    )
    found["encode the answer"] = microseconds(lambda: encode_struct(answer, header.api_version))
    connection.connection_lost(None)
    await server.kill()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder)))
    print(f"one record of 100 bytes, {build_mode()}")
    for step, figure in found.items():
        print(f"{figure:8.1f} µs  {step}")


if __name__ == "__main__":
    main()
