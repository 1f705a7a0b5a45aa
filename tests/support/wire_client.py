"""A blocking client that speaks the protocol a frame at a time, rightly or wrongly."""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Any

from streamkit.log.protocol import decode_response, encode_request
from streamkit.log.protocol.wire import info_of


class WireClient:
    """One connection to a broker, from the address `source` if it is given."""

    def __init__(
        self, bootstrap: str, *, timeout: float = 5, receive_buffer: int = 0, source: str = ""
    ) -> None:
        host, _, port = bootstrap.rpartition(":")
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, int(port)))
        self._sent: list[tuple[int, int, int]] = []
        self._correlation = 0

    def send(self, request: Any, version: int) -> None:
        """Send a request; answers come in order by `receive`."""
        self._correlation += 1
        key = info_of(type(request)).key
        self._sent.append((key, version, self._correlation))
        self.send_bytes(encode_request(request, version, self._correlation, "wire-client"))

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Any:
        """The answer to the oldest request that has none yet."""
        key, version, correlation = self._sent.pop(0)
        frame = self.receive_frame()
        assert frame is not None, "the broker closed the connection"
        found, answer = decode_response(key, version, frame)
        assert found == correlation
        return answer

    def ask(self, request: Any, version: int) -> Any:
        self.send(request, version)
        return self.receive()

    def receive_frame(self) -> bytes | None:
        """The next frame without its length; None when the broker has closed the connection."""
        head = self._exactly(4)
        return None if head is None else self._exactly(struct.unpack(">i", head)[0])

    def closed_by_broker(self) -> bool:
        """Whether the broker closes the connection, after whatever it still sends."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> WireClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _exactly(self, size: int) -> bytes | None:
        parts = []
        while size:
            part = self.socket.recv(min(size, 1 << 20))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
