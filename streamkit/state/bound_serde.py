"""A serde in the service of one store: it sees the changelog's topic, and its errors name the store.

Where a source topic serves as changelog, others write it: `as_the_source_reads` brings what is restored to what
the source made of it.
"""

from __future__ import annotations

from typing import Any

from streamkit.errors import SerdeError
from streamkit.serde.base import Serde

__all__ = ["BoundSerde", "as_the_source_reads"]


class BoundSerde:
    """Turns keys or values of a store into bytes and back.

    Args:
        serde: does it.
        store: the store's name, for messages.
        topic: its changelog topic.

    Attributes:
        canonical: the serde's, see `Serde`.
    """

    def __init__(self, serde: Serde[Any], store: str, topic: str) -> None:
        self.canonical: bool = serde.canonical
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


def as_the_source_reads(
    keys: BoundSerde, values: BoundSerde, raw_key: bytes, value: bytes | None
) -> tuple[bytes, bytes | None] | None:
    """The entry of a source topic's record: its key in the store's own form, no value where that says None.

    Returns:
        None if a serde can't read the record, or its key says None: the source passed over it.
    """
    try:
        key = keys.deserialize(raw_key)
        if key is None:
            return None
        if not keys.canonical:
            raw_key = keys.serialize(key)
        if value is not None and values.deserialize(value) is None:
            value = None
    except SerdeError:
        return None
    return raw_key, value
