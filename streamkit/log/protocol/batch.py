"""Record batches of format 2: the layout, and everything that reads or makes it.

| bytes | field | in the CRC |
| --- | --- | --- |
| 0-7 | base offset | no |
| 8-11 | length of what follows | no |
| 12-15 | partition leader epoch | no |
| 16 | magic, 2 | no |
| 17-20 | CRC-32C of what follows | |
| 21-22 | attributes: 0-2 compression, 3 log append time, 4 transactional, 5 control, 6 delete horizon | yes |
| 23-26 | last offset delta | yes |
| 27-34, 35-42 | base timestamp, max timestamp | yes |
| 43-50, 51-52, 53-56 | producer id, producer epoch, base sequence; -1 without | yes |
| 57-60 | number of records | yes |
| 61- | the records, compressed as a whole | yes |

A record: length, attributes (1 byte), timestamp delta, offset delta, key length and key, value length and value, number of
headers, then for each name length and name, value length and value. Numbers are zigzag varints, length -1 is null.

The parts: `batch_header` (read, check, stamp), `batch_decoder` (records into columns), `batch_builder` (records into
a batch; transaction markers), `control_kind`.

Source: the protocol guide's "Record Batch"; KIP-98.
"""

from streamkit.log.protocol.batch_builder import BatchBuilder, control_batch
from streamkit.log.protocol.batch_decoder import RecordColumns, decode_batch, decode_in_parts
from streamkit.log.protocol.batch_header import (
    HEADER_BYTES,
    BatchHeader,
    batches,
    check_crc,
    read_header,
    set_log_append_time,
    stamp,
)
from streamkit.log.protocol.control_kind import ControlKind, control_kind

__all__ = [
    "HEADER_BYTES",
    "BatchBuilder",
    "BatchHeader",
    "ControlKind",
    "RecordColumns",
    "batches",
    "check_crc",
    "control_batch",
    "control_kind",
    "decode_batch",
    "decode_in_parts",
    "read_header",
    "set_log_append_time",
    "stamp",
]
