"""XML documents as ElementTree elements, parsed by defusedxml: no DTD, no entities, nothing fetched.

Needs the extra `xml`.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, ParseError, tostring

from streamkit.serde.base import Serde
from streamkit.serde.extras import need
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["XmlSerde"]

# What XML 1.0 (section 2.2) lets no document hold, not even escaped.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class XmlSerde(Serde[Element]):
    """`xml.etree.ElementTree.Element` to UTF-8 without a declaration, and back.

    Reading takes any encoding that the document declares; comments and processing instructions are
    dropped, and line ends come as a line feed, as XML says. A document with a DTD is refused, so
    entities can't grow or reach for files.

    Raises:
        ConfigError: defusedxml isn't installed.

    Example:
        >>> XmlSerde().deserialize("clicks", b"<click page='home'/>").attrib
        {'page': 'home'}
    """

    def __init__(self) -> None:
        super().__init__("xml")
        self._parser = need("defusedxml.ElementTree", extra="xml", purpose="an XML serde")

    def serialize(self, topic: str, value: object) -> bytes:
        if not isinstance(value, Element):
            raise unwritable(self.name, topic, value, "xml.etree.ElementTree.Element")
        try:
            text = tostring(value, encoding="unicode")
        except (TypeError, ValueError, RecursionError) as error:
            raise unwritable(
                self.name, topic, value, f"elements of text ({error})", error
            ) from error
        if _FORBIDDEN.search(text) is not None:
            raise unwritable(self.name, topic, value, "text of characters that XML allows")
        return text.encode()

    def deserialize(self, topic: str, data: bytes) -> Element:
        try:
            element: Element = self._parser.fromstring(data, forbid_dtd=True)
        except (ParseError, ValueError, LookupError) as error:
            raise unreadable(
                self.name, topic, data, f"XML without a DTD ({error})", error
            ) from error
        return element

    def __reduce__(self) -> tuple[type[XmlSerde], tuple[()]]:
        return XmlSerde, ()
