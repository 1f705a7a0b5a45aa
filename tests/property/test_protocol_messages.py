"""Any message in any version survives the wire; damaged bytes raise `ProtocolError` and nothing else."""

from __future__ import annotations

import contextlib
import random
import struct
import tracemalloc

import golden
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_messages import random_message

from streamkit.errors import ProtocolError
from streamkit.log.protocol import (
    decode_request,
    decode_request_header,
    decode_response,
    decode_struct,
    encode_request,
    encode_response,
    encode_struct,
    known_keys,
    request_class,
    response_class,
    version_range,
)
from streamkit.log.protocol.wire import info_of

CLASSES = golden.message_classes()
KINDS = [
    (cls, version)
    for cls in CLASSES.values()
    for version in range(info_of(cls).versions.low, info_of(cls).versions.high + 1)
]
APIS = [
    (key, version)
    for key in known_keys()
    for version in range(version_range(key).low, version_range(key).high + 1)
]
kinds = st.sampled_from(KINDS)
apis = st.sampled_from(APIS)
chance = st.randoms(use_true_random=False)


@given(kinds, chance)
@settings(max_examples=200, deadline=None)
def test_any_message_is_decoded_as_it_was_encoded(
    kind: tuple[type, int], rng: random.Random
) -> None:
    cls, version = kind
    message = random_message(cls, version, rng)
    assert decode_struct(cls, version, encode_struct(message, version)) == message


@given(apis, chance, st.integers(-(2**31), 2**31 - 1), st.none() | st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_request_survives_its_frame(
    api: tuple[int, int], rng: random.Random, correlation_id: int, client_id: str | None
) -> None:
    key, version = api
    message = random_message(request_class(key), version, rng)
    frame = encode_request(message, version, correlation_id, client_id)
    assert struct.unpack(">i", frame[:4]) == (len(frame) - 4,)
    header = decode_request_header(frame[4:])
    assert (header.api_key, header.api_version) == api
    assert (header.correlation_id, header.client_id) == (correlation_id, client_id)
    assert decode_request(header, frame[4:]) == message


@given(apis, chance, st.integers(-(2**31), 2**31 - 1))
@settings(max_examples=200, deadline=None)
def test_any_response_survives_its_frame(
    api: tuple[int, int], rng: random.Random, correlation_id: int
) -> None:
    key, version = api
    message = random_message(response_class(key), version, rng)
    frame = encode_response(message, version, correlation_id)
    assert struct.unpack(">i", frame[:4]) == (len(frame) - 4,)
    assert decode_response(key, version, frame[4:]) == (correlation_id, message)


@given(kinds, chance, st.data())
@settings(max_examples=200, deadline=None)
def test_a_truncated_message_is_a_protocol_error(
    kind: tuple[type, int], rng: random.Random, data: st.DataObject
) -> None:
    """Every byte counts: no proper prefix is a message."""
    cls, version = kind
    raw = encode_struct(random_message(cls, version, rng), version)
    if raw:
        with pytest.raises(ProtocolError):
            decode_struct(cls, version, raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(kinds, chance, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1))
@settings(max_examples=200, deadline=None)
def test_damaged_bytes_raise_nothing_but_a_protocol_error(
    kind: tuple[type, int], rng: random.Random, changes: list[tuple[int, int]]
) -> None:
    cls, version = kind
    raw = bytearray(encode_struct(random_message(cls, version, rng), version))
    for position, value in changes:
        if position < len(raw):
            raw[position] = value
    with contextlib.suppress(ProtocolError):
        decode_struct(cls, version, bytes(raw))


@given(kinds, st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_noise_raises_nothing_but_a_protocol_error(kind: tuple[type, int], noise: bytes) -> None:
    cls, version = kind
    with contextlib.suppress(ProtocolError):
        decode_struct(cls, version, noise)


@given(st.binary(max_size=60))
def test_noise_as_a_request_header_raises_nothing_but_a_protocol_error(noise: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        header = decode_request_header(noise)
        decode_request(header, noise)


@given(apis, st.binary(max_size=60))
@settings(deadline=None)
def test_noise_behind_a_known_key_raises_nothing_but_a_protocol_error(
    api: tuple[int, int], noise: bytes
) -> None:
    raw = struct.pack(">hhih", *api, 1, -1) + noise
    with contextlib.suppress(ProtocolError):
        decode_request(decode_request_header(raw), raw)
    with contextlib.suppress(ProtocolError):
        decode_response(*api, noise)


def test_a_varint_too_long_in_a_header_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="varint"):
        decode_request_header(struct.pack(">hhih", 1, 12, 1, -1) + b"\xff" * 10)
    with pytest.raises(ProtocolError, match="varint"):
        decode_response(1, 12, b"\0\0\0\1" + b"\xff" * 10)


@pytest.mark.parametrize("lie", [2**31 - 1, 2**30, 65536, -2, -(2**31)])
def test_a_count_that_lies_allocates_nothing(lie: int) -> None:
    """Each 4-byte place of each golden message in turn says that a huge array follows."""
    patch = struct.pack(">i", lie)
    tracemalloc.start()
    try:
        for cls, version in KINDS[::7]:
            raw = encode_struct(random_message(cls, version, random.Random(version)), version)
            for position in range(min(len(raw) - 4, 60)):
                damaged = raw[:position] + patch + raw[position + 4 :]
                with contextlib.suppress(ProtocolError):
                    decode_struct(cls, version, damaged)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
