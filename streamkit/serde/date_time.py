"""Points in time as 8 bytes, big-endian: milliseconds since the epoch (UTC), as Kafka's Long.

Kafka has no serde for dates; a Java application reads these bytes with its Long serde.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Final

from streamkit.serde.base import Serde
from streamkit.serde.failures import unreadable, unwritable

__all__ = ["DateTimeSerde"]

_LONG: Final = Struct(">q")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class DateTimeSerde(Serde[datetime]):
    r"""datetime with a time zone to milliseconds, and back as UTC.

    What is finer than a millisecond is cut off (toward the past), and so is the zone: the point in time
    stays. A datetime without a zone is refused, as it names no point in time. Not canonical: values that
    differ within a millisecond have the same bytes.

    Example:
        >>> DateTimeSerde().deserialize("clicks", b"\0\0\0\0\0\0\x03\xe8").isoformat()
        '1970-01-01T00:00:01+00:00'
    """

    def __init__(self) -> None:
        super().__init__("datetime", canonical=False, immutable=True)

    def serialize(self, topic: str, value: object) -> bytes:
        if not isinstance(value, datetime) or value.utcoffset() is None:
            raise unwritable(self.name, topic, value, "datetime with a time zone")
        return _LONG.pack((value - _EPOCH) // _MILLISECOND)

    def deserialize(self, topic: str, data: bytes) -> datetime:
        if len(data) != 8:
            raise unreadable(self.name, topic, data, "8 bytes, big-endian (Kafka's Long)")
        try:
            return _EPOCH + timedelta(milliseconds=_LONG.unpack(data)[0])
        except OverflowError as error:
            raise unreadable(
                self.name, topic, data, "milliseconds within the years 1 to 9999", error
            ) from error

    def fits(self, value: object) -> bool:
        return type(value) is datetime and value.tzinfo is UTC and value.microsecond % 1000 == 0

    def __reduce__(self) -> tuple[type[DateTimeSerde], tuple[()]]:
        return DateTimeSerde, ()
