"""Avro in Confluent's wire format: which schema wrote a value stands before it.

| part | bytes |
| --- | --- |
| magic | 0 |
| schema id | 4, big-endian |
| value | Avro binary; of the schema "bytes": the bytes as they are, without a length |

Needs the extra `avro`. Source: Confluent Schema Registry documentation, "Wire format";
AbstractKafkaAvroSerializer.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from streamkit.errors import ConfigError, SerdeError, StreamkitError
from streamkit.serde.avro import AvroCodec, schema_name
from streamkit.serde.avro_evolution import first_mismatch
from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable
from streamkit.serde.schema_registry import SchemaRegistry

__all__ = ["AvroRegistrySerde"]

_HEAD: Final = Struct(">Bi")
_MAGIC: Final = 0


class AvroRegistrySerde(Serde[Any]):
    """Avro values whose schemas a registry keeps.

    Reading fetches the schema that a value was written with, once, and turns the value into `schema` by
    Avro's schema resolution. Where that fails, the error names the subject, both versions and the field.

    Args:
        schema: what is written, and what values are read as; None: values are read as they were written,
            and none can be written.
        registry: the registry, or its URL.
        is_key: True for the serde of a key; tells the subject's name.
        subject: under which name the schema is kept; None: the topic's name and "-key" or "-value".
        auto_register: False: a schema that isn't registered is an error, not added.

    Raises:
        ConfigError: fastavro isn't installed, or `schema` isn't Avro.

    Example:
        >>> registry = SchemaRegistry("http://localhost:8081")
        >>> serde = AvroRegistrySerde({"type": "string"}, registry)
        >>> serde.subject_of("orders")
        'orders-value'
    """

    def __init__(
        self,
        schema: Any,
        registry: SchemaRegistry | str,
        *,
        is_key: bool = False,
        subject: str | None = None,
        auto_register: bool = True,
    ) -> None:
        codec = AvroCodec()
        reader = None if schema is None else codec.parse(schema)
        super().__init__("avro" if reader is None else f"avro[{schema_name(reader)}]")
        self.schema = schema
        self.registry: SchemaRegistry = (
            SchemaRegistry(registry) if isinstance(registry, str) else registry
        )
        self.is_key = is_key
        self.subject = subject
        self.auto_register = auto_register
        self._codec = codec
        self._reader = reader
        self._heads: dict[str, bytes] = {}
        self._writers: dict[int, Any] = {}

    def subject_of(self, topic: str) -> str:
        """The subject that values of `topic` have their schema under."""
        return self.subject or f"{topic}-{'key' if self.is_key else 'value'}"

    def serialize(self, topic: str, value: Any) -> bytes:
        if self._reader is None:
            raise unwritable(self.name, topic, value, "none: it has no schema to write with")
        if self._reader == "bytes" and isinstance(value, bytes):
            body = value
        else:
            body = self._codec.encode(self.name, topic, self._reader, value)
        return self._head(topic, value) + body

    def _head(self, topic: str, value: Any) -> bytes:
        subject = self.subject_of(topic)
        head = self._heads.get(subject)
        if head is None:
            try:
                if self.auto_register:
                    schema_id = self.registry.register(subject, self.schema)
                else:
                    schema_id = self.registry.find(subject, self.schema)[0]
            except SerdeError as error:
                expected = f"a schema that subject '{subject}' takes ({error})"
                raise unwritable(self.name, topic, value, expected, error) from error
            head = self._heads[subject] = _HEAD.pack(_MAGIC, schema_id)
        return head

    def deserialize(self, topic: str, data: bytes) -> Any:
        if len(data) < _HEAD.size or data[0] != _MAGIC:
            raise unreadable(
                self.name,
                topic,
                data,
                "byte 0, a schema id (4 bytes) and Avro (Confluent's format)",
            )
        schema_id: int = _HEAD.unpack_from(data)[1]
        writer = self._writer(topic, data, schema_id)
        body = data[_HEAD.size :]
        if writer == "bytes" and self._reader in (None, "bytes"):
            return body
        try:
            return self._codec.decode(self.name, topic, body, writer, self._reader)
        except SerdeError as error:
            mismatch = None if self._reader is None else first_mismatch(writer, self._reader)
            if mismatch is None:
                raise
            expected = self._evolution(topic, schema_id, *mismatch)
            raise unreadable(self.name, topic, data, expected, error) from error

    def _writer(self, topic: str, data: bytes, schema_id: int) -> Any:
        writer = self._writers.get(schema_id)
        if writer is None:
            try:
                writer = self._codec.parse(self.registry.schema(schema_id))
            except (SerdeError, ConfigError) as error:
                expected = f"a schema that the registry has ({error})"
                raise unreadable(self.name, topic, data, expected, error) from error
            self._writers[schema_id] = writer
        return writer

    def _evolution(self, topic: str, schema_id: int, field: str, reason: str) -> str:
        subject = self.subject_of(topic)
        try:
            written = str(self.registry.versions(schema_id).get(subject, "of another subject"))
        except StreamkitError:
            written = "unknown"
        try:
            read = str(self.registry.find(subject, self.schema)[1])
        except StreamkitError:
            read = "not registered"
        return (
            f"a schema that its own can follow: subject '{subject}', written with version {written} "
            f"(schema id {schema_id}), read with version {read}: "
            f"field '{field or schema_name(self._reader)}': {reason}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (
            self.schema,
            self.registry,
            self.is_key,
            self.subject,
            self.auto_register,
        )


def _rebuilt(
    schema: Any, registry: SchemaRegistry, is_key: bool, subject: str | None, auto_register: bool
) -> AvroRegistrySerde:
    return AvroRegistrySerde(
        schema, registry, is_key=is_key, subject=subject, auto_register=auto_register
    )
