"""XML: what is read, written and refused."""

from __future__ import annotations

import sys
from xml.etree.ElementTree import Element, SubElement

import pytest

from streamkit.errors import ConfigError, SerdeError
from streamkit.serde import XmlSerde

BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


def test_element_is_written_as_utf8() -> None:
    flight = Element("flight", {"to": "<é>"})
    SubElement(flight, "delay").text = "3 & 4"
    data = XmlSerde().serialize("t", flight)
    assert data == '<flight to="&lt;é&gt;"><delay>3 &amp; 4</delay></flight>'.encode()
    assert XmlSerde().deserialize("t", data).findtext("delay") == "3 & 4"


def test_declared_encoding_is_read() -> None:
    data = "<?xml version='1.0' encoding='latin-1'?><a>é</a>".encode("latin-1")
    assert XmlSerde().deserialize("t", data).text == "é"


@pytest.mark.parametrize("data", [BOMB, OUTSIDE, b"<!DOCTYPE a><a/>"], ids=["bomb", "file", "dtd"])
def test_document_with_a_dtd_is_refused(data: bytes) -> None:
    with pytest.raises(SerdeError, match="XML without a DTD"):
        XmlSerde().deserialize("t", data)


@pytest.mark.parametrize(
    "data", [b"", b"<a>", b"<a/><b/>", b"<?xml version='1.0' encoding='x'?><a/>"]
)
def test_damaged_document_is_refused(data: bytes) -> None:
    with pytest.raises(SerdeError, match="serde 'xml' can't read"):
        XmlSerde().deserialize("t", data)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\uffff"])
def test_characters_that_xml_cannot_hold_are_refused(text: str) -> None:
    element = Element("a")
    element.text = text
    with pytest.raises(SerdeError, match="characters that XML allows"):
        XmlSerde().serialize("t", element)


def test_text_of_another_type_is_refused() -> None:
    with pytest.raises(SerdeError, match="cannot serialize 3"):
        XmlSerde().serialize("t", Element("a", {"n": 3}))  # type: ignore[dict-item]  # on purpose


def test_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    monkeypatch.delitem(sys.modules, "defusedxml.ElementTree", raising=False)
    with pytest.raises(ConfigError, match=r"'defusedxml': pip install 'streamkit\[xml\]'"):
        XmlSerde()
