"""Bytes to values and back, a format a file."""

from streamkit.serde.avro import AvroSerde
from streamkit.serde.avro_registry import AvroRegistrySerde
from streamkit.serde.base import Serde
from streamkit.serde.boolean import BooleanSerde
from streamkit.serde.byte_string import BytesSerde
from streamkit.serde.date_time import DateTimeSerde
from streamkit.serde.float64 import FloatSerde
from streamkit.serde.functions import serde_from
from streamkit.serde.integer import IntegerSerde
from streamkit.serde.json import JsonSerde
from streamkit.serde.lists import ListSerde
from streamkit.serde.message_pack import MessagePackSerde
from streamkit.serde.nullable import NullableSerde
from streamkit.serde.registry import serde_for
from streamkit.serde.schema_registry import SchemaRegistry
from streamkit.serde.string import StringSerde
from streamkit.serde.uuid import UUIDSerde
from streamkit.serde.windowed import SessionWindowedSerde, TimeWindowedSerde
from streamkit.serde.xml import XmlSerde

__all__ = [
    "AvroRegistrySerde",
    "AvroSerde",
    "BooleanSerde",
    "BytesSerde",
    "DateTimeSerde",
    "FloatSerde",
    "IntegerSerde",
    "JsonSerde",
    "ListSerde",
    "MessagePackSerde",
    "NullableSerde",
    "SchemaRegistry",
    "Serde",
    "SessionWindowedSerde",
    "StringSerde",
    "TimeWindowedSerde",
    "UUIDSerde",
    "XmlSerde",
    "serde_for",
    "serde_from",
]
