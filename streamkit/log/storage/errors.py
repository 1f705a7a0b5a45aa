"""Why a log refuses an append or a read: each refusal carries the code that goes over the wire.

```
BrokerError
└── LogError                         `code` is an ErrorCode
    ├── CorruptMessageError          CORRUPT_MESSAGE: checksum or structure of a sent batch
    ├── InvalidRecordError           INVALID_RECORD: a batch that breaks the rules; names the records
    │   └── NotOneBatchError         INVALID_RECORD: no batch, several, or another version's
    ├── MessageTooLargeError         MESSAGE_TOO_LARGE
    ├── InvalidTimestampError        INVALID_TIMESTAMP: names the records
    ├── OutOfOrderSequenceError      OUT_OF_ORDER_SEQUENCE_NUMBER
    ├── InvalidProducerEpochError    INVALID_PRODUCER_EPOCH
    ├── InvalidTxnStateError         INVALID_TXN_STATE
    ├── CoordinatorFencedError       TRANSACTION_COORDINATOR_FENCED
    └── OffsetOutOfRangeError        OFFSET_OUT_OF_RANGE
StorageError
└── LogStorageError                  KAFKA_STORAGE_ERROR, retriable: the disk refused
```
Damage that is found in a file is a `CorruptRecordError` with topic, partition, segment and position.
"""

from __future__ import annotations

from streamkit.errors import BrokerError, StorageError
from streamkit.log.protocol import ErrorCode

__all__ = [
    "CoordinatorFencedError",
    "CorruptMessageError",
    "InvalidProducerEpochError",
    "InvalidRecordError",
    "InvalidTimestampError",
    "InvalidTxnStateError",
    "LogError",
    "LogStorageError",
    "MessageTooLargeError",
    "NotOneBatchError",
    "OffsetOutOfRangeError",
    "OutOfOrderSequenceError",
]


class LogError(BrokerError):
    """A log refused a request; nothing of it was written.

    Attributes:
        code: the wire error code.
        record_errors: index in the batch and reason of each refused record, if they are known.
    """

    error_code: ErrorCode = ErrorCode.UNKNOWN_SERVER_ERROR

    def __init__(
        self,
        message: str,
        *,
        topic_partition: tuple[str, int] | None = None,
        record_errors: tuple[tuple[int, str], ...] = (),
    ) -> None:
        code = type(self).error_code
        super().__init__(
            message, code=code, retriable=code.retriable, topic_partition=topic_partition
        )
        self.record_errors = record_errors


class CorruptMessageError(LogError):
    """A sent batch fails its checksum or isn't a record batch of version 2."""

    error_code = ErrorCode.CORRUPT_MESSAGE


class InvalidRecordError(LogError):
    """A sent batch breaks a rule of the log: counts, control records, missing keys."""

    error_code = ErrorCode.INVALID_RECORD


class NotOneBatchError(InvalidRecordError):
    """What was sent is not one record batch of version 2, but none, more, or one of another version."""


class MessageTooLargeError(LogError):
    """A sent batch is larger than `max.message.bytes` or than a segment."""

    error_code = ErrorCode.MESSAGE_TOO_LARGE


class InvalidTimestampError(LogError):
    """A record's timestamp lies too far from the broker's clock."""

    error_code = ErrorCode.INVALID_TIMESTAMP


class OutOfOrderSequenceError(LogError):
    """An idempotent producer's batch doesn't follow its last one."""

    error_code = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


class InvalidProducerEpochError(LogError):
    """A newer instance of the producer has written already."""

    error_code = ErrorCode.INVALID_PRODUCER_EPOCH


class InvalidTxnStateError(LogError):
    """A plain batch of a producer that has a transaction open in this partition."""

    error_code = ErrorCode.INVALID_TXN_STATE


class CoordinatorFencedError(LogError):
    """A transaction marker of a coordinator that has been replaced."""

    error_code = ErrorCode.TRANSACTION_COORDINATOR_FENCED


class OffsetOutOfRangeError(LogError):
    """The offset lies before the log's start or after its end.

    Attributes:
        log_start_offset, end_offset: what the log holds: `[log_start_offset, end_offset)`.
    """

    error_code = ErrorCode.OFFSET_OUT_OF_RANGE

    def __init__(
        self,
        message: str,
        *,
        topic_partition: tuple[str, int] | None = None,
        log_start_offset: int = -1,
        end_offset: int = -1,
    ) -> None:
        super().__init__(message, topic_partition=topic_partition)
        self.log_start_offset = log_start_offset
        self.end_offset = end_offset


class LogStorageError(StorageError):
    """The disk refused: full, gone or failing. The log stays as it was; the call may be repeated.

    Attributes:
        code: always KAFKA_STORAGE_ERROR.
    """

    code = ErrorCode.KAFKA_STORAGE_ERROR

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message, path=path, retriable=True)
