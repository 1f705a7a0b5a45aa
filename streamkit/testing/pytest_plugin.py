"""A pytest plugin: the fixture `kafka_broker`, a Kafka broker in the test's own process.

pytest finds it by itself once streamkit is installed. Importing it imports nothing but pytest: streamkit loads when a
test first asks for the fixture.

```python
def test_orders_are_counted(kafka_broker):
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka_broker.bootstrap})
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

__all__ = ["kafka_broker", "kafka_broker_settings"]


@pytest.fixture
def kafka_broker_settings() -> Mapping[str, str | int | float]:
    """Broker settings by Kafka's names, for `kafka_broker`; override it to set some."""
    return {}


@pytest.fixture
def kafka_broker(kafka_broker_settings: Mapping[str, str | int | float]) -> Iterator[Any]:
    """An empty `streamkit.testing.EmbeddedBroker`, running; a new one for each test."""
    from streamkit.testing.embedded_broker import EmbeddedBroker

    with EmbeddedBroker(settings=kafka_broker_settings) as broker:
        yield broker
