"""A broker that answers as a test tells it to: for what a real one does only when it is broken or old."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from streamkit.log.protocol import (
    decode_request,
    decode_request_header,
    encode_response,
    known_keys,
    version_range,
)
from streamkit.log.protocol.messages import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from streamkit.log.protocol.wire import info_of

Answer = Callable[[Any, int], Any]
"""From a request and its version to a response, bytes to be sent as they are, None for no answer, or
`CLOSE`."""

CLOSE = object()


class ScriptedBroker:
    """Listens on a free port of 127.0.0.1 while the `with` block runs.

    Args:
        answers: by request class; ApiVersions and Metadata have answers unless given here.
        topics: number of partitions by topic, for Metadata; all led by this broker, node 1.
        versions: highest version by API key to offer.

    Attributes:
        requests: all that came, with their versions, in order.
    """

    def __init__(
        self,
        answers: dict[type, Answer] | None = None,
        *,
        topics: dict[str, int] | None = None,
        versions: dict[int, int] | None = None,
    ) -> None:
        self.requests: list[tuple[Any, int]] = []
        self._answers: dict[type, Answer] = {
            ApiVersionsRequest: lambda request, version: self.api_versions(),
            MetadataRequest: lambda request, version: self.metadata(),
            **(answers or {}),
        }
        self._topics = topics or {}
        self._versions = versions or {}
        self._server: socketserver.ThreadingTCPServer | None = None
        self.port = 0

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def count(self, kind: type) -> int:
        """How many requests of a class came."""
        return sum(isinstance(request, kind) for request, _ in self.requests)

    def api_versions(self, error_code: int = 0) -> ApiVersionsResponse:
        keys = []
        for key in known_keys():
            known = version_range(key)
            keys.append(
                ApiVersion(
                    api_key=key,
                    min_version=known.low,
                    max_version=self._versions.get(key, known.high),
                )
            )
        return ApiVersionsResponse(error_code=error_code, api_keys=keys)

    def metadata(self) -> MetadataResponse:
        return MetadataResponse(
            brokers=[MetadataResponseBroker(node_id=1, host="127.0.0.1", port=self.port)],
            controller_id=1,
            topics=[
                MetadataResponseTopic(
                    name=name,
                    partitions=[
                        MetadataResponsePartition(
                            partition_index=p, leader_id=1, replica_nodes=[1], isr_nodes=[1]
                        )
                        for p in range(count)
                    ],
                )
                for name, count in self._topics.items()
            ],
        )

    def __enter__(self) -> ScriptedBroker:
        broker = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                broker._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, connection: socketserver.StreamRequestHandler) -> None:
        try:
            while size := connection.rfile.read(4):
                frame = connection.rfile.read(struct.unpack(">i", size)[0])
                header = decode_request_header(frame)
                request = decode_request(header, frame)
                self.requests.append((request, header.api_version))
                answer = self._answers[type(request)](request, header.api_version)
                if answer is CLOSE:
                    return
                if isinstance(answer, bytes):
                    connection.wfile.write(answer)
                elif answer is not None:
                    version = header.api_version
                    if isinstance(answer, ApiVersionsResponse) and answer.error_code == 35:
                        version = 0
                    connection.wfile.write(encode_response(answer, version, header.correlation_id))
        except OSError:
            pass


def key_of(request: type) -> int:
    """The API key of a request class."""
    return info_of(request).key
