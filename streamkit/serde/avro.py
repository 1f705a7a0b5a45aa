"""Avro's binary encoding through fastavro, with a schema given and nothing but the value in the bytes.

Needs the extra `avro`. Source: Avro 1.12 specification, "Binary Encoding" and "Schema Resolution".
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from streamkit.errors import ConfigError, caused_by
from streamkit.serde.avro_evolution import first_mismatch
from streamkit.serde.base import Serde
from streamkit.serde.extras import need
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["AvroCodec", "AvroSerde", "schema_name"]

_DEEPEST: Final = 500


class AvroCodec:
    """fastavro under this package's errors: schemas parsed once, values to bytes and back.

    fastavro's compiled code recurses without a bound, so that a few kilobytes of bad data would end the process.
    Where a schema refers to itself, its Python code reads, and values that are too deep aren't written.
    """

    def __init__(self) -> None:
        purpose = "an Avro serde"
        self._fastavro = need("fastavro", extra="avro", purpose=purpose)
        self._python_reader = need("fastavro._read_py", extra="avro", purpose=purpose)
        self._recursive: dict[int, tuple[Any, bool]] = {}

    def parse(self, schema: Any) -> Any:
        """`schema` with full names, checked.

        Raises:
            ConfigError: it is no Avro schema.
        """
        try:
            return self._fastavro.parse_schema(schema)
        except Exception as error:  # fastavro names no common base
            raise caused_by(ConfigError(f"no Avro schema: {error!r}"), error) from error

    def encode(self, serde: str, topic: str, schema: Any, value: Any) -> bytes:
        """`value` in `schema`; fields that the schema doesn't have are refused."""
        out = BytesIO()
        try:
            if self._is_recursive(schema):
                _check_depth(value)
            self._fastavro.schemaless_writer(out, schema, value, strict_allow_default=True)
        except Exception as error:  # fastavro lets through what the value raises
            expected = f"values of Avro's '{schema_name(schema)}' ({error!r})"
            raise unwritable(serde, topic, value, expected, error) from error
        return out.getvalue()

    def decode(self, serde: str, topic: str, data: bytes, writer: Any, reader: Any) -> Any:
        """The value of all of `data`, written with `writer`, as `reader` has it."""
        source = BytesIO(data)
        expected = f"Avro's '{schema_name(writer)}'"
        try:
            code = self._python_reader if self._is_recursive(writer) else self._fastavro
            value = code.schemaless_reader(source, writer, reader)
        except Exception as error:  # damaged bytes raise IndexError, EOFError, ValueError, …
            raise unreadable(serde, topic, data, f"{expected} ({error!r})", error) from error
        if source.tell() != len(data):
            left = len(data) - source.tell()
            raise unreadable(serde, topic, data, f"{expected}, and {left} bytes follow it")
        return value

    def _is_recursive(self, schema: Any) -> bool:
        known = self._recursive.get(id(schema))
        if known is None:
            # The schema is kept with the answer, so that its id stays its own.
            known = self._recursive[id(schema)] = (schema, _refers_to(schema, frozenset()))
        return known[1]


def _refers_to(schema: Any, around: frozenset[str]) -> bool:
    """Whether a part of the schema is a type that it is part of; `around`: the names of such types."""
    if isinstance(schema, str):
        return schema in around
    if isinstance(schema, list):
        return any(_refers_to(part, around) for part in schema)
    if not isinstance(schema, dict):
        return False
    if "name" in schema:
        around |= {schema["name"]}
    parts = [schema[part] for part in ("type", "items", "values") if part in schema]
    parts += [field["type"] for field in schema.get("fields", ())]
    return any(_refers_to(part, around) for part in parts)


def _check_depth(value: Any) -> None:
    """Raises `RecursionError` if dicts and lists lie in each other deeper than `_DEEPEST`."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            part
            for outer in level
            if isinstance(outer, (dict, list, tuple))
            for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise RecursionError(f"it is nested deeper than {_DEEPEST} levels")


class AvroSerde(Serde[Any]):
    r"""Values of one Avro schema as Avro binary.

    Args:
        schema: what the bytes are in, as JSON values (a dict, a list for a union, a type's name).
        reader_schema: what reading turns them into, by Avro's schema resolution: fields that `schema`
            doesn't have get their defaults, fields that the reader doesn't have are dropped. None: the
            same as `schema`.

    Raises:
        ConfigError: fastavro isn't installed, a schema isn't Avro, or `reader_schema` can't read what
            `schema` writes; names the field.

    Example:
        >>> AvroSerde("string").serialize("clicks", "hi")
        b'\x04hi'
    """

    def __init__(self, schema: Any, reader_schema: Any = None) -> None:
        codec = AvroCodec()
        writer = codec.parse(schema)
        super().__init__(f"avro[{schema_name(writer)}]")
        self._codec = codec
        self._writer = writer
        self._reader = None
        self._arguments = (schema, reader_schema)
        if reader_schema is not None:
            self._reader = codec.parse(reader_schema)
            mismatch = first_mismatch(writer, self._reader)
            if mismatch is not None:
                field, reason = mismatch
                raise ConfigError(
                    f"reader_schema '{schema_name(self._reader)}' can't read what schema "
                    f"'{schema_name(writer)}' writes: field '{field}': {reason}"
                )

    def serialize(self, topic: str, value: Any) -> bytes:
        return self._codec.encode(self.name, topic, self._writer, value)

    def deserialize(self, topic: str, data: bytes) -> Any:
        return self._codec.decode(self.name, topic, data, self._writer, self._reader)

    def __reduce__(self) -> tuple[type[AvroSerde], tuple[Any, Any]]:
        return AvroSerde, self._arguments


def schema_name(schema: Any) -> str:
    """How messages call a parsed schema: its full name, or its type."""
    if isinstance(schema, list):
        return "union"
    if isinstance(schema, dict):
        return str(schema.get("name") or schema["type"])
    return str(schema)
