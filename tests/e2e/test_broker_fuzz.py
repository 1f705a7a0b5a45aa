"""Damaged frames of every API, pipelined with sound ones: each is answered or the connection closed, soon.

`test_mutated_frames` sends many more, of more kinds; this is the quick run of every day.

Meanwhile another client produces and fetches undisturbed, and the broker's memory stays bounded.
"""

from __future__ import annotations

import asyncio
import random
import struct
from pathlib import Path

import pytest
from broker_lab import batch, fetch_request, values
from broker_process import BrokerProcess
from request_frames import damaged, sound_frames
from wire_client import WireClient

from streamkit.log.protocol import ApiKey, encode_request
from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest
from streamkit.log.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from streamkit.log.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)

_LANES = 8
_PROBE = 0x5EED
_PROBE_FRAME = encode_request(ApiVersionsRequest(), 0, _PROBE, "probe")
_MAY_WAIT = {ApiKey.FETCH, ApiKey.JOIN_GROUP, ApiKey.SYNC_GROUP}
"""A damaged one of these may say in good form that it wants to wait."""


async def send_all(bootstrap: str, count: int, seed: int) -> list[str]:
    """Send `count` damaged frames, each followed by a request that must be answered or find the door shut."""
    chance = random.Random(seed)
    frames = sound_frames()
    host, _, port = bootstrap.rpartition(":")
    complaints: list[str] = []
    left = iter(range(count))

    async def lane() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in left:
            # Every API in turn, so that all get their share.
            frame = damaged(frames[number % len(frames)], chance)
            try:
                async with asyncio.timeout(1):
                    writer.write(frame + _PROBE_FRAME)
                    if struct.unpack_from(">i", frame)[0] != len(frame) - 4:
                        # It may be waiting for the rest of the request, which never comes.
                        writer.write_eof()
                    alive = await _until_probe(reader)
            except TimeoutError:
                alive = False
                (key,) = struct.unpack_from(">h", frame.ljust(6, b"\0"), 4)
                if key not in _MAY_WAIT:
                    complaints.append(f"no answer within a second: {frame.hex()}")
            except ConnectionError:
                alive = False
            if not alive:
                writer.close()
                reader, writer = await asyncio.open_connection(host, int(port))
        writer.close()

    await asyncio.gather(*(lane() for _ in range(_LANES)))
    return complaints


async def _until_probe(reader: asyncio.StreamReader) -> bool:
    """Read answers up to the probe's; False if the broker closes the connection."""
    while True:
        try:
            head = await reader.readexactly(8)
        except asyncio.IncompleteReadError:
            return False
        size, correlation = struct.unpack(">ii", head)
        await reader.readexactly(size - 4)
        if correlation == _PROBE:
            return True


def memory_peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


@pytest.mark.parametrize(("count", "seed"), [(4_000, 1)])
def test_damaged_frames_are_answered_or_close_the_connection(
    tmp_path: Path, count: int, seed: int
) -> None:
    log = (tmp_path / "broker.log").open("w")
    with (
        BrokerProcess(tmp_path / "log", errors=log) as broker,
        WireClient(broker.bootstrap) as other,
    ):
        assert broker.process is not None
        other.ask(MetadataRequest(topics=[MetadataRequestTopic(name="mine")]), 4)
        sent: list[bytes] = []

        async def undisturbed(fuzzing: asyncio.Task[list[str]]) -> None:
            while not fuzzing.done():
                value = b"%d" % len(sent)
                partition = PartitionProduceData(index=0, records=batch(value))
                topic = TopicProduceData(name="mine", partition_data=[partition])
                request = ProduceRequest(acks=-1, timeout_ms=1000, topic_data=[topic])
                answer = await asyncio.to_thread(other.ask, request, 9)
                assert answer.responses[0].partition_responses[0].error_code == 0
                sent.append(value)
                await asyncio.sleep(0.05)

        async def run() -> list[str]:
            fuzzing = asyncio.create_task(send_all(broker.bootstrap, count, seed))
            await undisturbed(fuzzing)
            return await fuzzing

        assert asyncio.run(run()) == []
        found = values(
            other.ask(fetch_request("mine", [(0, 0)]), 12).responses[0].partitions[0].records
        )
        assert found == sent
        assert memory_peak_mb(broker.process.pid) < 200
        code, _ = broker.terminate()
        assert code == 0
    log.close()
    said = (tmp_path / "broker.log").read_text()
    assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:3000]
