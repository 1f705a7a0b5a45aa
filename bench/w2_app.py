"""W2 on streamkit: count per key in RocksDB with a changelog, every update emitted.

`W2_SOURCE` and `W2_SINK` name the topics, `W2_APP` the application id.
"""

from __future__ import annotations

import os

import streamkit as sk

app = sk.App(os.environ["W2_APP"])
source = app.topic(os.environ["W2_SOURCE"], key=str, value=bytes)


@app.stream(source)
def count_per_key(records: sk.KStream[str, bytes]) -> None:
    records.group_by_key().count(store="counts").to_stream().to(
        os.environ["W2_SINK"], key=str, value=int
    )
