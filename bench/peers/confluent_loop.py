"""W2 as a hand-written loop on confluent-kafka: count per key, every update emitted, no changelog.

Usage: `confluent_loop.py BOOTSTRAP GROUP SOURCE SINK dict|rocksdb STATE_DIR`. Runs until it is ended.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from confluent_kafka import Consumer, Producer


def dict_counter() -> Callable[[bytes], int]:
    counts: dict[bytes, int] = {}

    def count(key: bytes) -> int:
        counts[key] = new = counts.get(key, 0) + 1
        return new

    return count


def rocksdb_counter(folder: str) -> Callable[[bytes], int]:
    from rocksdict import Options, Rdict

    store = Rdict(folder, Options(raw_mode=True))

    def count(key: bytes) -> int:
        old = store.get(key)
        new = 1 if old is None else int.from_bytes(old, "big") + 1
        store[key] = new.to_bytes(8, "big")
        return new

    return count


def main(bootstrap: str, group: str, source: str, sink: str, store: str, folder: str) -> None:
    count = dict_counter() if store == "dict" else rocksdb_counter(folder)
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    )
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    )
    running = True

    def end(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, end)
    consumer.subscribe([source])
    while running:
        for message in consumer.consume(10_000, timeout=0.1):
            key = message.key() or b""
            producer.produce(
                sink, count(key).to_bytes(8, "big"), key, timestamp=message.timestamp()[1]
            )
        producer.poll(0)
    producer.flush()
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
