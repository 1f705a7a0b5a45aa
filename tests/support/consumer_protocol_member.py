"""A confluent-kafka consumer of the consumer protocol in a process of its own, to be killed.

Arguments: bootstrap, group, topic. Prints its partitions whenever they change.
"""

from __future__ import annotations

import sys

from confluent_kafka import Consumer


def main(bootstrap: str, group: str, topic: str) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    known: list[int] | None = None
    while True:
        consumer.poll(0.05)
        mine = sorted(each.partition for each in consumer.assignment())
        if mine != known:
            known = mine
            print(*mine, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
