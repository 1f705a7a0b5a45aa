"""LZ4 frames as Kafka takes them."""

from __future__ import annotations

import cramjam
import pytest

from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import Compression, decompress


def frame(data: bytes, *, linked: bool) -> bytes:
    compressor = cramjam.lz4.Compressor(block_linked=linked)
    compressor.compress(data)
    return bytes(compressor.finish())


def test_frame_of_independent_blocks_is_expanded() -> None:
    assert decompress(Compression.LZ4, frame(b"value" * 50_000, linked=False)) == b"value" * 50_000


def test_frame_whose_blocks_refer_to_each_other_is_refused() -> None:
    """Java's consumer could not read it; some libraries for JavaScript make such frames."""
    with pytest.raises(CorruptRecordError, match="refer to each other"):
        decompress(Compression.LZ4, frame(b"value", linked=True))
