"""The hash has to be Java's to the bit: other clients and Kafka Streams rely on it."""

from __future__ import annotations

import pytest

from streamkit.log.client.partitioner import murmur2, partition_for_key


@pytest.mark.parametrize(
    ("key", "java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hash_is_that_of_kafka_clients_own_test(key: bytes, java: int) -> None:
    assert murmur2(key) == java & 0xFFFFFFFF


def test_partition_takes_the_hash_without_its_sign() -> None:
    for key in (b"21", b"foobar", b"", b"\xff" * 7):
        assert partition_for_key(key, 7) == (murmur2(key) & 0x7FFFFFFF) % 7


def test_every_tail_length_counts() -> None:
    """The hash takes four bytes at a time; 1, 2 and 3 bytes at the end are cases of their own."""
    hashes = {murmur2(b"abcdefgh"[:n]) for n in range(9)}
    assert len(hashes) == 9
