"""One client's connection: frames in, answers out, in order.

A connection has one request in hand at a time, as in Apache Kafka: the next one is taken up when the answer to
the last is written. Further requests wait in the buffer; when that is full, or the client doesn't read its
answers, reading stops and TCP slows the client down. So a connection holds at most its buffer, one request
and one answer. After some requests that were answered at once it lets the other connections have their turn.

The buffer grows to the size of the request that is arriving, as its bytes arrive: a length that lies
allocates nothing. Over all connections `FlightMemory` bounds what large requests and answers take. Records of
a request are views of the buffer, valid until its handler returns.

Bytes that are no request, a request of an unknown API or version, and a request above
`socket.request.max.bytes` close the connection with one line in the log.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from typing import Any, Protocol, cast

from streamkit.errors import ProtocolError
from streamkit.log.broker.authorization import ANONYMOUS, KafkaPrincipal
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.failures import code_of
from streamkit.log.broker.faults import Faults
from streamkit.log.broker.registry import Api, apis
from streamkit.log.broker.request_metrics import RequestMetrics
from streamkit.log.protocol import (
    ApiKey,
    ErrorCode,
    RequestHeader,
    decode_request,
    decode_request_header,
)
from streamkit.log.protocol.apis import is_flexible
from streamkit.log.protocol.codec import encode_parts
from streamkit.log.protocol.messages.api_versions import ApiVersionsRequest

__all__ = ["ClientConnection", "ConnectionOwner"]

logger = logging.getLogger(__name__)

_LENGTH = struct.Struct(">i")
_HEAD = struct.Struct(">ii")
_FIRST_BUFFER = 8 << 10
_KEPT_BUFFER = 64 << 10
_JOINED_BYTES = 64 << 10
_WRITE_HIGH_WATER = 256 << 10
_REQUESTS_A_TURN = 32


class ConnectionOwner(Protocol):
    """The server, as its connections know it."""

    broker: Broker
    faults: Faults | None
    metrics: RequestMetrics | None

    def opened(self, connection: ClientConnection) -> None:
        """A client has connected."""
        ...

    def closed(self, connection: ClientConnection) -> None:
        """The connection is gone."""
        ...


class ClientConnection(asyncio.BufferedProtocol):
    """See the module.

    Args:
        owner: the server.
        number: unique in this process.
        ip: where the client is.

    Attributes:
        id: the number.
        principal: who the client is; nothing authenticates clients yet.
        last_used_ms: when a request or a part of one came, or a stuck client took something of its answer.
    """

    def __init__(self, owner: ConnectionOwner, number: int, ip: str) -> None:
        self.id = number
        self.principal: KafkaPrincipal = ANONYMOUS
        self.ip = ip
        self.client_host = f"/{ip}"
        self.last_used_ms = 0
        self._peer = self.client_host
        self._owner = owner
        self._broker = owner.broker
        self._faults = owner.faults
        self._metrics = owner.metrics
        self._began = 0.0
        self._request_bytes = 0
        self._apis = apis()
        self._max_request = owner.broker.settings.socket_request_max_bytes
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(_FIRST_BUFFER))
        self._begin = 0  # what is between begin and end was received and not taken up
        self._end = 0
        self._pending: asyncio.Future[Any] | None = None
        self._writable = True
        self._reading = True
        self._memory = owner.broker.memory
        self._granted = _KEPT_BUFFER
        self._waits_for_memory = False
        self._untaken = 0
        self._closing = False
        self._draining = False
        self._next_turn: asyncio.Handle | None = None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self._peer = f"{self.client_host}:{peer[1]}"
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER)
        self.last_used_ms = self._broker.clock.monotonic_ms()
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever it was, it's over
        self._closing = True
        self._transport = None
        if self._pending is not None:
            self._pending.cancel()
        if self._next_turn is not None:
            self._next_turn.cancel()
        self._buffer = memoryview(b"")
        self._begin = self._end = 0
        self._memory.give_back(self)
        self._memory.hold_answer(self, 0)
        self._owner.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - our own measure
        if self._end == len(self._buffer):
            self._make_room()
        return self._buffer[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        if not self.busy:
            self._take_up()
        elif self._end == len(self._buffer):
            self._pause()
        if self._end == len(self._buffer):
            self._ask_for_memory()

    def eof_received(self) -> bool:
        return False  # closes, after what was written

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._memory.hold_answer(self, 0)
        self._untaken = 0
        self.last_used_ms = self._broker.clock.monotonic_ms()
        if not self.busy:
            self._take_up()

    # What the server and handlers call.

    def close(self, reason: str) -> None:
        """Close after the answers that were written; `reason` goes to the log."""
        if not self._closing:
            self._log_close(reason)
            self._shut()

    def give_up(self, reason: str) -> None:
        """Close at once; `reason` goes to the log."""
        if not self._closing:
            self._log_close(reason)
            self.abort()

    def _log_close(self, reason: str) -> None:
        facts = {"peer": self._peer, "reason": reason}
        logger.warning(
            "closing the connection of %s: %s", self._peer, reason, extra={"facts": facts}
        )

    def drain(self) -> None:
        """Close when the request in hand, if there is one, is answered."""
        self._draining = True
        if not self.busy:
            self._shut()

    def abort(self) -> None:
        """Close at once, answers that were not sent are lost."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def busy(self) -> bool:
        """Whether a request is in hand, or will be when it is this connection's turn again."""
        return self._pending is not None or self._next_turn is not None

    @property
    def stuck(self) -> bool:
        """Whether answers are waiting for a client that doesn't read them."""
        return not self._writable or self._closing

    @property
    def is_half_sent(self) -> bool:
        """Whether a part of a large request has come, and the rest could."""
        return self._granted > _KEPT_BUFFER and self._begin != self._end and not self.busy

    def note_progress(self, now_ms: int) -> None:
        """See whether a client that was slow to take its answer has taken some of it."""
        if self._untaken and self._transport is not None:
            untaken = self._transport.get_write_buffer_size()
            if untaken < self._untaken:
                self._untaken = untaken
                self.last_used_ms = now_ms
                self._memory.hold_answer(self, untaken)

    def trim(self) -> None:
        """Give back a buffer that was needed for large requests, if it is empty."""
        if self._begin == self._end and len(self._buffer) > _KEPT_BUFFER:
            self._buffer = memoryview(bytearray(_FIRST_BUFFER))
            self._begin = self._end = 0
            self._granted = _KEPT_BUFFER
            self._memory.give_back(self)

    # Frames.

    def _take_up(self) -> None:
        """Answer requests as long as whole ones are there and answers are taken."""
        left = _REQUESTS_A_TURN
        while self._pending is None and self._writable and not self._closing:
            have = self._end - self._begin
            if have < 4:
                break
            (size,) = _LENGTH.unpack_from(self._buffer, self._begin)
            if not 0 <= size <= self._max_request:
                self.close(
                    f"a request of {size} bytes (socket.request.max.bytes={self._max_request})"
                )
                return
            if have < 4 + size:
                self.last_used_ms = self._broker.clock.monotonic_ms()
                break
            if left == 0:
                self._next_turn = asyncio.get_running_loop().call_soon(self._take_turn)
                break
            left -= 1
            start = self._begin + 4
            self._begin = start + size
            self._handle(self._buffer[start : start + size])
        if self._begin == self._end:
            self._begin = self._end = 0
            if self._memory.is_short:
                self.trim()
        if not self.busy and self._writable and not self._waits_for_memory:
            if not self._reading:
                self._resume()
        elif self._end == len(self._buffer):
            self._pause()

    def _take_turn(self) -> None:
        self._next_turn = None
        if self._draining:
            self._shut()
        else:
            self._take_up()

    def _make_room(self) -> None:
        """Move what is there to the front, of a larger buffer if the request that arrives needs one."""
        have = self._end - self._begin
        size = len(self._buffer)
        needed = size
        if have >= 4:
            needed = 4 + _LENGTH.unpack_from(self._buffer, self._begin)[0]
        if self._begin == 0 or needed > size:
            # Twofold at most: memory follows the bytes that came, not the length that was announced.
            size = max(size + 1, min(max(needed, _KEPT_BUFFER), 2 * size))
        fresh = memoryview(bytearray(size))
        fresh[:have] = self._buffer[self._begin : self._end]
        self._buffer = fresh
        self._begin, self._end = 0, have

    def _ask_for_memory(self) -> None:
        """The buffer is full: when a large request is arriving, ask for all of it, or read no more."""
        if self._end - self._begin < 4 or self._closing:
            return
        needed = 4 + _LENGTH.unpack_from(self._buffer, self._begin)[0]
        if needed <= self._granted or self._waits_for_memory:
            return
        if self._memory.ask(self, needed, self._has_memory):
            self._granted = needed
        else:
            self._waits_for_memory = True
            self._pause()

    def _has_memory(self) -> None:
        self._waits_for_memory = False
        self._granted = 4 + _LENGTH.unpack_from(self._buffer, self._begin)[0]
        if not self.busy and self._writable:
            self._resume()

    def _pause(self) -> None:
        if self._reading and self._transport is not None:
            self._transport.pause_reading()
            self._reading = False

    def _resume(self) -> None:
        if not self._reading and self._transport is not None and not self._closing:
            self._transport.resume_reading()
            self._reading = True

    def _shut(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    # Requests.

    def _handle(self, frame: memoryview) -> None:
        self.last_used_ms = self._broker.clock.monotonic_ms()
        if self._metrics is not None:
            self._began, self._request_bytes = self._metrics.timer(), len(frame) + 4
        try:
            header = decode_request_header(frame)
            api = self._apis.get(header.api_key)
            if api is None:
                self.close(f"a request of an API that isn't served: {header.api_key}")
                return
            if not api.lowest <= header.api_version <= api.highest:
                if api.key is not ApiKey.API_VERSIONS:
                    self.close(
                        f"{api.key.name} in version {header.api_version}, which isn't served"
                    )
                    return
                request: Any = ApiVersionsRequest()
            else:
                request = decode_request(header, frame)
        except ProtocolError as error:
            self.close(str(error))
            return
        except Exception as error:  # noqa: BLE001 - the boundary: one request harms no other
            code_of(error, during=f"decoding a request of {self.client_host}")
            self.close("its request can't be decoded")
            return
        context = RequestContext(
            header.api_version,
            self._broker.clock.now_ms(),
            header.client_id or "",
            self.client_host,
            self.principal,
            self._broker.authorizer,
            self,
        )
        try:
            if self._faults is None:
                answer = api.handler(self._broker, request, context)
            else:
                answer = self._faults.answer(api, self._broker, request, context)
        except Exception as error:  # noqa: BLE001 - the boundary: one request harms no other
            self._failed(api, header, error)
            return
        if type(answer) is api.response:
            self._send(api, header, answer)
        elif answer is None:
            self._count(api, 0)
        else:
            self._pending = asyncio.ensure_future(answer)
            self._pending.add_done_callback(lambda done: self._done(api, header, done))

    def _done(self, api: Api, header: RequestHeader, done: asyncio.Future[Any]) -> None:
        self._pending = None
        if self._closing or done.cancelled():
            return
        error = done.exception()
        if isinstance(error, Exception):
            self._failed(api, header, error)
        elif done.result() is None:
            self._count(api, 0)
        else:
            self._send(api, header, done.result())
        if self._draining:
            self._shut()
        else:
            self._take_up()

    def _send(self, api: Api, header: RequestHeader, answer: Any) -> None:
        version = header.api_version if api.lowest <= header.api_version <= api.highest else 0
        parts: list[bytes] = [b""]
        try:
            encode_parts(answer, version, parts)
        except ProtocolError as error:
            logger.error("an answer to %s can't be written", api.key.name, exc_info=error)
            self.close("no answer can be given")
            return
        size = sum(map(len, parts)) + 4
        if is_flexible(header.api_key, version) and api.key is not ApiKey.API_VERSIONS:
            parts[0] = _HEAD.pack(size + 1, header.correlation_id) + b"\0"
        else:
            parts[0] = _HEAD.pack(size, header.correlation_id)
        assert self._transport is not None
        if size <= _JOINED_BYTES:
            self._transport.write(b"".join(parts))
        else:
            # Records go from the log to the socket as they are, uncopied.
            self._transport.writelines(_gathered(parts))
        if not self._writable:
            self._untaken = self._transport.get_write_buffer_size()
            self._memory.hold_answer(self, self._untaken)
        self._count(api, size + 4)

    def _count(self, api: Api, bytes_out: int) -> None:
        if self._metrics is not None:
            self._metrics.answered(api.key, self._began, self._request_bytes, bytes_out)

    def _failed(self, api: Api, header: RequestHeader, error: Exception) -> None:
        """Answer with an error in the answer's own field, or close."""
        code = code_of(error, during=f"{api.key.name} from {self.client_host}")
        if self._closing:
            return
        answer = api.response()
        if hasattr(answer, "error_code") and code is not ErrorCode.NONE:
            answer.error_code = code
            self._send(api, header, answer)
        else:
            self.close(f"{api.key.name} failed: {code.name}")


def _gathered(parts: list[bytes]) -> list[bytes]:
    """Small pieces joined, large ones as they are."""
    out: list[bytes] = []
    small: list[bytes] = []
    for part in parts:
        if len(part) < _JOINED_BYTES:
            small.append(part)
        else:
            if small:
                out.append(b"".join(small))
                small = []
            out.append(part)
    if small:
        out.append(b"".join(small))
    return out
