"""The wire: what Kafka's clients and brokers say to each other, as bytes and as objects.

A leaf without sockets, files or clocks, shared by broker and client.
"""

from streamkit.log.protocol.apis import (
    ApiKey,
    is_flexible,
    known_keys,
    request_class,
    response_class,
    version_range,
)
from streamkit.log.protocol.batch import (
    HEADER_BYTES,
    BatchBuilder,
    BatchHeader,
    ControlKind,
    RecordColumns,
    batches,
    check_crc,
    control_batch,
    control_kind,
    decode_batch,
    decode_in_parts,
    read_header,
    set_log_append_time,
    stamp,
)
from streamkit.log.protocol.codec import (
    decode_struct,
    encode_struct,
)
from streamkit.log.protocol.compression import (
    MAX_BATCH_BYTES,
    Compression,
    compress,
    decompress,
)
from streamkit.log.protocol.error_codes import ErrorCode
from streamkit.log.protocol.frames import (
    RequestHeader,
    decode_request,
    decode_request_header,
    decode_response,
    encode_request,
    encode_response,
)
from streamkit.log.protocol.log_records import (
    decode_metadata_record,
    decode_record_key,
    decode_versioned,
    encode_metadata_record,
    encode_record_key,
    encode_versioned,
)
from streamkit.log.protocol.wire import NO_UUID, VersionRange

__all__ = [
    "HEADER_BYTES",
    "MAX_BATCH_BYTES",
    "NO_UUID",
    "ApiKey",
    "BatchBuilder",
    "BatchHeader",
    "Compression",
    "ControlKind",
    "ErrorCode",
    "RecordColumns",
    "RequestHeader",
    "VersionRange",
    "batches",
    "check_crc",
    "compress",
    "control_batch",
    "control_kind",
    "decode_batch",
    "decode_in_parts",
    "decode_metadata_record",
    "decode_record_key",
    "decode_request",
    "decode_request_header",
    "decode_response",
    "decode_struct",
    "decode_versioned",
    "decompress",
    "encode_metadata_record",
    "encode_record_key",
    "encode_request",
    "encode_response",
    "encode_struct",
    "encode_versioned",
    "is_flexible",
    "known_keys",
    "read_header",
    "request_class",
    "response_class",
    "set_log_append_time",
    "stamp",
    "version_range",
]
