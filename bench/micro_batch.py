"""Record batches: nanoseconds a record to build and to decode, for the codec as it was loaded.

    python bench/micro_batch.py [--records 2000] [--value-bytes 120] [--rounds 60]

The first line says whether the modules are compiled. Timestamps rise by one, keys are 9 bytes, there are no headers unless
`--headers` asks for two. Best and median of the rounds, after warm-up; a round builds or decodes one batch.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable

from streamkit.log.protocol import (
    BatchBuilder,
    Compression,
    batch_decoder,
    check_crc,
    decode_batch,
    read_header,
)


def measure(work: Callable[[], object], rounds: int, records: int) -> str:
    times = []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - start) / records)
    times = times[rounds // 5 :]  # the first fifth warms up
    return f"{min(times):8.0f} best {statistics.median(times):8.0f} median ns a record"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--value-bytes", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--headers", action="store_true")
    arguments = parser.parse_args()
    compiled = not (batch_decoder.__file__ or "").endswith(".py")
    print("compiled" if compiled else "interpreted")

    rng = random.Random(1)
    words = [rng.randbytes(12).hex().encode() for _ in range(200)]
    headers = (("trace", b"0123456789abcdef"), ("source", b"bench")) if arguments.headers else ()
    keys, values = [], []
    for _ in range(arguments.records):
        keys.append(b"key-%05d" % rng.randrange(10_000))
        text = b" ".join(rng.choices(words, k=arguments.value_bytes // 20 + 1))
        values.append(text[: arguments.value_bytes])

    def fill(compression: int) -> BatchBuilder:
        builder = BatchBuilder(compression)
        append = builder.append
        timestamp = 1_700_000_000_000
        for key, value in zip(keys, values, strict=True):
            append(timestamp, key, value, headers)
            timestamp += 1
        return builder

    for compression in Compression:
        raw = fill(compression).build()
        header = read_header(raw)

        def build(kind: int = compression) -> object:
            return fill(kind).build()

        def decode(raw: bytes = raw) -> object:
            return decode_batch(raw, 0, read_header(raw))

        name = compression.name.lower()
        print(f"{name:7} {len(raw):8} bytes")
        print("  build ", measure(build, arguments.rounds, header.count))
        print("  decode", measure(decode, arguments.rounds, header.count))
        assert check_crc(raw, 0, header)


if __name__ == "__main__":
    main()
