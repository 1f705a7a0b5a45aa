"""A broker that ends itself, as by kill -9, right after a step of a transaction.

    python stopping_broker.py FOLDER PORT STEP TRANSACTIONAL_ID NTH

It prints its address when it listens, and dies when the id reaches the step for the NTH time, from 1 on.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from streamkit.log.broker.server import BrokerServer, serve
from streamkit.log.broker.settings import BrokerSettings
from streamkit.log.broker.transactions import TransactionStep

EXIT_CODE = 77


def start_stopping_broker(
    folder: Path, port: int, step: TransactionStep, transactional_id: str, nth: int
) -> subprocess.Popen[str]:
    """Start one, and wait until it listens."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder), str(port), step.value, transactional_id, str(nth)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline(), "the broker did not start"
    return process


def main(folder: str, port: str, step: str, transactional_id: str, nth: str) -> None:
    """Run the broker on this thread."""
    left = int(nth)

    def on_step(reached: TransactionStep, of: str) -> None:
        nonlocal left
        if reached.value == step and of == transactional_id:
            left -= 1
            if left == 0:
                os._exit(EXIT_CODE)

    def ready(server: BrokerServer) -> None:
        server.broker.transactions.on_step = on_step
        print(server.address, flush=True)

    settings = BrokerSettings(
        log_dirs=folder, listeners=f"127.0.0.1:{port}", offsets_topic_num_partitions=4
    )
    asyncio.run(serve(settings, ready=ready))


if __name__ == "__main__":
    main(*sys.argv[1:])
