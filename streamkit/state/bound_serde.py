"""A serde in the service of one store: it sees the changelog's topic, and its errors name the store."""

from __future__ import annotations

from typing import Any

from streamkit.errors import SerdeError
from streamkit.serde.base import Serde

__all__ = ["BoundSerde"]


class BoundSerde:
    """Turns keys or values of a store into bytes and back.

    Args:
        serde: does it.
        store: the store's name, for messages.
        topic: its changelog topic.
    """

    def __init__(self, serde: Serde[Any], store: str, topic: str) -> None:
        self._serde = serde
        self._store = store
        self._topic = topic

    def serialize(self, value: object) -> bytes:
        """The bytes of `value`, which is not None.

        Raises:
            SerdeError: the serde can't write it; the error's node is the store.
        """
        try:
            return self._serde.serialize(self._topic, value)
        except SerdeError as error:
            error.node = self._store
            raise

    def deserialize(self, data: bytes) -> object:
        """What `data` says.

        Raises:
            SerdeError: the serde can't read it; the error's node is the store.
        """
        try:
            return self._serde.deserialize(self._topic, data)
        except SerdeError as error:
            error.node = self._store
            raise
