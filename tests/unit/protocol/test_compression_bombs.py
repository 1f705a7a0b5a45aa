"""A few bytes that claim to be gigabytes: an error, soon, in little memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Run apart, under a limit of the address space: whoever allocates what a bomb claims, dies of it.
PROGRAM = """
import resource, sys, time, zlib
import cramjam
from streamkit.errors import CorruptRecordError
from streamkit.log.protocol import BatchBuilder, Compression, decode_batch, decompress, read_header

MiB = 1 << 20
GOAL = 4096 * MiB

def zstd():
    # Blocks that say: this byte, 128 KiB of it.
    block = (131072 << 3 | 1 << 1).to_bytes(3, "little") + b"x"
    last = (131072 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"x"
    return bytes.fromhex("28b52ffd0058") + block * (GOAL // 131072 - 1) + last

def zstd_declared():
    return bytes.fromhex("28b52ffdc0") + b"X" + (1 << 62).to_bytes(8, "little") + b"junk"

def lz4():
    frame = cramjam.lz4.Compressor(content_checksum=False, block_linked=False)
    frame.compress(bytes(MiB))
    raw = bytes(frame.finish())
    size = int.from_bytes(raw[7:11], "little")
    block = raw[7 : 11 + size + (4 if raw[4] & 0x10 else 0)]  # 64 KiB of zeros
    return raw[:7] + block * 4000 + bytes(4)

def lz4_declared():
    return bytes.fromhex("04224d18") + bytes([0x68, 0x70]) + (1 << 62).to_bytes(8, "little") + b"junkjunk"

def snappy():
    block = bytes(cramjam.snappy.compress_raw(bytes(32768)))
    return b"\\x82SNAPPY\\0\\0\\0\\0\\1\\0\\0\\0\\1" + (len(block).to_bytes(4, "big") + block) * (GOAL // 32768 // 16)

def snappy_declared():
    return b"\\xff\\xff\\xff\\xff\\x0f" + b"junk" * 10

def gzip():
    made = zlib.compressobj(9, wbits=31)
    piece = bytes(MiB)
    return b"".join(made.compress(piece) for _ in range(120)) + made.flush()

kind, make = sys.argv[1:]
bomb = globals()[make]()
resource.setrlimit(resource.RLIMIT_AS, (700 * MiB, 700 * MiB))
start = time.process_time()
for limit in (MiB, 100 * MiB):
    try:
        decompress(Compression[kind], bomb, max_bytes=limit)
    except CorruptRecordError as error:
        print(error)
    else:
        sys.exit("it was expanded")
builder = BatchBuilder()
builder.append(0, None, None, ())
raw = bytearray(builder.build())[:61] + bomb
raw[8:12] = (len(raw) - 12).to_bytes(4, "big")
raw[21:23] = int(Compression[kind]).to_bytes(2, "big")
try:
    decode_batch(raw, 0, read_header(raw))
except CorruptRecordError:
    pass
else:
    sys.exit("the batch was decoded")
if time.process_time() - start > 10:
    sys.exit("it took too long")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("ZSTD", "zstd"),
        ("ZSTD", "zstd_declared"),
        ("LZ4", "lz4"),
        ("LZ4", "lz4_declared"),
        ("SNAPPY", "snappy"),
        ("SNAPPY", "snappy_declared"),
        ("GZIP", "gzip"),
    ],
)
def test_a_bomb_is_an_error_in_bounded_memory(kind: str, make: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, make], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
