"""Request frames, right and wrong, spread over all APIs and versions: what a hostile or broken client sends.

The same seed gives the same frames. A frame's own length is right, or impossible (negative, or gigabytes), so that
each frame has one of two ends: it is answered, or the connection is closed. Requests that a broker may rightly
hold back or leave without an answer (a long fetch, a join that waits for members, `acks` 0) are not made.
"""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Iterable, Iterator

from random_messages import Vocabulary, random_message

from streamkit.errors import ProtocolError
from streamkit.log.protocol import (
    BatchBuilder,
    Compression,
    decode_request,
    decode_request_header,
    encode_request,
    known_keys,
    request_class,
    version_range,
)
from streamkit.log.protocol.messages import (
    FetchRequest,
    JoinGroupRequest,
    ProduceRequest,
)

PATIENCE_MS = 300
"""The longest that a frame asks a broker to wait."""

TOPICS = ("fuzz-a", "fuzz-b", "fuzz-c")
"""Topics that frames speak of; to be created beforehand."""

_WORDS = (*TOPICS, "consumer", "range", "cleanup.policy", "member", "")
_MOST_BYTES = 4096
_SEEDS_PER_VERSION = 25


class FrameFuzzer:
    """An endless source of frames.

    Args:
        seed: of the random generator.
        topic_ids: ids of topics that are there.
    """

    def __init__(self, seed: int, topic_ids: Iterable[uuid.UUID] = ()) -> None:
        self._rng = random.Random(seed)
        self._keys = known_keys()
        vocabulary = Vocabulary(
            _WORDS, tuple(_some_batches()), tuple(topic_ids), most_items=2, null_share=0.4
        )
        self._valid: dict[int, list[bytes]] = {}
        for key in self._keys:
            frames = self._valid[key] = []
            low, high = version_range(key)
            for version in range(low, high + 1):
                for _ in range(_SEEDS_PER_VERSION):
                    message = random_message(request_class(key), version, self._rng, vocabulary)
                    _make_impatient(message)
                    frames.append(encode_request(message, version, 7, "fuzz")[4:])

    def frames(self, count: int) -> Iterator[bytes]:
        """`count` frames, each with its length before it."""
        made = 0
        while made < count:
            raw = self._one()
            if raw is not None:
                made += 1
                yield raw

    def _one(self) -> bytes | None:
        rng = self._rng
        frame = bytearray(rng.choice(self._valid[rng.choice(self._keys)]))
        choice = rng.random()
        if choice < 0.35:
            self._flip(frame)
        elif choice < 0.5:
            self._lie(frame)
        elif choice < 0.6:
            del frame[rng.randrange(len(frame)) :]
        elif choice < 0.7:
            start = rng.randrange(len(frame))
            frame[start:] = rng.randbytes(rng.randrange(200))
        elif choice < 0.75:
            frame[0:4] = struct.pack(">hh", rng.randint(-5, 100), rng.randint(-2, 20))
        elif choice < 0.8:
            frame = bytearray(rng.randbytes(rng.randrange(300)))
        elif choice < 0.805:
            length = rng.choice((-1, -(2**31), 2**31 - 1, 2**30))
            return struct.pack(">i", length) + frame
        del frame[_MOST_BYTES:]
        if _may_wait(bytes(frame)):
            return None
        return struct.pack(">i", len(frame)) + frame

    def _flip(self, frame: bytearray) -> None:
        """Change a few bits, mostly behind the header."""
        for _ in range(self._rng.choice((1, 1, 2, 3, 8))):
            start = 0 if self._rng.random() < 0.1 else min(14, len(frame) - 1)
            frame[self._rng.randrange(start, len(frame))] ^= 1 << self._rng.randrange(8)

    def _lie(self, frame: bytearray) -> None:
        """Put a number that is no such length somewhere behind the header."""
        position = self._rng.randrange(min(8, len(frame) - 1), len(frame))
        lie = self._rng.choice(
            (
                b"\xff\xff\xff\xff\x0f",
                b"\x7f\xff\xff\xff",
                b"\x80\x00\x00\x00",
                b"\x7f\xff",
                b"\xff\xfe",
                b"\xff\x7f",
                b"\x00\x00",
            )
        )
        frame[position : position + len(lie)] = lie


def _some_batches() -> Iterator[bytes]:
    """Record batches, most of them right."""
    for compression in Compression:
        builder = BatchBuilder(compression)
        for number in range(3):
            builder.append(1_700_000_000_000 + number, b"key", b"value", (("name", b"x"),))
        yield builder.build()
        yield builder.build(producer_id=5, producer_epoch=0, base_sequence=0)
        damaged = bytearray(builder.build())
        damaged[70] ^= 0xFF
        yield bytes(damaged)


def _make_impatient(message: object) -> None:
    if isinstance(message, FetchRequest):
        message.max_wait_ms = min(message.max_wait_ms, PATIENCE_MS)
    elif isinstance(message, JoinGroupRequest):
        message.rebalance_timeout_ms = min(message.rebalance_timeout_ms, PATIENCE_MS)
        message.session_timeout_ms = 10_000  # in the range that brokers accept
    elif isinstance(message, ProduceRequest):
        message.acks = 1 if message.acks % 2 else -1


def _may_wait(frame: bytes) -> bool:
    """Whether a broker may take its time over this frame, or give no answer at all."""
    try:
        header = decode_request_header(frame)
        message = decode_request(header, frame)
    except ProtocolError:
        return False
    if isinstance(message, FetchRequest):
        return message.max_wait_ms > PATIENCE_MS
    if isinstance(message, JoinGroupRequest):
        # Before version 1 the session timeout stands for the other.
        if header.api_version == 0:
            return message.session_timeout_ms > PATIENCE_MS
        return message.rebalance_timeout_ms > PATIENCE_MS
    return isinstance(message, ProduceRequest) and message.acks == 0
