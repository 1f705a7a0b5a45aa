"""Kafka's clients for Python behind one face, so that one suite judges a broker with each of them."""

from __future__ import annotations

from collections.abc import Callable

from aiokafka_driver import Aiokafka
from client_admin import Administrator
from client_driver import (
    SESSION_MS,
    TIMEOUT_S,
    Driver,
    Fetch,
    Member,
    Message,
    RefusedError,
    Transaction,
    new_topic,
    wait_until,
)
from confluent_driver import Confluent
from kafka_python_driver import KafkaPython

__all__ = [
    "DRIVERS",
    "SESSION_MS",
    "TIMEOUT_S",
    "Administrator",
    "Aiokafka",
    "Confluent",
    "Driver",
    "Fetch",
    "KafkaPython",
    "Member",
    "Message",
    "RefusedError",
    "Transaction",
    "new_topic",
    "wait_until",
]

DRIVERS: dict[str, Callable[[str], Driver]] = {
    "confluent-kafka": Confluent,
    "kafka-python": KafkaPython,
    "aiokafka": Aiokafka,
}
