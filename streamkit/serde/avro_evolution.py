"""Where two Avro schemas part: the field that data of one can't be read into with the other.

Schemas are parsed ones, as plain JSON values with full names. Source: Avro 1.12 specification, "Schema
Resolution".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

__all__ = ["first_mismatch"]

_PROMOTIONS: Final[dict[str, frozenset[str]]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
    "bytes": frozenset({"string"}),
}


def first_mismatch(writer: Any, reader: Any) -> tuple[str, str] | None:
    """The first field that keeps `reader` from reading what `writer` wrote.

    Returns:
        Its path ("" for the schema itself, "address.street", "tags[]") and what is wrong with it; None
        if nothing is. An alternative of the writer's union that the reader lacks counts, as some of the
        data can't be read then.
    """
    walk = _Walk(dict(_names(writer)), dict(_names(reader)))
    return walk.compare(writer, reader, "")


class _Walk:
    """One comparison: the named types of both sides, and the pairs that are being compared."""

    def __init__(self, writers: dict[str, Any], readers: dict[str, Any]) -> None:
        self.writers = writers
        self.readers = readers
        self.seen: set[tuple[str, str]] = set()

    def compare(self, writer: Any, reader: Any, path: str) -> tuple[str, str] | None:
        writer = _resolved(writer, self.writers)
        reader = _resolved(reader, self.readers)
        if isinstance(writer, list):
            found = (self.compare(branch, reader, path) for branch in writer)
            return next((mismatch for mismatch in found if mismatch is not None), None)
        if isinstance(reader, list):
            mismatches = [self.compare(writer, branch, path) for branch in reader]
            if None in mismatches:
                return None
            alike = [m for m, r in zip(mismatches, reader, strict=True) if self._alike(writer, r)]
            return alike[0] if alike else (path, _differ(writer, reader))
        if not self._alike(writer, reader):
            return path, _differ(writer, reader)
        return self._inside(writer, reader, path)

    def _alike(self, writer: Any, reader: Any) -> bool:
        reader = _resolved(reader, self.readers)
        written, read = _kind(writer), _kind(reader)
        if written != read:
            return read in _PROMOTIONS.get(written, ())
        if written not in ("record", "error", "enum", "fixed"):
            return True
        names = {_last(reader["name"]), *map(_last, reader.get("aliases", ()))}
        return _last(writer["name"]) in names

    def _inside(self, writer: Any, reader: Any, path: str) -> tuple[str, str] | None:
        kind = _kind(writer)
        if kind in ("record", "error"):
            pair = (writer["name"], reader["name"])
            if pair in self.seen:  # a recursive type: it is being compared further out
                return None
            self.seen.add(pair)
            return self._fields(writer, reader, path)
        if kind == "array":
            return self.compare(writer["items"], reader["items"], f"{path}[]")
        if kind == "map":
            return self.compare(writer["values"], reader["values"], f"{path}{{}}")
        if kind == "fixed" and writer["size"] != reader["size"]:
            return path, f"written with {writer['size']} bytes, read with {reader['size']}"
        if kind == "enum" and "default" not in reader:
            unknown = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            if unknown:
                return (
                    path,
                    f"the reader's enum has neither the symbol '{unknown[0]}' nor a default",
                )
        return None

    def _fields(self, writer: Any, reader: Any, path: str) -> tuple[str, str] | None:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = (field["name"], *field.get("aliases", ()))
            source = next((written[name] for name in names if name in written), None)
            inner = f"{path}.{field['name']}" if path else field["name"]
            if source is None:
                if "default" not in field:
                    return inner, "the writer doesn't have it and the reader gives no default"
                continue
            mismatch = self.compare(source["type"], field["type"], inner)
            if mismatch is not None:
                return mismatch
        return None


def _names(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _names(branch)
    elif isinstance(schema, dict):
        if "name" in schema:
            yield schema["name"], schema
        for inner in (schema.get("type"), schema.get("items"), schema.get("values")):
            if isinstance(inner, (dict, list)):
                yield from _names(inner)
        for field in schema.get("fields", ()):
            yield from _names(field["type"])


def _resolved(schema: Any, names: dict[str, Any]) -> Any:
    if isinstance(schema, str):
        return names.get(schema, schema)
    if isinstance(schema, dict) and isinstance(schema.get("type"), (dict, list)):
        return _resolved(schema["type"], names)
    return schema


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union"
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _text(schema: Any) -> str:
    if isinstance(schema, list):
        return f"union of {', '.join(map(_text, schema))}"
    if isinstance(schema, dict) and "name" in schema:
        return f"{schema['type']} {schema['name']}"
    return _kind(schema)


def _differ(writer: Any, reader: Any) -> str:
    return f"written as {_text(writer)}, read as {_text(reader)}"
