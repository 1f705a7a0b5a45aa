"""One connection to one broker: frames, correlation ids, pipelining, timeouts, versions.

Lives on the network thread. Requests are answered in order, and several may be under way; each
waits in a future. When the connection breaks, or an answer is late, all of them fail with
`NotReachableError` and the connection is done for: its owner makes another.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from streamkit._version import VERSION
from streamkit.errors import NotReachableError, ProtocolError
from streamkit.log.client.settings import ClientSettings
from streamkit.log.protocol import ErrorCode, VersionRange, decode_response, encode_request
from streamkit.log.protocol.messages import ApiVersionsRequest, ApiVersionsResponse
from streamkit.log.protocol.wire import info_of

__all__ = ["Connection", "Features", "negotiate"]

_API_VERSIONS_KEY = 18
_READ_BYTES: Final = 64 * 1024
_MAX_FRAME_BYTES: Final = 512 * 1024 * 1024


class Features(NamedTuple):
    """What a cluster's brokers have agreed on: `levels` by name, the newer the greater the epoch (KIP-584)."""

    epoch: int = -1
    levels: Mapping[str, int] = MappingProxyType({})


class _Waiting:
    """A request under way."""

    __slots__ = ("correlation_id", "deadline", "future", "key", "version")

    def __init__(
        self,
        correlation_id: int,
        key: int,
        version: int,
        deadline: float,
        future: asyncio.Future[Any],
    ) -> None:
        self.correlation_id = correlation_id
        self.key = key
        self.version = version
        self.deadline = deadline
        self.future = future


class Connection(asyncio.BufferedProtocol):
    """A socket that speaks the Kafka protocol as a client.

    Args:
        address: `host:port` for messages.
        settings: client id and timeouts.
        loop: the network thread's.
    """

    def __init__(
        self, address: str, settings: ClientSettings, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.address = address
        self.versions: dict[int, VersionRange] = {}
        self.features = Features()
        self._settings = settings
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._closed_by: Exception | None = None
        self._waiting: deque[_Waiting] = deque()
        self._correlation_id = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        # Small answers are cut out of one buffer; a large one is received into its own memory.
        self._buffer = bytearray(_READ_BYTES)
        self._end = 0
        self._frame: bytearray | None = None
        self._filled = 0

    @classmethod
    async def open(cls, host: str, port: int, settings: ClientSettings) -> Connection:
        """Connect and learn which versions the broker serves.

        Raises:
            NotReachableError: nobody listens, or the broker does not answer in time.
            ProtocolError: whoever listens does not speak Kafka's protocol.
        """
        loop = asyncio.get_running_loop()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            async with asyncio.timeout(settings.connect_timeout_ms / 1000):
                _, connection = await loop.create_connection(
                    lambda: cls(address, settings, loop), host, port
                )
        except TimeoutError as error:
            raise NotReachableError(f"{address}: no connection in time") from error
        except OSError as error:
            raise NotReachableError(f"{address}: {_reason(error)}") from error
        try:
            connection.versions, connection.features = await _ask_versions(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        return self._transport is not None and self._closed_by is None

    @property
    def under_way(self) -> int:
        """How many requests wait for their answers."""
        return len(self._waiting)

    def version_of(self, request: type, *, highest: int | None = None) -> int:
        """The highest version of a request that both sides know.

        Args:
            request: the request's class.
            highest: use none above this.

        Raises:
            ProtocolError: there is none.
        """
        info = info_of(request)
        ours = info.versions
        if highest is not None:
            ours = VersionRange(ours.low, min(ours.high, highest))
        return negotiate(request.__name__, ours, self.versions.get(info.key), self.address)

    def serves(self, request: type) -> bool:
        """Whether the broker offers this API at all."""
        return info_of(request).key in self.versions

    async def request(
        self, message: Any, version: int | None = None, *, timeout_ms: int | None = None
    ) -> Any:
        """Send a request and wait for its response.

        Args:
            message: the request.
            version: None for the highest that both sides know.
            timeout_ms: None for the client's request timeout. A late answer closes the connection.

        Raises:
            NotReachableError: the connection broke, or the answer is late.
            ProtocolError: the broker does not serve the API, or the answer is damaged.
        """
        return await self.send(message, version, timeout_ms=timeout_ms)

    def send(
        self, message: Any, version: int | None = None, *, timeout_ms: int | None = None
    ) -> asyncio.Future[Any]:
        """As `request`, but sent when this returns: calls keep their order on the wire."""
        if version is None:
            version = self.version_of(type(message))
        correlation_id = self._write(message, version)
        timeout = self._settings.request_timeout_ms if timeout_ms is None else timeout_ms
        future: asyncio.Future[Any] = self._loop.create_future()
        waiting = _Waiting(
            correlation_id,
            info_of(type(message)).key,
            version,
            self._loop.time() + timeout / 1000,
            future,
        )
        self._waiting.append(waiting)
        if self._timer is None or waiting.deadline < self._timer_at:
            self._look_at(waiting.deadline)
        return future

    def send_unanswered(self, message: Any, version: int) -> None:
        """Send a request that the broker does not answer (Produce with acks=0)."""
        self._write(message, version)

    def close(self, reason: Exception | None = None) -> None:
        """Close; requests under way fail."""
        if self._closed_by is None:
            self._closed_by = reason or NotReachableError(f"{self.address}: connection closed")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            # Not close(): that would wait until all that is buffered is written.
            self._transport.abort()
            self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for entry in waiting:
            if not entry.future.done():
                entry.future.set_exception(self._closed_by)
                # The caller may be gone; then nobody asks for it.
                entry.future.exception()

    def _write(self, message: Any, version: int) -> int:
        if self._transport is None or self._closed_by is not None:
            raise NotReachableError(str(self._closed_by or f"{self.address}: not connected"))
        self._correlation_id = (self._correlation_id + 1) & 0x7FFFFFFF
        self._transport.write(
            encode_request(message, version, self._correlation_id, self._settings.client_id)
        )
        return self._correlation_id

    def _check_deadlines(self) -> None:
        self._timer = None
        now = self._loop.time()
        if not self._waiting:
            return
        soonest = min(entry.deadline for entry in self._waiting)
        if soonest <= now:
            self.close(NotReachableError(f"{self.address}: no answer in time"))
        else:
            self._look_at(soonest)

    def _look_at(self, when: float) -> None:
        """Check deadlines at a time, instead of any that was set before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._check_deadlines)

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio.Transport, so no isinstance here.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        reason = _reason(exc) if isinstance(exc, OSError) else "closed by the broker"
        self.close(NotReachableError(f"{self.address}: {reason}"))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's signature
        if self._frame is not None:
            return memoryview(self._frame)[self._filled :]
        return memoryview(self._buffer)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._frame is None:
            self._end += nbytes
            self._cut_frames()
            return
        self._filled += nbytes
        if self._filled == len(self._frame):
            frame, self._frame = self._frame, None
            self._received(memoryview(frame))

    def _cut_frames(self) -> None:
        buffer, start = self._buffer, 0
        while self._end - start >= 4:
            (size,) = struct.unpack_from(">i", buffer, start)
            if not 4 <= size <= _MAX_FRAME_BYTES:
                self.close(
                    ProtocolError(
                        f"{self.address} does not speak Kafka's protocol (frame of {size})"
                    )
                )
                return
            body = start + 4
            if self._end - body < size:
                self._frame = bytearray(size)
                self._filled = self._end - body
                self._frame[: self._filled] = buffer[body : self._end]
                self._end = 0
                return
            start = body + size
            self._received(memoryview(bytes(buffer[body:start])))
        self._end -= start
        buffer[: self._end] = buffer[start : start + self._end]

    def _received(self, frame: memoryview) -> None:
        if not self._waiting:
            self.close(ProtocolError(f"{self.address}: an answer that nothing asked for"))
            return
        entry = self._waiting.popleft()
        try:
            version = entry.version
            if entry.key == _API_VERSIONS_KEY and _is_unsupported(frame):
                version = 0
            correlation_id, message = decode_response(entry.key, version, frame)
            if correlation_id != entry.correlation_id:
                raise ProtocolError(
                    f"{self.address}: answer {correlation_id} instead of {entry.correlation_id}"
                )
        except ProtocolError as error:
            if not entry.future.done():
                entry.future.set_exception(error)
            self.close(error)
            return
        if not entry.future.done():
            entry.future.set_result(message)


def negotiate(name: str, ours: VersionRange, theirs: VersionRange | None, address: str) -> int:
    """The highest version in both ranges.

    Raises:
        ProtocolError: there is none.
    """
    if theirs is None:
        raise ProtocolError(f"{address} does not serve {name}")
    version = min(ours.high, theirs.high)
    if version < max(ours.low, theirs.low):
        raise ProtocolError(
            f"{address} serves {name} in versions {theirs.low} to {theirs.high}, "
            f"this client needs one of {ours.low} to {ours.high}"
        )
    return version


async def _ask_versions(connection: Connection) -> tuple[dict[int, VersionRange], Features]:
    ours = info_of(ApiVersionsRequest).versions
    # Version 5 is newer than most brokers; 4 saves the second round with those.
    version = min(ours.high, 4)
    request = ApiVersionsRequest(client_software_name="streamkit", client_software_version=VERSION)
    response: ApiVersionsResponse = await connection.request(request, version)
    if response.error_code == ErrorCode.UNSUPPORTED_VERSION:
        # The broker has told its own range, in version 0's layout; or, an old one, nothing.
        offered = [k for k in response.api_keys if k.api_key == _API_VERSIONS_KEY]
        version = min(offered[0].max_version, version) if offered else 0
        response = await connection.request(
            request if version >= 3 else ApiVersionsRequest(), version
        )
    if response.error_code != ErrorCode.NONE:
        raise ProtocolError(f"{connection.address} refuses ApiVersions: {response.error_code}")
    versions = {k.api_key: VersionRange(k.min_version, k.max_version) for k in response.api_keys}
    levels = {each.name: each.max_version_level for each in response.finalized_features}
    return versions, Features(response.finalized_features_epoch, levels)


def _is_unsupported(frame: memoryview) -> bool:
    return len(frame) >= 6 and int.from_bytes(frame[4:6], "big") == ErrorCode.UNSUPPORTED_VERSION


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__
