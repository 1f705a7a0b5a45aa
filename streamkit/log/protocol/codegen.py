"""Source text of codecs, written from the declarations: what encoders and decoders have in common.

`encoder_source` and `decoder_source` write one function for a (class, version). Nested structs are inlined as loops; runs of
fixed-size fields become one `struct` call. To see what is written, print `source` in `Source.compile`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from streamkit.errors import ProtocolError
from streamkit.log.protocol.wire import Field, default_of, info_of

__all__ = ["FORMATS", "SIZES", "Source"]

FORMATS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint16": "H",
    "uint32": "I",
    "float64": "d",
    "bool": "?",
    "uuid": "16s",
}
SIZES = {kind: struct.calcsize(">" + code) for kind, code in FORMATS.items()}


class Source:
    """Source text of one function, and the objects it refers to.

    Args:
        cls, version: what the function is for.
        names: what its source may call.

    Raises:
        ProtocolError: the class has no such version.
    """

    def __init__(self, cls: type, version: int, names: Mapping[str, Any]) -> None:
        info = info_of(cls)
        if version not in info.versions:
            raise ProtocolError(
                f"{cls.__name__} has versions {info.versions.low} to {info.versions.high}, not {version}"
            )
        self.cls = cls
        self.version = version
        self.flexible = version in info.flexible
        self.names: dict[str, Any] = dict(names)
        self.lines: list[str] = []
        self.depth = 1
        self.serial = 0

    def emit(self, line: str) -> None:
        """Add a line at the present depth."""
        self.lines.append("    " * self.depth + line)

    def fresh(self, prefix: str) -> str:
        """A name that is not taken."""
        self.serial += 1
        return f"{prefix}{self.serial}"

    def refer(self, prefix: str, value: Any) -> str:
        """The name by which the source refers to an object."""
        for name, known in self.names.items():
            if known is value:
                return name
        name = self.fresh(prefix)
        self.names[name] = value
        return name

    def packer(self, code: str, method: str) -> str:
        """The name of a method of the `struct.Struct` for big-endian `code`."""
        name = f"{method}_{code}".replace("?", "t")
        if name not in self.names:
            self.names[name] = getattr(struct.Struct(">" + code), method)
        return name

    def constant(self, field: Field) -> str:
        """An expression for the default value of `field`, to compare with only: structs are shared."""
        if field.kind == "struct" and field.default_is_new:
            return self.refer("D", default_of(field))
        return self.literal(field)

    def literal(self, field: Field) -> str:
        """An expression for the default value of `field`."""
        if field.default_is_new:
            return "[]" if field.kind == "array" else f"{self.refer('C', field.struct)}()"
        if field.kind == "uuid":
            return self.refer("U", field.default)
        return repr(field.default)

    def compile(self, function: str, head: str) -> Any:
        """The function that `head` and the lines make."""
        source = "\n".join([head, *(self.lines or ["    pass"])])
        filename = f"<{function} {self.cls.__name__} v{self.version}>"
        # The source is made of declarations only, never of input.
        exec(compile(source, filename, "exec"), self.names)
        return self.names[function]
