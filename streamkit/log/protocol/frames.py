"""Requests and responses as they travel: a length, a header, a body.

| part | bytes | note |
| --- | --- | --- |
| length | 4 | of what follows |
| request header | API key 2, version 2, correlation id 4, client id (2-byte length, UTF-8, nullable) | |
| response header | correlation id 4 | |
| tagged fields | unsigned varint count, then the fields | after either header, if the version of the body is flexible |
| body | the message | |

The client id keeps its 2-byte length in flexible versions. The response to ApiVersions never has tagged fields in
its header, since a client reads it before it knows what the broker can do. Functions that decode take the frame
without its length.

Source: KIP-482, KIP-511; the protocol guide's "Request Header v2" and "Response Header v1".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from streamkit.errors import ProtocolError
from streamkit.log.protocol.apis import (
    ApiKey,
    is_flexible,
    request_class,
    response_class,
)
from streamkit.log.protocol.codec import decode_struct_at, encode_parts
from streamkit.log.protocol.varint import Buffer, skip_tags
from streamkit.log.protocol.wire import info_of

__all__ = [
    "RequestHeader",
    "decode_request",
    "decode_request_header",
    "decode_response",
    "encode_request",
    "encode_response",
]

_REQUEST_HEADER = struct.Struct(">hhi")
_SHORT = struct.Struct(">h")
_INT = struct.Struct(">i")


@dataclass(slots=True)
class RequestHeader:
    """What precedes a request's body.

    Attributes:
        api_key: a plain number, since a client may send one that nobody knows.
        api_version: the version of the body.
        correlation_id: goes back with the response.
        client_id: what the client calls itself, or None.
        body_offset: where the body starts in the frame.
    """

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    body_offset: int


def encode_request(
    message: object, version: int, correlation_id: int, client_id: str | None = None
) -> bytes:
    """The whole frame of a request, its length first.

    Raises:
        ProtocolError: not a request, no such version, or a value that the version can't carry.
    """
    info = info_of(type(message))
    if info.kind != "request":
        raise ProtocolError(f"{type(message).__name__} is not a request")
    head = _REQUEST_HEADER.pack(info.key, version, correlation_id)
    if client_id is None:
        client = b"\xff\xff"
    else:
        name = client_id.encode()
        client = _SHORT.pack(len(name)) + name
    if version in info.flexible:
        client += b"\0"
    return _frame([head, client], message, version)


def encode_response(message: object, version: int, correlation_id: int) -> bytes:
    """The whole frame of a response, its length first; raises as `encode_request`."""
    info = info_of(type(message))
    if info.kind != "response":
        raise ProtocolError(f"{type(message).__name__} is not a response")
    head = _INT.pack(correlation_id)
    if version in info.flexible and info.key != ApiKey.API_VERSIONS:
        head += b"\0"
    return _frame([head], message, version)


def _frame(parts: list[bytes], message: object, version: int) -> bytes:
    encode_parts(message, version, parts)
    return b"".join([_INT.pack(sum(map(len, parts))), *parts])


def decode_request_header(buf: Buffer) -> RequestHeader:
    """The header of a request, also of an API or a version that is not served.

    Raises:
        ProtocolError: the bytes are too few or not a header.
    """
    try:
        api_key, version, correlation_id = _REQUEST_HEADER.unpack_from(buf)
        (length,) = _SHORT.unpack_from(buf, 8)
        pos, client_id = 10, None
        if length > len(buf) - pos or length < -1:
            raise ProtocolError(f"client id says {length} bytes, {len(buf) - pos} left")
        if length >= 0:
            client_id = str(buf[pos : pos + length], "utf-8")
            pos += length
    except (struct.error, UnicodeDecodeError) as e:
        raise ProtocolError(f"damaged request header: {e}") from e
    if is_flexible(api_key, version):
        # Clients send no tags in their headers so far.
        pos = pos + 1 if pos < len(buf) and not buf[pos] else skip_tags(buf, pos, len(buf))
    return RequestHeader(api_key, version, correlation_id, client_id, pos)


def decode_request(header: RequestHeader, buf: Buffer) -> Any:
    """The body of the request that `header` was read from.

    Records are slices of `buf`: of a memoryview they are views, not copies.

    Raises:
        ProtocolError: API or version unknown, or the bytes are not such a request.
    """
    cls = request_class(header.api_key)
    return decode_struct_at(cls, header.api_version, buf, header.body_offset)[0]


def decode_response(api_key: int, version: int, buf: Buffer) -> tuple[int, Any]:
    """The correlation id and the body of a response; raises as `decode_request`."""
    cls = response_class(api_key)
    if len(buf) < 4:
        raise ProtocolError(f"a response of {len(buf)} bytes")
    (correlation_id,) = _INT.unpack_from(buf)
    pos = 4
    if is_flexible(api_key, version) and api_key != ApiKey.API_VERSIONS:
        pos = skip_tags(buf, pos, len(buf))
    return correlation_id, decode_struct_at(cls, version, buf, pos)[0]
